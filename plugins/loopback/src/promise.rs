//! What ADD says of `lo`, and what of a result is said of `lo`. Pure.

use std::path::Path;

use cni::{AddResult, Interface, IpConfig};
use ipnetwork::IpNetwork;

/// The name of the link.
pub(crate) const LO: &str = "lo";

/// Returns the result of an ADD without plugins before it: the link, and its first loopback address of each family.
pub(crate) fn result(netns: &Path, addresses: &[IpNetwork]) -> AddResult {
    let first = |family: fn(&IpNetwork) -> bool| {
        addresses
            .iter()
            .find(|net| family(net) && net.ip().is_loopback())
            .copied()
    };
    let ips = [first(IpNetwork::is_ipv4), first(IpNetwork::is_ipv6)];
    AddResult {
        interfaces: vec![lo(netns)],
        ips: ips
            .into_iter()
            .flatten()
            .map(|address| IpConfig {
                interface: Some(0),
                address,
                gateway: None,
            })
            .collect(),
        ..AddResult::default()
    }
}

/// Returns what a result says of `lo`: where it says nothing, that it is there. The routes are those of other links.
pub(crate) fn of_lo(result: Option<&AddResult>, netns: &Path) -> AddResult {
    let mut promised = result.cloned().unwrap_or_default();
    promised.routes.clear();
    let named = promised.interfaces.iter().any(|interface| {
        interface.name == LO
            && interface
                .sandbox
                .as_deref()
                .is_some_and(|path| !path.is_empty())
    });
    if !named {
        promised.interfaces.push(lo(netns));
    }
    promised
}

fn lo(netns: &Path) -> Interface {
    Interface {
        name: LO.to_owned(),
        mac: Some(NO_MAC.to_owned()),
        sandbox: Some(netns.to_string_lossy().into_owned()),
        ..Interface::default()
    }
}

/// What a loopback device has for a MAC.
const NO_MAC: &str = "00:00:00:00:00:00";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_loopback_address_of_each_family_is_in_the_result() {
        for (addresses, expected) in [
            (&["127.0.0.1/8", "::1/128"][..], "127.0.0.1/8 ::1/128"),
            (
                &[
                    "192.0.2.9/32",
                    "127.0.0.1/8",
                    "127.0.0.53/8",
                    "fd00::1/64",
                    "::1/128",
                ],
                "127.0.0.1/8 ::1/128",
            ),
            // IPv6 may be off.
            (&["127.0.0.1/8"], "127.0.0.1/8"),
            (&["192.0.2.9/32"], ""),
        ] {
            let result = result(netns(), &nets(addresses));
            let texts: Vec<String> = result
                .ips
                .iter()
                .map(|ip| {
                    assert_eq!((ip.interface, ip.gateway), (Some(0), None));
                    ip.address.to_string()
                })
                .collect();
            assert_eq!(texts.join(" "), expected);
        }
    }

    #[test]
    fn a_result_without_lo_promises_that_it_is_there() {
        let elsewhere = Interface {
            name: LO.to_owned(),
            ..Interface::default()
        };
        let others = AddResult {
            interfaces: vec![elsewhere],
            ips: vec![IpConfig {
                interface: Some(0),
                address: nets(&["10.0.0.1/8"]).remove(0),
                gateway: None,
            }],
            routes: vec![cni::Route::new(nets(&["0.0.0.0/0"]).remove(0), None)],
            ..AddResult::default()
        };
        for (result, at) in [(None, 0), (Some(&others), 1)] {
            let promised = of_lo(result, netns());
            assert_eq!(promised.interfaces.get(at), Some(&lo(netns())));
            assert!(promised.routes.is_empty());
        }
    }

    #[test]
    fn what_a_result_says_of_lo_is_kept() {
        let said = result(netns(), &nets(&["127.0.0.1/8"]));
        assert_eq!(of_lo(Some(&said), Path::new("/run/netns/other")), said);
    }

    fn nets(texts: &[&str]) -> Vec<IpNetwork> {
        texts
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect()
    }

    fn netns() -> &'static Path {
        Path::new("/run/netns/p")
    }
}
