//! What a lease means for the routing table (RFC 3442, RFC 2132 §3.5 and §5.8).

use std::net::Ipv4Addr;

use ipnetwork::Ipv4Network;

use crate::lease::{Lease, classful};

/// The routes of a lease, in the order in which they can be set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoutePlan {
    /// Link-scope routes first, then by prefix length, the default route last.
    pub routes: Vec<PlannedRoute>,
    /// The router of the default route; `None` without one, and for one that needs no router.
    pub gateway: Option<Ipv4Addr>,
}

/// One route to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRoute {
    /// The destination, without host bits.
    pub dst: Ipv4Network,
    /// The next hop; `None` for a route of link scope.
    pub gw: Option<Ipv4Addr>,
    /// The next hop is outside the lease's subnet and every link-scope route of this plan, so that
    /// the kernel has to be told that it is on the link.
    pub onlink: bool,
}

/// Returns the routes that `lease` asks for.
///
/// Classless routes replace routers and static routes (RFC 3442: a client that knows 121 ignores 3
/// and 33), also when there is no default route among them. Left out are routes that the kernel
/// makes by itself, that lead nowhere, and all but the first to a destination.
#[must_use]
pub fn plan(lease: &Lease) -> RoutePlan {
    let mut routes: Vec<PlannedRoute> = Vec::new();
    for (dst, router) in wanted(lease) {
        if let Some(route) = usable(lease, dst, router)
            && routes.iter().all(|known| known.dst != route.dst)
        {
            routes.push(route);
        }
    }
    routes.sort_by_key(|route| (route.gw.is_some(), u8::MAX - route.dst.prefix()));
    let links: Vec<Ipv4Network> = routes
        .iter()
        .filter(|route| route.gw.is_none())
        .map(|route| route.dst)
        .collect();
    for route in &mut routes {
        route.onlink = route.gw.is_some_and(|gw| {
            !lease.network().contains(gw) && !links.iter().any(|link| link.contains(gw))
        });
    }
    let gateway = routes
        .iter()
        .find(|route| route.dst.prefix() == 0)
        .and_then(|route| route.gw);
    RoutePlan { routes, gateway }
}

/// Returns destinations and routers as the server meant them, preferred first.
fn wanted(lease: &Lease) -> Vec<(Ipv4Network, Ipv4Addr)> {
    if let Some(classless) = &lease.classless_routes {
        return classless
            .iter()
            .map(|route| (route.destination, route.router))
            .collect();
    }
    let fixed = lease.static_routes.iter().filter_map(|route| {
        // RFC 2132 §5.8: the default route is no static route.
        let network = classful_destination(route.destination)?;
        (!route.destination.is_unspecified()).then_some((network, route.router))
    });
    // The first that can be used becomes the default route.
    let defaults = lease.routers.iter().filter_map(|router| {
        let everywhere = Ipv4Network::new_checked(Ipv4Addr::UNSPECIFIED, 0)?;
        Some((everywhere, *router))
    });
    fixed.chain(defaults).collect()
}

/// Returns the host, or the network of the address's class if there are no host bits.
fn classful_destination(destination: Ipv4Addr) -> Option<Ipv4Network> {
    let network = Ipv4Network::new_checked(destination, classful(destination))?;
    Some(if network.network() == destination {
        network
    } else {
        Ipv4Network::from(destination)
    })
}

fn usable(lease: &Lease, dst: Ipv4Network, router: Ipv4Addr) -> Option<PlannedRoute> {
    let dst = Ipv4Network::new_checked(dst.network(), dst.prefix())?;
    let subnet = lease.network();
    let of_the_kernel = dst.ip() == subnet.network() && dst.prefix() == subnet.prefix()
        || dst == lease.address.into();
    let nowhere = match dst.ip().octets() {
        [0, ..] => dst.prefix() >= CLASS_A,
        [127 | 224..=255, ..] => true,
        [_, ..] => false,
    };
    // RFC 3442 writes "on the link" as 0.0.0.0; older servers name the client itself.
    let gw = (!router.is_unspecified() && router != lease.address).then_some(router);
    let is_broadcast = subnet.prefix() < POINT_TO_POINT && gw == Some(subnet.broadcast());
    let reachable = match gw.map(|gw| gw.octets()) {
        Some([0 | 127 | 224..=255, ..]) => false,
        Some([_, ..]) | None => !is_broadcast,
    };
    (!of_the_kernel && !nowhere && reachable).then_some(PlannedRoute {
        dst,
        gw,
        onlink: false,
    })
}

/// Within 0.0.0.0/8 are no hosts; 0.0.0.0/1 is half of a default route.
const CLASS_A: u8 = 8;

/// RFC 3021: from this prefix length on there is no broadcast address.
const POINT_TO_POINT: u8 = 31;
