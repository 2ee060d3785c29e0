//! Changing what a pod's link has when its lease changes.
//!
//! The new address is there before the old one goes, so that the kernel never finds the link without
//! one and drops its routes.

use std::net::IpAddr;
use std::time::Duration;

use cni::{AddResult, Route};
use ipnetwork::{IpNetwork, Ipv4Network};
use netlink::{Netlink, NewAddress, NewRoute, Placement};
use netns::announce;

use super::link::{self, PodLink, Visit};
use super::node::Node;

/// Whether the link has the lease's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Present,
    Absent,
}

/// From what to what a link changes.
pub(crate) struct Change {
    pub(crate) old: Option<AddResult>,
    pub(crate) new: Option<AddResult>,
    /// How long the new address is valid; nothing for ever.
    pub(crate) lifetime: Option<Duration>,
    /// Whether the link is known to have had the lease's address.
    pub(crate) is_ours: bool,
}

/// Gives `address` the time that its lease has, if the link has it.
pub(crate) fn refresh(
    link: &PodLink,
    address: Ipv4Network,
    lifetime: Option<Duration>,
    node: &Node,
) -> Result<Found, link::Error> {
    let Visit { mut netlink, .. } = link.open(&node.root)?;
    let address = IpNetwork::V4(address);
    if !has(&mut netlink, link, address)? {
        return Ok(Found::Absent);
    }
    let index = link.index();
    netlink.replace_address(&NewAddress {
        valid: lifetime,
        ..NewAddress::new(index, address)
    })?;
    Ok(Found::Present)
}

/// Makes the link have what `change.new` says in place of `change.old`; a link that is not ours, and
/// does not have the old address, is left alone.
pub(crate) fn change(link: &PodLink, change: &Change, node: &Node) -> Result<Found, link::Error> {
    let Visit {
        namespace,
        mut netlink,
    } = link.open(&node.root)?;
    let address_of = |result: &AddResult| result.ips.first().map(|ip| ip.address);
    let old = change.old.as_ref().and_then(address_of);
    let new = change.new.as_ref().and_then(address_of);
    if let Some(old) = old.filter(|_| !change.is_ours)
        && !has(&mut netlink, link, old)?
    {
        return Ok(Found::Absent);
    }
    if let Some(new) = new {
        let address = NewAddress {
            valid: change.lifetime,
            ..NewAddress::new(link.index(), new)
        };
        netlink.replace_address(&address)?;
    }
    let wanted = change
        .new
        .as_ref()
        .map(|new| routes(link, new))
        .unwrap_or_default();
    let obsolete = change
        .old
        .as_ref()
        .map(|old| routes(link, old))
        .unwrap_or_default();
    for route in obsolete.iter().filter(|route| !wanted.contains(route)) {
        log_refusal(netlink.delete_route(route));
    }
    if let Some(old) = old.filter(|old| new != Some(*old)) {
        netlink.delete_address(link.index(), old)?;
    }
    for route in &wanted {
        log_refusal(netlink.add_route(route, Placement::Beside));
    }
    if let Some(IpAddr::V4(address)) = new.map(|new| new.ip()) {
        let mac = link.mac().octets();
        match namespace.run(|| announce::gratuitous_arp(link.index(), mac, address))? {
            Ok((_, socket)) => node.closer.close(socket),
            Err(error) => tracing::warn!("cannot announce {address}: {error}"),
        }
    }
    Ok(Found::Present)
}

/// The routes of a result, those first that others need.
fn routes(link: &PodLink, result: &AddResult) -> Vec<NewRoute> {
    let mut routes: Vec<_> = result
        .routes
        .iter()
        .map(|route| kernel_route(link, route, result))
        .collect();
    routes.sort_by_key(|route| (route.gw.is_some(), std::cmp::Reverse(route.dst.prefix())));
    routes
}

fn kernel_route(link: &PodLink, route: &Route, result: &AddResult) -> NewRoute {
    let default_gateway = || {
        let of_family = |gateway: &IpAddr| gateway.is_ipv4() == route.dst.is_ipv4();
        result
            .ips
            .iter()
            .find_map(|ip| ip.gateway.filter(of_family))
    };
    let gw = match route.gw {
        Some(gateway) => Some(gateway).filter(|gateway| !gateway.is_unspecified()),
        // rtnetlink(7): a scope of link or narrower has no gateway.
        None if route.scope.is_some() => None,
        None => default_gateway(),
    };
    let new = NewRoute::new(route.dst, gw, link.index());
    NewRoute {
        table: route.table.unwrap_or(new.table),
        scope: route.scope,
        priority: route.priority,
        mtu: route.mtu,
        advmss: route.advmss,
        onlink: gw.is_some_and(|gw| !is_reachable(gw, result)),
        ..new
    }
}

/// Whether the kernel finds `gateway` on the link by the result's address or a link-scope route.
fn is_reachable(gateway: IpAddr, result: &AddResult) -> bool {
    let on_link = result
        .routes
        .iter()
        .filter(|route| route.gw.is_none_or(|gw| gw.is_unspecified()) && route.scope.is_some());
    result.ips.iter().any(|ip| ip.address.contains(gateway))
        || on_link.into_iter().any(|route| route.dst.contains(gateway))
}

fn has(netlink: &mut Netlink, link: &PodLink, address: IpNetwork) -> Result<bool, link::Error> {
    let addresses = netlink.addresses(link.index())?;
    Ok(addresses.iter().any(|found| found.net == address))
}

/// One bad route must not cost the others.
fn log_refusal(outcome: Result<bool, netlink::Error>) {
    if let Err(error) = outcome {
        tracing::warn!("{error}");
    }
}
