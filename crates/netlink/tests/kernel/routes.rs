//! Routes: added, listed, removed, and the default one's link.

use netlink::route::{LINK_SCOPE, MAIN_TABLE};
use netlink::{NewAddress, NewRoute, RouteFilter};

use crate::node::{Node, ip};

fn pod_with_address() -> (Node, u32) {
    let mut node = Node::new();
    let index = node.net1().index;
    for net in ["192.0.2.5/24", "2001:db8::5/64"] {
        node.inside
            .add_address(&NewAddress::new(index, net.parse().unwrap()))
            .unwrap();
    }
    (node, index)
}

fn new(index: u32, dst: &str, gw: &str) -> NewRoute {
    let gw = (!gw.is_empty()).then(|| gw.parse().unwrap());
    NewRoute::new(dst.parse().unwrap(), gw, index)
}

#[test]
fn every_attribute_of_a_route_arrives() {
    let (mut node, index) = pod_with_address();
    let full = NewRoute {
        table: 1000,
        priority: Some(77),
        mtu: Some(1400),
        advmss: Some(1300),
        onlink: true,
        ..new(index, "10.0.0.0/8", "198.51.100.1")
    };
    assert!(node.inside.add_route(&full).unwrap());
    let seen = node.ip("route show table 1000");
    assert_eq!(
        seen.trim(),
        "10.0.0.0/8 via 198.51.100.1 dev net1 metric 77 onlink mtu 1400 advmss 1300"
    );
    let filter = RouteFilter {
        ifindex: Some(index),
        table: Some(1000),
    };
    let found = node.inside.routes(filter).unwrap();
    let [found] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        (found.dst, found.gw, found.ifindex),
        (full.dst, full.gw, Some(index))
    );
    assert_eq!((found.table, found.priority, found.scope), (1000, 77, 0));
    assert_eq!((found.mtu, found.advmss), (Some(1400), Some(1300)));
    assert!(found.onlink);
    assert!(node.inside.delete_route(&full).unwrap());
    assert!(!node.inside.delete_route(&full).unwrap());
}

#[test]
fn ipv6_routes_have_the_same_attributes() {
    let (mut node, index) = pod_with_address();
    let full = NewRoute {
        table: 300,
        priority: Some(77),
        mtu: Some(1400),
        ..new(index, "2001:db8:1::/48", "2001:db8::1")
    };
    node.inside.add_route(&full).unwrap();
    let seen = node.ip("-6 route show table 300");
    assert!(
        seen.contains("2001:db8:1::/48 via 2001:db8::1 dev net1 metric 77 mtu 1400"),
        "{seen}"
    );
    assert!(
        !node.inside.add_route(&full).unwrap(),
        "the very same is there"
    );
    let found = node
        .inside
        .routes(RouteFilter {
            ifindex: None,
            table: Some(300),
        })
        .unwrap();
    assert_eq!(found.len(), 1);
    assert!(node.inside.delete_route(&full).unwrap());
}

#[test]
fn a_route_without_gateway_has_link_scope() {
    let (mut node, index) = pod_with_address();
    node.inside
        .add_route(&new(index, "10.0.0.0/8", ""))
        .unwrap();
    let found = node
        .inside
        .routes(RouteFilter {
            ifindex: Some(index),
            table: Some(MAIN_TABLE),
        })
        .unwrap();
    let route = found.iter().find(|route| route.dst.prefix() == 8).unwrap();
    assert_eq!((route.scope, route.gw), (LINK_SCOPE, None));
    assert!(
        node.inside
            .delete_route(&new(index, "10.0.0.0/8", ""))
            .unwrap()
    );
}

#[test]
fn a_second_default_route_goes_in_front() {
    let (mut node, index) = pod_with_address();
    node.inside
        .add_route(&new(index, "0.0.0.0/0", "192.0.2.1"))
        .unwrap();
    node.inside
        .add_route(&new(index, "0.0.0.0/0", "192.0.2.2"))
        .unwrap();
    let seen = node.ip("route show default");
    let gateways: Vec<_> = seen
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(gateways, ["192.0.2.2", "192.0.2.1"]);
}

#[test]
fn an_ipv4_route_may_have_an_ipv6_gateway() {
    let (mut node, index) = pod_with_address();
    let mixed = new(index, "10.0.0.0/8", "2001:db8::1");
    node.inside.add_route(&mixed).unwrap();
    assert!(
        node.ip("route")
            .contains("10.0.0.0/8 via inet6 2001:db8::1 dev net1")
    );
    let found = node
        .inside
        .routes(RouteFilter {
            ifindex: Some(index),
            table: None,
        })
        .unwrap();
    assert!(
        found
            .iter()
            .any(|route| route.dst == mixed.dst && route.gw == mixed.gw)
    );
    let error = node
        .inside
        .add_route(&new(index, "2001:db8:9::/48", "192.0.2.1"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "route to 2001:db8:9::/48 cannot have gateway 192.0.2.1"
    );
}

#[test]
fn an_unreachable_gateway_is_refused_with_the_kernels_words() {
    let (mut node, index) = pod_with_address();
    let error = node
        .inside
        .add_route(&new(index, "10.0.0.0/8", "198.51.100.1"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot add route 10.0.0.0/8 via 198.51.100.1: ENETUNREACH: Network is unreachable; \
         kernel says \"Nexthop has invalid gateway\""
    );
}

#[test]
fn a_table_that_does_not_exist_is_empty() {
    let (mut node, _) = pod_with_address();
    assert_eq!(
        node.inside
            .routes(RouteFilter {
                ifindex: None,
                table: Some(4711)
            })
            .unwrap(),
        []
    );
}

#[test]
fn a_node_without_default_route_has_no_default_parent() {
    let mut node = Node::new();
    ip("address add 192.0.2.5/24 dev eth1");
    assert_eq!(node.netlink.default_parent().unwrap(), None);
}

#[test]
fn the_default_parent_is_that_of_the_lowest_metric() {
    let mut node = Node::new();
    ip("address add 192.0.2.5/24 dev eth1");
    ip("address add 198.51.100.5/24 dev lan");
    ip("route add default via 192.0.2.1 metric 200");
    ip("route add default via 198.51.100.1 metric 100");
    ip("route add 10.0.0.0/8 via 192.0.2.1 metric 1");
    assert_eq!(node.netlink.default_parent().unwrap().unwrap().name, "lan");
}

#[test]
fn of_several_next_hops_the_first_has_the_default_parent() {
    let mut node = Node::new();
    ip("address add 192.0.2.5/24 dev eth1");
    ip("address add 198.51.100.5/24 dev lan");
    ip("route add default nexthop via 192.0.2.1 nexthop via 198.51.100.1");
    assert_eq!(node.netlink.default_parent().unwrap().unwrap().name, "eth1");
}

#[test]
fn an_ipv6_default_route_counts_where_there_is_no_other() {
    let mut node = Node::new();
    ip("address add 192.0.2.5/24 dev eth1");
    ip("-6 address add 2001:db8::5/64 dev lan nodad");
    ip("-6 route add default via 2001:db8::1");
    assert_eq!(node.netlink.default_parent().unwrap().unwrap().name, "lan");
    ip("route add default via 192.0.2.1 metric 9999");
    assert_eq!(node.netlink.default_parent().unwrap().unwrap().name, "eth1");
}

#[test]
fn a_default_route_that_discards_has_no_parent() {
    let mut node = Node::new();
    ip("route add unreachable default");
    assert_eq!(node.netlink.default_parent().unwrap(), None);
}
