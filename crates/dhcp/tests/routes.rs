//! What the options of awkward servers mean for a routing table, as a table.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::Ipv4Addr;

use dhcp_client::{ClasslessRoute, Instant, Lease, RawOptions, StaticRoute, routes};
use proptest::prelude::*;

/// The options of a lease of 192.0.2.7 with a prefix length.
#[derive(Default)]
struct Given<'a> {
    prefix_len: u8,
    routers: &'a [&'a str],
    classless: Option<&'a [(&'a str, &'a str)]>,
    fixed: &'a [(&'a str, &'a str)],
}

fn lease(given: &Given<'_>) -> Lease {
    let address = |text: &&str| text.parse::<Ipv4Addr>().unwrap();
    Lease {
        address: Ipv4Addr::new(192, 0, 2, 7),
        prefix_len: given.prefix_len,
        server_id: Ipv4Addr::new(192, 0, 2, 1),
        acquired_at: Instant::default(),
        times: None,
        routers: given.routers.iter().map(address).collect(),
        dns: Vec::new(),
        domain: None,
        search: Vec::new(),
        mtu: None,
        broadcast: None,
        ntp: Vec::new(),
        static_routes: given
            .fixed
            .iter()
            .map(|(dst, gw)| StaticRoute {
                destination: address(dst),
                router: address(gw),
            })
            .collect(),
        classless_routes: given.classless.map(|routes| {
            let route = |(dst, gw): &(&str, &str)| ClasslessRoute {
                destination: dst.parse().unwrap(),
                router: address(gw),
            };
            routes.iter().map(route).collect()
        }),
        options: RawOptions::default(),
    }
}

/// Returns the routes as `ip route` would write them, and the gateway.
fn plan(given: &Given<'_>) -> (Vec<String>, Option<String>) {
    let plan = routes::plan(&lease(given));
    let text = |route: &routes::PlannedRoute| match (route.gw, route.onlink) {
        (None, false) => format!("{} link", route.dst),
        (Some(gw), false) => format!("{} via {gw}", route.dst),
        (gw, true) => format!("{} via {} onlink", route.dst, gw.unwrap()),
    };
    (
        plan.routes.iter().map(text).collect(),
        plan.gateway.map(|gateway| gateway.to_string()),
    )
}

#[track_caller]
fn check(given: &Given<'_>, routes: &[&str], gateway: Option<&str>) {
    let (seen, seen_gateway) = plan(given);
    assert_eq!(seen, routes);
    assert_eq!(seen_gateway.as_deref(), gateway);
}

const GW: &str = "192.0.2.1";

fn classless<'a>(routes: &'a [(&'a str, &'a str)]) -> Given<'a> {
    Given {
        prefix_len: 24,
        classless: Some(routes),
        ..Given::default()
    }
}

fn fixed<'a>(routes: &'a [(&'a str, &'a str)]) -> Given<'a> {
    Given {
        prefix_len: 24,
        fixed: routes,
        ..Given::default()
    }
}

fn routers<'a>(prefix_len: u8, routers: &'a [&'a str]) -> Given<'a> {
    Given {
        prefix_len,
        routers,
        ..Given::default()
    }
}

#[test]
fn nothing_given_is_nothing_to_set() {
    check(&routers(24, &[]), &[], None);
}

#[test]
fn the_first_router_is_the_default_route() {
    check(
        &routers(24, &[GW, "192.0.2.2"]),
        &["0.0.0.0/0 via 192.0.2.1"],
        Some(GW),
    );
}

#[test]
fn a_router_at_the_broadcast_address_is_passed_over() {
    let given = routers(24, &["192.0.2.255", GW]);
    check(&given, &["0.0.0.0/0 via 192.0.2.1"], Some(GW));
    check(&routers(24, &["192.0.2.255"]), &[], None);
    let classless = classless(&[("10.0.0.0/8", "192.0.2.255")]);
    check(&classless, &[], None);
    // 192.0.2.7/31 has no such address: 192.0.2.6 is the other host.
    let two = routers(31, &["192.0.2.6"]);
    check(&two, &["0.0.0.0/0 via 192.0.2.6"], Some("192.0.2.6"));
}

#[test]
fn a_router_outside_the_subnet_is_on_the_link() {
    let onlink = &["0.0.0.0/0 via 198.51.100.1 onlink"];
    check(
        &routers(24, &["198.51.100.1"]),
        onlink,
        Some("198.51.100.1"),
    );
    check(
        &routers(32, &[GW]),
        &["0.0.0.0/0 via 192.0.2.1 onlink"],
        Some(GW),
    );
}

#[test]
fn a_router_that_is_the_client_means_the_link() {
    check(&routers(24, &["192.0.2.7"]), &["0.0.0.0/0 link"], None);
}

#[test]
fn classless_routes_replace_routers_and_static_routes() {
    let given = Given {
        routers: &["192.0.2.9"],
        fixed: &[("10.0.0.1", "192.0.2.9")],
        ..classless(&[("10.1.0.0/16", GW), ("0.0.0.0/0", GW)])
    };
    check(
        &given,
        &["10.1.0.0/16 via 192.0.2.1", "0.0.0.0/0 via 192.0.2.1"],
        Some(GW),
    );
}

#[test]
fn without_a_default_among_classless_routes_there_is_none() {
    let given = Given {
        routers: &["192.0.2.9"],
        ..classless(&[("10.1.0.0/16", GW)])
    };
    check(&given, &["10.1.0.0/16 via 192.0.2.1"], None);
}

#[test]
fn link_routes_come_first_and_the_default_last_in_whatever_order_they_were_sent() {
    let given = classless(&[
        ("0.0.0.0/0", "198.51.100.1"),
        ("10.0.0.0/8", "198.51.100.1"),
        ("10.1.0.0/16", "198.51.100.1"),
        ("198.51.100.0/24", "0.0.0.0"),
        ("203.0.113.1/32", "0.0.0.0"),
    ]);
    let expected = [
        "203.0.113.1/32 link",
        "198.51.100.0/24 link",
        "10.1.0.0/16 via 198.51.100.1",
        "10.0.0.0/8 via 198.51.100.1",
        "0.0.0.0/0 via 198.51.100.1",
    ];
    check(&given, &expected, Some("198.51.100.1"));
}

#[test]
fn a_cloud_with_addresses_of_32_bits_works() {
    let routes = [("0.0.0.0/0", "172.31.1.1"), ("172.31.1.1/32", "0.0.0.0")];
    let given = Given {
        prefix_len: 32,
        ..classless(&routes)
    };
    let expected = ["172.31.1.1/32 link", "0.0.0.0/0 via 172.31.1.1"];
    check(&given, &expected, Some("172.31.1.1"));
}

#[test]
fn a_default_route_on_the_link_has_no_gateway() {
    check(
        &classless(&[("0.0.0.0/0", "0.0.0.0")]),
        &["0.0.0.0/0 link"],
        None,
    );
}

#[test]
fn host_bits_are_masked_and_duplicates_dropped() {
    let given = classless(&[
        ("10.1.2.3/16", GW),
        ("10.1.0.0/16", GW),
        ("10.1.0.0/16", "192.0.2.2"),
        ("10.1.0.0/17", GW),
    ]);
    check(
        &given,
        &["10.1.0.0/17 via 192.0.2.1", "10.1.0.0/16 via 192.0.2.1"],
        None,
    );
}

#[test]
fn routes_that_the_kernel_makes_are_skipped() {
    let given = classless(&[
        ("192.0.2.0/24", "0.0.0.0"),
        ("192.0.2.0/24", GW),
        ("192.0.2.99/24", GW),
        ("192.0.2.7/32", GW),
        ("192.0.2.0/25", GW),
    ]);
    check(&given, &["192.0.2.0/25 via 192.0.2.1"], None);
}

#[test]
fn routes_that_lead_nowhere_are_skipped() {
    let given = classless(&[
        ("224.0.0.0/4", GW),
        ("240.0.0.0/4", GW),
        ("127.0.0.0/8", GW),
        ("0.0.0.0/8", GW),
        ("0.1.2.3/32", GW),
        ("10.0.0.0/8", "224.0.0.1"),
        ("10.0.0.0/8", "255.255.255.255"),
        ("10.0.0.0/8", "127.0.0.1"),
        ("10.0.0.0/8", "0.0.0.1"),
    ]);
    check(&given, &[], None);
}

#[test]
fn halves_of_a_default_route_are_routes() {
    let given = classless(&[("0.0.0.0/1", GW), ("128.0.0.0/1", GW)]);
    check(
        &given,
        &["0.0.0.0/1 via 192.0.2.1", "128.0.0.0/1 via 192.0.2.1"],
        None,
    );
}

#[test]
fn static_routes_are_hosts_or_classful_networks() {
    let given = Given {
        routers: &[GW],
        ..fixed(&[
            ("10.0.0.0", "192.0.2.2"),
            ("10.1.2.3", "192.0.2.2"),
            ("172.16.0.0", "192.0.2.2"),
            ("172.16.1.0", "192.0.2.2"),
            ("198.51.100.0", "192.0.2.2"),
            ("198.51.100.9", "192.0.2.2"),
            ("0.0.0.0", "192.0.2.2"),
            ("224.0.0.1", "192.0.2.2"),
            ("250.0.0.1", "192.0.2.2"),
            ("10.1.2.3", "192.0.2.3"),
        ])
    };
    let expected = [
        "10.1.2.3/32 via 192.0.2.2",
        "172.16.1.0/32 via 192.0.2.2",
        "198.51.100.9/32 via 192.0.2.2",
        "198.51.100.0/24 via 192.0.2.2",
        "172.16.0.0/16 via 192.0.2.2",
        "10.0.0.0/8 via 192.0.2.2",
        "0.0.0.0/0 via 192.0.2.1",
    ];
    check(&given, &expected, Some(GW));
}

#[test]
fn a_gateway_inside_its_own_destination_is_kept() {
    let given = Given {
        prefix_len: 26,
        ..classless(&[("192.0.2.0/24", GW)])
    };
    check(&given, &["192.0.2.0/24 via 192.0.2.1"], None);
}

proptest! {
    /// Every plan can be set from first to last: nothing twice, no host bits, each next hop on the
    /// link, behind a link route before it, or marked.
    #[test]
    fn a_plan_can_be_set_in_its_order(
        address in 1..0xdfff_ffff_u32,
        prefix_len in 0..=32_u8,
        routers in proptest::collection::vec(any::<u32>(), 0..3),
        fixed in proptest::collection::vec((any::<u32>(), any::<u32>()), 0..5),
        sent in proptest::option::of(
            proptest::collection::vec((any::<u32>(), 0..=32_u8, any::<u32>()), 1..20),
        ),
    ) {
        let lease = Lease {
            address: address.into(),
            prefix_len,
            routers: routers.into_iter().map(Ipv4Addr::from).collect(),
            static_routes: fixed
                .into_iter()
                .map(|(dst, gw)| StaticRoute { destination: dst.into(), router: gw.into() })
                .collect(),
            classless_routes: sent.map(|routes| {
                let route = |(dst, prefix_len, gw): (u32, u8, u32)| ClasslessRoute {
                    destination: ipnetwork::Ipv4Network::new(dst.into(), prefix_len).unwrap(),
                    router: (if gw % 3 == 0 { 0 } else { gw }).into(),
                };
                routes.into_iter().map(route).collect()
            }),
            ..lease(&Given::default())
        };
        let plan = routes::plan(&lease);
        for (position, route) in plan.routes.iter().enumerate() {
            let (before, after) = plan.routes.split_at(position);
            prop_assert_eq!(route.dst.ip(), route.dst.network());
            prop_assert!(before.iter().all(|other| other.dst != route.dst));
            if route.dst.prefix() == 0 {
                let later = after.iter().skip(1);
                prop_assert!(route.gw.is_none() || later.count() == 0);
                prop_assert_eq!(plan.gateway, route.gw);
            }
            if let Some(gw) = route.gw {
                let linked = lease.network().contains(gw)
                    || before.iter().any(|link| link.gw.is_none() && link.dst.contains(gw));
                prop_assert_eq!(linked, !route.onlink);
            } else {
                prop_assert!(!route.onlink);
                prop_assert!(before.iter().all(|other| other.gw.is_none()));
            }
        }
    }
}
