//! Changing what a pod's link has when its lease changes.
//!
//! The new address is there before the old one goes, so that the kernel never finds the link without
//! one and drops its routes.

use std::net::IpAddr;
use std::time::Duration;

use cni::AddResult;
use ipnetwork::{IpNetwork, Ipv4Network};
use netlink::apply::{DefaultRoute, plan};
use netlink::{LinkChange, Netlink, NewAddress, NewRoute};
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
    /// The MTU that the link is to have from now on; none leaves it as it is.
    pub(crate) mtu: Option<u32>,
    /// Whether the link gets the new default route.
    pub(crate) default_route: DefaultRoute,
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

/// Makes sure that the link is there, and looks for `address` on it.
pub(crate) fn look(
    link: &PodLink,
    address: Option<Ipv4Network>,
    node: &Node,
) -> Result<Found, link::Error> {
    let Visit { mut netlink, .. } = link.open(&node.root)?;
    match address {
        Some(address) if !has(&mut netlink, link, IpNetwork::V4(address))? => Ok(Found::Absent),
        Some(_) | None => Ok(Found::Present),
    }
}

/// Makes the link have what `change.new` says in place of `change.old`; a link that is not ours, and
/// does not have the old address, is left alone.
pub(crate) fn change(link: &PodLink, change: &Change, node: &Node) -> Result<Found, link::Error> {
    let Visit {
        namespace,
        mut netlink,
        mtu,
    } = link.open(&node.root)?;
    let address_of = |result: &AddResult| result.ips.first().map(|ip| ip.address);
    let old = change.old.as_ref().and_then(address_of);
    let new = change.new.as_ref().and_then(address_of);
    if let Some(old) = old.filter(|_| !change.is_ours)
        && !has(&mut netlink, link, old)?
    {
        return Ok(Found::Absent);
    }
    let address = new.map(|new| NewAddress {
        valid: change.lifetime,
        ..NewAddress::new(link.index(), new)
    });
    if let Some(address) = &address {
        netlink.replace_address(address)?;
    }
    if let Some(wanted) = change.mtu.filter(|wanted| *wanted != mtu) {
        limit(&mut netlink, link, wanted);
    }
    let unwanted = change.default_route.unwanted(&mut netlink, link.index())?;
    let routes_of = |result: Option<&AddResult>| {
        let mut routes = result
            .map(|result| routes(link, result))
            .unwrap_or_default();
        routes.retain(|route| !unwanted.has(route.dst, Some(route.table)));
        routes
    };
    let wanted = routes_of(change.new.as_ref());
    let obsolete = routes_of(change.old.as_ref());
    for route in obsolete.iter().filter(|route| !wanted.contains(route)) {
        log_refusal(netlink.delete_route(route));
    }
    if let Some(old) = old.filter(|old| new != Some(*old)) {
        netlink.delete_address(link.index(), old)?;
        // With the first address of a subnet the kernel removes the others too, unless
        // `promote_secondaries` is set.
        if let Some(address) = &address {
            netlink.replace_address(address)?;
        }
    }
    for route in &wanted {
        log_refusal(netlink.add_route(route));
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

/// Gives the link the MTU that its first lease says.
pub(crate) fn set_mtu(link: &PodLink, wanted: u32, node: &Node) -> Result<(), link::Error> {
    let Visit { mut netlink, .. } = link.open(&node.root)?;
    limit(&mut netlink, link, wanted);
    Ok(())
}

/// Sets the MTU. A link without it still works.
fn limit(netlink: &mut Netlink, link: &PodLink, mtu: u32) {
    let change = LinkChange {
        mtu: Some(mtu),
        ..LinkChange::default()
    };
    if let Err(error) = netlink.set_link(link.index(), &change) {
        tracing::warn!("the pod's link does not get the MTU {mtu} of the lease: {error}");
    }
}

/// The routes of a result as ADD makes them, those first that others need.
fn routes(link: &PodLink, result: &AddResult) -> Vec<NewRoute> {
    let ips: Vec<_> = result.ips.iter().collect();
    let planned = plan::routes(link.index(), &ips, &result.routes);
    planned.into_iter().map(|planned| planned.new).collect()
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
