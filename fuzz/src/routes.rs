//! What a plan of routes has to keep, whatever lease it was made for.

use std::net::Ipv4Addr;

use dhcp_client::Lease;
use dhcp_client::routes::{self, PlannedRoute};
use ipnetwork::Ipv4Network;

/// Plans the routes of `lease` and checks what a kernel and RFC 3442 ask of them.
pub(crate) fn check_plan(lease: &Lease) {
    let plan = routes::plan(lease);
    let mut set: Vec<&PlannedRoute> = Vec::new();
    for route in &plan.routes {
        assert_eq!(route.dst.ip(), route.dst.network(), "host bits: {route:?}");
        assert!(
            set.iter().all(|known| known.dst != route.dst),
            "twice: {route:?}"
        );
        check_next_hop(lease, &set, route);
        set.push(route);
    }
    let rank = |route: &PlannedRoute| (route.gw.is_some(), u8::MAX - route.dst.prefix());
    assert!(plan.routes.is_sorted_by_key(rank), "{plan:?}");
    let default = plan.routes.iter().find(|route| route.dst.prefix() == 0);
    assert_eq!(plan.gateway, default.and_then(|route| route.gw));
    check_origin(lease, &plan.routes);
}

/// When its turn comes, the kernel can reach the next hop, or has been told that it is on the link.
fn check_next_hop(lease: &Lease, set: &[&PlannedRoute], route: &PlannedRoute) {
    let Some(gw) = route.gw else {
        assert!(!route.onlink, "{route:?}");
        return;
    };
    assert!(is_router(lease, gw) && gw != lease.address, "{route:?}");
    let on_link = lease.network().contains(gw)
        || set
            .iter()
            .any(|known| known.gw.is_none() && known.dst.contains(gw));
    assert_eq!(route.onlink, !on_link, "{route:?}");
}

/// Every route was asked for by the option that counts, and what was asked for is there unless it would be wrong.
fn check_origin(lease: &Lease, routes: &[PlannedRoute]) {
    let asked = asked(lease);
    let asked: Vec<(Ipv4Network, Option<Ipv4Addr>)> = asked
        .into_iter()
        .map(|(dst, router)| {
            let on_link = router.is_unspecified() || router == lease.address;
            (
                net(dst.network(), dst.prefix()),
                (!on_link).then_some(router),
            )
        })
        .collect();
    for route in routes {
        assert!(
            asked.contains(&(route.dst, route.gw)),
            "nobody asked for {route:?}"
        );
    }
    for (dst, _) in &asked {
        let wanted = asked
            .iter()
            .find(|(other, gw)| other == dst && is_usable(lease, *dst, *gw));
        let set = routes.iter().find(|route| route.dst == *dst);
        assert_eq!(
            set.map(|route| route.gw),
            wanted.map(|(_, gw)| *gw),
            "{dst}"
        );
    }
}

/// Destinations and routers of the options that count.
fn asked(lease: &Lease) -> Vec<(Ipv4Network, Ipv4Addr)> {
    if let Some(classless) = &lease.classless_routes {
        let classless = classless.iter();
        return classless
            .map(|route| (route.destination, route.router))
            .collect();
    }
    let fixed = lease
        .static_routes
        .iter()
        .filter(|route| !route.destination.is_unspecified());
    let fixed = fixed.map(|route| (classful(route.destination), route.router));
    let routers = lease.routers.iter();
    let defaults = routers.map(|router| (net(Ipv4Addr::UNSPECIFIED, 0), *router));
    fixed.chain(defaults).collect()
}

/// The kernel does not make the route by itself, and it leads somewhere.
fn is_usable(lease: &Lease, dst: Ipv4Network, gw: Option<Ipv4Addr>) -> bool {
    let subnet = lease.network();
    let [first, ..] = dst.ip().octets();
    dst != net(subnet.network(), subnet.prefix())
        && dst != net(lease.address, 32)
        && !(first == 0 && dst.prefix() >= 8)
        && first != 127
        && first < 224
        && gw.is_none_or(|gw| is_router(lease, gw))
}

fn is_router(lease: &Lease, address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    let subnet = lease.network();
    let is_broadcast = subnet.prefix() < 31 && address == subnet.broadcast();
    first != 0 && first != 127 && first < 224 && !is_broadcast
}

/// RFC 2132 §5.8 has no masks: a network of the address's class, or a host.
fn classful(address: Ipv4Addr) -> Ipv4Network {
    let prefix_len = match address.octets() {
        [0..128, _, _, _] => 8,
        [128..192, _, _, _] => 16,
        [192..224, _, _, _] => 24,
        [224..=255, _, _, _] => 32,
    };
    let network = net(address, prefix_len);
    if network.network() == address {
        network
    } else {
        net(address, 32)
    }
}

fn net(address: Ipv4Addr, prefix_len: u8) -> Ipv4Network {
    Ipv4Network::new_checked(address, prefix_len).expect("a prefix length")
}
