//! Results put on a link: every order and kind of route that servers and users send, and both families.

use cni::{AddResult, Route};
use netlink::apply::configure;
use netlink::{Error, Link, LinkChange};

use crate::node::{Node, ip, result, route};

/// Returns the first refused route as an error.
fn apply(node: &mut Node, result: &AddResult) -> Result<(), Error> {
    let link = net1(node);
    let refused = configure(&mut node.inside, &node.pod, &link, result)?;
    refused
        .into_iter()
        .next()
        .map_or(Ok(()), |(_, error)| Err(error))
}

fn net1(node: &mut Node) -> Link {
    match node.inside.link("net1") {
        Ok(link) => link,
        Err(_) => node.net1(),
    }
}

/// Applies to a fresh pod and returns the IPv4 routes of `net1` that are not the kernel's own.
fn routes_after(addresses: &[&str], routes: Vec<Route>) -> Vec<String> {
    let mut node = Node::new();
    let result = AddResult {
        routes,
        ..result(addresses)
    };
    apply(&mut node, &result).unwrap();
    let seen = node.ip("route show table all dev net1");
    let seen = seen
        .lines()
        .filter(|line| !line.contains("proto kernel") && !line.contains("ff00::/8"));
    seen.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn addresses_of_both_families_are_usable_at_once() {
    let mut node = Node::new();
    apply(
        &mut node,
        &result(&["192.0.2.5/24 192.0.2.1", "2001:db8::5/64 2001:db8::1"]),
    )
    .unwrap();
    let seen = node.ip("address show dev net1");
    assert!(
        seen.contains("inet 192.0.2.5/24 brd 192.0.2.255 scope global net1"),
        "{seen}"
    );
    let line = seen
        .lines()
        .find(|line| line.contains("2001:db8::5/64"))
        .unwrap();
    assert!(!line.contains("tentative"), "{line}");
}

#[test]
fn a_link_that_is_down_is_switched_on() {
    let mut node = Node::new();
    let link = node.net1();
    node.inside
        .set_link(
            link.index,
            &LinkChange {
                up: Some(false),
                ..LinkChange::default()
            },
        )
        .unwrap();
    apply(&mut node, &result(&["192.0.2.5/24"])).unwrap();
    assert!(node.inside.link("net1").unwrap().up);
}

#[test]
fn ipv6_is_switched_on_where_the_pod_had_it_off() {
    let mut node = Node::new();
    let value =
        |name: &str| std::fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{name}")).unwrap();
    node.pod
        .run(|| std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").unwrap())
        .unwrap();
    node.pod
        .run(|| std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap())
        .unwrap();
    apply(&mut node, &result(&["2001:db8::5/64"])).unwrap();
    node.pod
        .run(|| {
            assert_eq!(value("net1/disable_ipv6").trim(), "0");
            assert_eq!(value("lo/disable_ipv6").trim(), "0");
            assert_eq!(value("net1/keep_addr_on_down").trim(), "1");
            assert_eq!(value("net1/ndisc_notify").trim(), "1");
        })
        .unwrap();
}

#[test]
fn an_ipv6_address_that_another_pod_has_is_named() {
    let mut node = Node::new();
    apply(&mut node, &result(&["2001:db8::5/64"])).unwrap();
    let _first = node.change_pods();
    let result = result(&["192.0.2.5/24", "2001:db8::6/64", "2001:db8::5/64"]);
    let error = apply(&mut node, &result).unwrap_err();
    assert!(
        matches!(error, Error::DuplicateAddress { address } if address.to_string() == "2001:db8::5"),
        "{error}"
    );
}

#[test]
fn a_link_without_carrier_is_not_waited_for() {
    let mut node = Node::new();
    ip("link set lan down");
    apply(&mut node, &result(&["2001:db8::5/64"])).unwrap();
    let seen = node.ip("address show dev net1");
    assert!(
        seen.contains("inet6 2001:db8::5/64 scope global tentative"),
        "{seen}"
    );
}

#[test]
fn a_result_applied_twice_is_applied_once() {
    let mut node = Node::new();
    let result = AddResult {
        routes: vec![route("0.0.0.0/0", ""), route("::/0", "")],
        ..result(&["192.0.2.5/24 192.0.2.1", "2001:db8::5/64 2001:db8::1"])
    };
    apply(&mut node, &result).unwrap();
    let before = node.ip("route show table all") + &node.ip("-6 route");
    apply(&mut node, &result).unwrap();
    assert_eq!(
        node.ip("route show table all") + &node.ip("-6 route"),
        before
    );
}

#[test]
fn an_address_without_interface_is_nobodys() {
    let mut node = Node::new();
    let mut result = result(&["192.0.2.5/24"]);
    result.ips[0].interface = None;
    apply(&mut node, &result).unwrap();
    assert!(!node.ip("address").contains("192.0.2.5"));
}

#[test]
fn an_address_of_another_interface_is_an_error() {
    let mut node = Node::new();
    for (index, name) in [(0, "eth0"), (3, "net1")] {
        let mut result = result(&["192.0.2.5/24"]);
        result.ips[0].interface = Some(index);
        result.interfaces[0].name = name.to_owned();
        let error = apply(&mut node, &result).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("ips[0].interface is {index}, which is not \"net1\"")
        );
    }
}

#[test]
fn the_default_route_goes_through_the_gateway_of_its_family() {
    let seen = routes_after(&["192.0.2.5/24 192.0.2.1"], vec![route("0.0.0.0/0", "")]);
    assert_eq!(seen, ["default via 192.0.2.1"]);
}

#[test]
fn a_default_route_listed_before_the_route_to_its_gateway_works() {
    // RFC 3442 by servers that put the default first.
    let seen = routes_after(
        &["198.51.100.7/32"],
        vec![
            route("0.0.0.0/0", "172.31.1.1"),
            route("172.31.1.1/32", "0.0.0.0"),
        ],
    );
    assert_eq!(seen, ["default via 172.31.1.1", "172.31.1.1 scope link"]);
}

#[test]
fn a_gateway_off_the_subnet_works_without_a_route_to_it() {
    let seen = routes_after(
        &["198.51.100.7/32 172.31.1.1"],
        vec![route("0.0.0.0/0", "")],
    );
    assert_eq!(seen, ["default via 172.31.1.1 onlink"]);
}

#[test]
fn an_explicit_route_to_the_gateway_by_scope_works() {
    let scoped = Route {
        scope: Some(253),
        ..route("172.31.1.1/32", "")
    };
    let seen = routes_after(
        &["198.51.100.7/32 172.31.1.1"],
        vec![route("0.0.0.0/0", ""), scoped],
    );
    assert_eq!(seen, ["default via 172.31.1.1", "172.31.1.1 scope link"]);
}

#[test]
fn a_default_route_without_gateway_is_on_the_link() {
    let seen = routes_after(
        &["192.0.2.5/24 192.0.2.1"],
        vec![route("0.0.0.0/0", "0.0.0.0")],
    );
    assert_eq!(seen, ["default scope link"]);
}

#[test]
fn a_gateway_inside_the_destination_is_kept() {
    let seen = routes_after(&["10.1.0.5/24"], vec![route("10.0.0.0/8", "10.1.0.1")]);
    assert_eq!(seen, ["10.0.0.0/8 via 10.1.0.1"]);
}

#[test]
fn a_subnet_of_two_has_a_gateway() {
    let seen = routes_after(&["10.0.0.0/31 10.0.0.1"], vec![route("0.0.0.0/0", "")]);
    assert_eq!(seen, ["default via 10.0.0.1"]);
}

#[test]
fn host_bits_and_duplicates_and_the_own_subnet_do_no_harm() {
    let seen = routes_after(
        &["192.0.2.5/24 192.0.2.1"],
        vec![
            route("192.0.2.0/24", ""),
            route("10.1.2.3/8", "192.0.2.1"),
            route("10.0.0.0/8", "192.0.2.1"),
        ],
    );
    assert_eq!(seen, ["10.0.0.0/8 via 192.0.2.1"]);
}

#[test]
fn a_route_has_its_table_metric_mtu_and_advmss() {
    let full = Route {
        table: Some(1000),
        priority: Some(50),
        mtu: Some(1400),
        advmss: Some(1360),
        ..route("10.0.0.0/8", "192.0.2.1")
    };
    let seen = routes_after(&["192.0.2.5/24"], vec![full]);
    assert_eq!(
        seen,
        ["10.0.0.0/8 via 192.0.2.1 table 1000 metric 50 mtu 1400 advmss 1360"]
    );
}

#[test]
fn ipv6_gateways_may_be_off_the_subnet_or_link_local() {
    let mut node = Node::new();
    let result = AddResult {
        routes: vec![
            route("::/0", "2001:db8:ffff::1"),
            route("2001:db8:9::/48", "fe80::1"),
        ],
        ..result(&["2001:db8::5/128"])
    };
    apply(&mut node, &result).unwrap();
    let seen = node.ip("-6 route show dev net1");
    assert!(
        seen.contains("default via 2001:db8:ffff::1 metric 1024 onlink"),
        "{seen}"
    );
    assert!(
        seen.contains("2001:db8:9::/48 via fe80::1 metric 1024"),
        "{seen}"
    );
}

#[test]
fn a_second_default_route_goes_before_that_of_the_other_link() {
    let mut node = Node::new();
    node.create("eth0", |_| {}).unwrap();
    node.ip("address add 203.0.113.5/24 dev eth0");
    node.ip("route add default via 203.0.113.1");
    let result = AddResult {
        routes: vec![route("0.0.0.0/0", "")],
        ..result(&["192.0.2.5/24 192.0.2.1"])
    };
    apply(&mut node, &result).unwrap();
    let seen = node.ip("route show default");
    let first = seen.lines().next().unwrap();
    assert!(
        first.starts_with("default via 192.0.2.1 dev net1"),
        "{seen}"
    );
    assert_eq!(seen.lines().count(), 2);
}

#[test]
fn a_refused_route_is_told_and_keeps_no_other_away() {
    let given = AddResult {
        routes: vec![
            route("0.0.0.0/0", "224.0.0.5"),
            route("10.0.0.0/8", "192.0.2.1"),
        ],
        ..result(&["192.0.2.5/24"])
    };
    let mut node = Node::new();
    let link = node.net1();
    let refused = configure(&mut node.inside, &node.pod, &link, &given).unwrap();
    let [(refused, error)] = refused.as_slice() else {
        panic!("{refused:?}")
    };
    assert_eq!(*refused, given.routes[0]);
    assert_eq!(
        error.to_string(),
        "cannot add route 0.0.0.0/0 via 224.0.0.5: EINVAL: Invalid argument; \
         kernel says \"Nexthop has invalid gateway\""
    );
    assert!(node.ip("route").contains("10.0.0.0/8 via 192.0.2.1"));
}
