//! The routes of a result in the order and form in which the kernel takes them. Pure.

use std::cmp::Reverse;
use std::net::IpAddr;

use cni::{IpConfig, Route};
use ipnetwork::IpNetwork;

use crate::NewRoute;
use crate::route::{LINK_SCOPE, MAIN_TABLE};

/// A route as the kernel gets it, and as the result has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned<'a> {
    /// What the kernel is asked for.
    pub new: NewRoute,
    /// What the result says.
    pub route: &'a Route,
}

/// Returns the routes to be made, in order: a route makes the gateways reachable of those after it. First those without
/// a gateway, then those with one, longer prefixes before shorter; default routes last. Duplicates are left out, and
/// so is what the kernel makes by itself from the addresses.
#[must_use]
pub fn routes<'a>(ifindex: u32, ips: &[&IpConfig], routes: &'a [Route]) -> Vec<Planned<'a>> {
    let mut planned: Vec<Planned<'_>> = Vec::new();
    for route in routes {
        let new = new_route(ifindex, ips, route);
        if !is_made_by_kernel(&new, ips) && planned.iter().all(|other| other.new != new) {
            planned.push(Planned { new, route });
        }
    }
    planned.sort_by_key(|Planned { new, .. }| {
        (
            new.dst.prefix() == 0,
            new.gw.is_some(),
            Reverse(new.dst.prefix()),
        )
    });

    let on_link: Vec<_> = planned
        .iter()
        .filter(|planned| planned.new.gw.is_none() && planned.new.dst.prefix() > 0)
        .map(|planned| planned.new.dst)
        .collect();
    for planned in &mut planned {
        planned.new.onlink = planned
            .new
            .gw
            .is_some_and(|gw| !is_reachable(gw, ips, &on_link));
    }
    planned
}

fn new_route(ifindex: u32, ips: &[&IpConfig], route: &Route) -> NewRoute {
    let dst = without_host_bits(route.dst);
    let gw = match route.gw {
        Some(gw) if gw.is_unspecified() => None,
        Some(gw) => Some(gw),
        None if route.scope.is_some_and(|scope| scope >= LINK_SCOPE) || is_own_subnet(dst, ips) => {
            None
        }
        None => default_gateway(dst, ips),
    };
    NewRoute {
        table: route
            .table
            .filter(|table| *table != UNSPECIFIED_TABLE)
            .unwrap_or(MAIN_TABLE),
        scope: route.scope,
        priority: route.priority,
        mtu: route.mtu,
        advmss: route.advmss,
        ..NewRoute::new(dst, gw, ifindex)
    }
}

fn without_host_bits(net: IpNetwork) -> IpNetwork {
    match net {
        IpNetwork::V4(v4) => {
            ipnetwork::Ipv4Network::new(v4.network(), v4.prefix()).map_or(net, IpNetwork::V4)
        }
        IpNetwork::V6(v6) => {
            ipnetwork::Ipv6Network::new(v6.network(), v6.prefix()).map_or(net, IpNetwork::V6)
        }
    }
}

/// The first gateway of the destination's family among the addresses.
fn default_gateway(dst: IpNetwork, ips: &[&IpConfig]) -> Option<IpAddr> {
    ips.iter()
        .filter_map(|ip| ip.gateway)
        .find(|gw| gw.is_ipv4() == dst.is_ipv4() && !gw.is_unspecified())
}

/// Whether the destination is the subnet of one of the addresses, for which the kernel makes a route.
fn is_own_subnet(dst: IpNetwork, ips: &[&IpConfig]) -> bool {
    ips.iter().any(|ip| {
        let host = if ip.address.is_ipv4() { 32 } else { 128 };
        ip.address.prefix() < host && without_host_bits(ip.address) == dst
    })
}

fn is_made_by_kernel(new: &NewRoute, ips: &[&IpConfig]) -> bool {
    let plain = NewRoute {
        scope: new.scope,
        ..NewRoute::new(new.dst, None, new.ifindex)
    };
    *new == plain && is_own_subnet(new.dst, ips)
}

fn is_reachable(gw: IpAddr, ips: &[&IpConfig], on_link: &[IpNetwork]) -> bool {
    let link_local = match gw {
        IpAddr::V4(_) => false,
        IpAddr::V6(gw) => gw.is_unicast_link_local(),
    };
    link_local
        || ips
            .iter()
            .map(|ip| ip.address)
            .chain(on_link.iter().copied())
            .any(|net| net.contains(gw))
}

/// `RT_TABLE_UNSPEC`, which the kernel takes for the main table.
const UNSPECIFIED_TABLE: u32 = 0;

#[cfg(test)]
mod tests;
