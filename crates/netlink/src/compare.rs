//! Comparing a link with the result that an ADD returned for it: what CHECK does.
//!
//! Only what the result promises is looked for. What is there beside it — the link-local address, addresses and routes
//! that the workload has made — is nobody's fault.

use cni::{AddResult, Interface, IpConfig, MacAddr};
use ipnetwork::IpNetwork;

use crate::apply::plan;
use crate::link::Link;
use crate::route::{KernelRoute, RouteFilter};
use crate::{Error, Netlink, NewRoute};

mod difference;

pub use difference::Difference;

/// Tells whether the link `ifname` of the connection's namespace is what `result` says: there, up, with the MAC and MTU
/// if the result has them, with each of its addresses and each of the result's routes.
pub fn result_with_link(
    netlink: &mut Netlink,
    ifname: &str,
    result: &AddResult,
) -> Result<(), Difference> {
    let promised = result
        .interfaces
        .iter()
        .find(|interface| is_inside(interface, ifname));
    let Some(interface) = promised else {
        return Err(Difference::NotPromised {
            ifname: ifname.to_owned(),
        });
    };
    let link = match netlink.link(ifname) {
        Err(Error::LinkNotFound { .. }) => {
            return Err(Difference::LinkGone {
                ifname: ifname.to_owned(),
            });
        }
        link => link?,
    };
    compare_link(&link, interface)?;
    let ips: Vec<_> = result
        .ips
        .iter()
        .filter(|ip| {
            let interface = ip.interface.and_then(|index| result.interfaces.get(index));
            interface.is_some_and(|interface| is_inside(interface, ifname))
        })
        .collect();
    compare_addresses(netlink, &link, &ips)?;
    compare_routes(netlink, &link, &ips, result)
}

/// An interface of the same name on the host has no sandbox.
fn is_inside(interface: &Interface, ifname: &str) -> bool {
    interface.name == ifname
        && interface
            .sandbox
            .as_deref()
            .is_some_and(|sandbox| !sandbox.is_empty())
}

fn compare_link(link: &Link, interface: &Interface) -> Result<(), Difference> {
    let ifname = link.name.clone();
    if !link.up {
        return Err(Difference::Down { ifname });
    }
    if let Some(expected) = interface.mac.as_deref().filter(|mac| !mac.is_empty())
        && link.mac != MacAddr::parse(expected).ok()
    {
        return Err(Difference::Mac {
            ifname,
            expected: MacAddr::parse(expected)
                .map_or_else(|_| cni::quoted(expected), |mac| mac.to_string()),
            found: link.mac,
        });
    }
    match interface.mtu {
        Some(expected) if expected != 0 && expected != link.mtu => Err(Difference::Mtu {
            ifname,
            expected,
            found: link.mtu,
        }),
        Some(_) | None => Ok(()),
    }
}

fn compare_addresses(
    netlink: &mut Netlink,
    link: &Link,
    ips: &[&IpConfig],
) -> Result<(), Difference> {
    if ips.is_empty() {
        return Ok(());
    }
    let found = netlink.addresses(link.index)?;
    for ip in ips {
        match found.iter().find(|found| found.net == ip.address) {
            Some(found) if found.dad_failed => {
                return Err(Difference::Duplicate {
                    ifname: link.name.clone(),
                    address: found.net,
                });
            }
            Some(_) => {}
            None => {
                return Err(Difference::Address {
                    ifname: link.name.clone(),
                    expected: ip.address,
                    found: found
                        .iter()
                        .map(|found| found.net)
                        .filter(|net| same_family(*net, ip.address))
                        .collect(),
                });
            }
        }
    }
    Ok(())
}

fn compare_routes(
    netlink: &mut Netlink,
    link: &Link,
    ips: &[&IpConfig],
    result: &AddResult,
) -> Result<(), Difference> {
    let planned = plan::routes(link.index, ips, &result.routes);
    if planned.is_empty() {
        return Ok(());
    }
    let found = netlink.routes(RouteFilter {
        ifindex: Some(link.index),
        table: None,
    })?;
    for planned in planned {
        if !found.iter().any(|found| is_same_route(&planned.new, found)) {
            let here: Vec<_> = found
                .into_iter()
                .filter(|found| found.dst == planned.new.dst)
                .collect();
            let elsewhere = match here.first() {
                Some(_) => None,
                None => route_elsewhere(netlink, &planned.new)?.map(Box::new),
            };
            return Err(Difference::Route {
                ifname: link.name.clone(),
                expected: Box::new(planned.new),
                found: here,
                elsewhere,
            });
        }
    }
    Ok(())
}

/// Returns the link that has a route to the same destination, and the route.
fn route_elsewhere(
    netlink: &mut Netlink,
    expected: &NewRoute,
) -> Result<Option<(String, KernelRoute)>, Error> {
    let routes = netlink.routes(RouteFilter {
        ifindex: None,
        table: Some(expected.table),
    })?;
    let found = routes
        .into_iter()
        .filter(|route| route.dst == expected.dst && route.ifindex != Some(expected.ifindex))
        .find_map(|route| Some((route.ifindex?, route)));
    let Some((ifindex, route)) = found else {
        return Ok(None);
    };
    Ok(Some((netlink.link_by_index(ifindex)?.name, route)))
}

fn is_same_route(expected: &NewRoute, found: &KernelRoute) -> bool {
    let kept = |expected: Option<u32>, found: Option<u32>| expected.is_none() || expected == found;
    let metric = |expected: Option<u32>, largest: u32| {
        expected
            .filter(|size| *size != 0)
            .map(|size| size.min(largest))
    };
    expected.dst == found.dst
        && expected.gw == found.gw
        && expected.table == found.table
        && kept(kernel_priority(expected), Some(found.priority))
        && kept(metric(expected.mtu, LARGEST_MTU), found.mtu)
        && kept(metric(expected.advmss, LARGEST_ADVMSS), found.advmss)
        // IPv6 routes have no scope.
        && (expected.dst.is_ipv6() || expected.scope.is_none_or(|scope| scope == found.scope))
}

/// The metric that the kernel gives to a route for the one that is asked for.
fn kernel_priority(expected: &NewRoute) -> Option<u32> {
    match expected.priority {
        Some(0) if expected.dst.is_ipv6() => Some(IPV6_DEFAULT_METRIC),
        priority => priority,
    }
}

fn same_family(one: IpNetwork, other: IpNetwork) -> bool {
    one.is_ipv4() == other.is_ipv4()
}

/// `IP6_RT_PRIO_USER`.
const IPV6_DEFAULT_METRIC: u32 = 1024;
/// Linux, `ip_metrics_convert`: a larger one is cut down to it.
const LARGEST_MTU: u32 = 65535 - 15;
/// The same for the segment size.
const LARGEST_ADVMSS: u32 = 65535 - 40;
