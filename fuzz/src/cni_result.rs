//! Results and errors of every version (SPEC §5): what is read can be written, and what is written is read back.

use cni::{AddResult, Error, SpecVersion};
use ipnetwork::IpNetwork;
use serde_json::Value;

use crate::cni_config::check_error;

/// Reads the input as the result of an ADD, and as an error.
pub fn cni_result(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    match AddResult::from_json(&value) {
        Ok(result) => check_result(&result),
        Err(error) => check_error(&error),
    }
    // A delegate's words are passed on as they are.
    if let Some(said) = Error::parse(&value) {
        for version in SpecVersion::ALL {
            assert_eq!(Error::parse(&said.to_json(version)), Some(said.clone()));
        }
    }
}

/// In every version the result comes back, but for what the version has no place for; a version that has no place
/// for a result at all says so.
pub(crate) fn check_result(result: &AddResult) {
    for version in SpecVersion::ALL {
        let json = match result.to_json(version) {
            Ok(json) => json,
            Err(error) => {
                assert!(!version.carries_layer_2() && result.ips.is_empty());
                check_error(&error);
                continue;
            }
        };
        assert_eq!(json["cniVersion"], version.as_str());
        let text = serde_json::to_vec(&json).expect("a value has a text");
        let read: Value = serde_json::from_slice(&text).expect("what was written is JSON");
        assert_eq!(read, json);
        let back = AddResult::from_json(&read).expect("what was written is a result");
        assert_eq!(back, carried(result, version), "{version}");
        assert_eq!(back.to_json(version), Ok(json), "{version}");
    }
}

/// What is left of a result in the shape of a version.
fn carried(result: &AddResult, version: SpecVersion) -> AddResult {
    let mut carried = result.clone();
    if version < SpecVersion::V1_0_0 {
        for interface in &mut carried.interfaces {
            interface.mtu = None;
            interface.socket_path = None;
            interface.pci_id = None;
        }
    }
    if !version.carries_layer_2() {
        carried.interfaces.clear();
        carried.ips.clear();
        carried.routes.clear();
        for family in [IpNetwork::is_ipv4, IpNetwork::is_ipv6] {
            let Some(first) = result.ips.iter().find(|ip| family(&ip.address)) else {
                continue;
            };
            let mut first = first.clone();
            first.interface = None;
            carried.ips.push(first);
            let routes = result.routes.iter().filter(|route| family(&route.dst));
            carried
                .routes
                .extend(routes.map(|route| cni::Route::new(route.dst, route.gw)));
        }
    }
    carried
}
