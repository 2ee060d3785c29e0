//! What a lease and a network's configuration together mean for a pod, as a CNI result.

use std::net::{IpAddr, Ipv4Addr};

use cni::{AddResult, Dns, IpConfig, Route};
use dhcp_client::Lease;
use dhcp_client::routes::{self, PlannedRoute};
use ipnetwork::IpNetwork;

use crate::lease_config::{LeaseConfig, Suppressed};

/// Returns the address, routes and name service of `lease`.
pub(crate) fn of_lease(lease: &Lease, config: &LeaseConfig) -> AddResult {
    let plan = routes::plan(lease);
    let gateway = plan
        .gateway
        .filter(|_| !config.suppresses(Suppressed::Gateway));
    let ip = IpConfig {
        interface: None,
        address: IpNetwork::V4(lease.network()),
        gateway: gateway.map(IpAddr::V4),
    };
    let leased = plan.routes.iter().filter(|route| wanted(route, config));
    let leased = leased.map(|route| leased_route(route, config));
    let own: Vec<Route> = config.routes.iter().map(Route::from).collect();
    let leased = leased.filter(|route| !own.iter().any(|own| own.dst == route.dst));
    let routes = leased.chain(own.iter().cloned()).collect();
    AddResult {
        interfaces: Vec::new(),
        ips: vec![ip],
        routes,
        dns: name_service(lease, config),
    }
}

fn wanted(route: &PlannedRoute, config: &LeaseConfig) -> bool {
    let is_default = route.dst.prefix() == 0;
    let unwanted = config.suppresses(Suppressed::Routes)
        || is_default && config.suppresses(Suppressed::Gateway);
    !unwanted
}

fn leased_route(route: &PlannedRoute, config: &LeaseConfig) -> Route {
    // A route without any gateway would get that of the address. The reference says 0.0.0.0 too.
    let gateway = route.gw.unwrap_or(Ipv4Addr::UNSPECIFIED);
    Route {
        priority: config.priority,
        scope: route.gw.is_none().then_some(LINK_SCOPE),
        ..Route::new(IpNetwork::V4(route.dst), Some(IpAddr::V4(gateway)))
    }
}

fn name_service(lease: &Lease, config: &LeaseConfig) -> Dns {
    if config.suppresses(Suppressed::Dns) {
        return Dns::default();
    }
    Dns {
        nameservers: lease.dns.iter().map(ToString::to_string).collect(),
        domain: lease.domain.clone(),
        search: lease.search.clone(),
        options: Vec::new(),
    }
}

/// rtnetlink(7): `RT_SCOPE_LINK`.
const LINK_SCOPE: u8 = 253;
