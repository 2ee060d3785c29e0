//! Routes that the kernel refuses: whose they are decides what that means.

use cni::{AddResult, Error as CniError, RequestConfig, Route};
use cni_plugin::warn;
use serde::Deserialize;

use crate::error::Error;

/// Drops refused routes that a DHCP server has sent from the result, with a warning, so that one of them does not cost the
/// pod its network; a refused route of the user's is an error.
pub(crate) fn judge(
    refused: Vec<(Route, netlink::Error)>,
    result: &mut AddResult,
    request: &RequestConfig,
) -> Result<(), Error> {
    for (route, error) in refused {
        if !is_from_server(&route, request) {
            return Err(error.into());
        }
        warn(format_args!(
            "left out of what the DHCP server has sent: {error}"
        ));
        result.routes.retain(|kept| *kept != route);
    }
    Ok(())
}

/// Tells whether the route is in the lease and not in the configuration.
fn is_from_server(route: &Route, request: &RequestConfig) -> bool {
    let configured: Result<Keys, CniError> = request.decode();
    let routes = configured
        .ok()
        .and_then(|keys| keys.ipam.routes)
        .unwrap_or_default();
    request.ipam_type.as_deref() == Some(DHCP) && routes.iter().all(|own| own.dst != route.dst)
}

/// The IPAM whose routes come from the LAN.
const DHCP: &str = "dhcp";

#[derive(Deserialize)]
struct Keys {
    ipam: IpamKeys,
}

#[derive(Deserialize)]
struct IpamKeys {
    routes: Option<Vec<Route>>,
}
