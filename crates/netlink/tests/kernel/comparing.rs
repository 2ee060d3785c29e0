//! A link that is what a result says, and each way in which it may not be.

use cni::{AddResult, Route};
use netlink::apply::configure;
use netlink::compare::{Difference, result_with_link};

use crate::node::{Node, result, route};

fn promised() -> AddResult {
    let special = Route {
        table: Some(100),
        priority: Some(50),
        mtu: Some(1400),
        advmss: Some(1360),
        ..route("10.9.0.0/16", "192.0.2.1")
    };
    let link_scope = Route {
        scope: Some(253),
        ..route("172.31.1.1/32", "")
    };
    AddResult {
        routes: vec![
            route("0.0.0.0/0", ""),
            special,
            link_scope,
            route("2001:db8:9::/48", ""),
        ],
        ..result(&["192.0.2.5/24 192.0.2.1", "2001:db8::5/64 2001:db8::1"])
    }
}

/// Applies the result, and adds to it what a plugin knows of the link.
fn attached() -> (Node, AddResult) {
    let mut node = Node::new();
    // Nothing here is about duplicate addresses, whose detection takes seconds.
    node.pod
        .run(|| std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0").unwrap())
        .unwrap();
    let link = node.net1();
    let mut result = promised();
    configure(&mut node.inside, &node.pod, &link, &result).unwrap();
    result.interfaces[0].mac = link.mac.map(|mac| mac.to_string().to_uppercase());
    result.interfaces[0].mtu = Some(link.mtu);
    (node, result)
}

fn difference(node: &mut Node, result: &AddResult) -> Difference {
    result_with_link(&mut node.inside, "net1", result).unwrap_err()
}

/// Breaks an attachment with one command of `ip` in the pod, and returns the difference that is found.
fn after(arguments: &str) -> Difference {
    let (mut node, result) = attached();
    node.ip(arguments);
    difference(&mut node, &result)
}

#[test]
fn what_was_applied_is_no_different() {
    let (mut node, result) = attached();
    result_with_link(&mut node.inside, "net1", &result).unwrap();
}

#[test]
fn what_is_there_beside_it_does_not_matter() {
    let (mut node, result) = attached();
    node.ip("address add 198.51.100.1/24 dev net1");
    node.ip("route add 10.0.0.0/8 via 192.0.2.9");
    node.ip("route add default via 192.0.2.9 metric 7");
    result_with_link(&mut node.inside, "net1", &result).unwrap();
}

#[test]
fn an_interface_on_the_host_is_not_the_pods() {
    let (mut node, mut result) = attached();
    result.interfaces[0].sandbox = None;
    assert!(matches!(
        difference(&mut node, &result),
        Difference::NotPromised { .. }
    ));
}

#[test]
fn a_link_that_is_gone_or_down_is_told() {
    assert_eq!(
        after("link del net1").to_string(),
        "there is no link \"net1\""
    );
    assert_eq!(
        after("link set net1 down").to_string(),
        "link \"net1\" is down"
    );
}

#[test]
fn another_mac_or_mtu_is_told() {
    let text = after("link set net1 address 02:00:5e:00:53:07").to_string();
    assert!(
        text.starts_with("link \"net1\" has MAC 02:00:5e:00:53:07, not "),
        "{text}"
    );
    assert_eq!(
        after("link set net1 mtu 1300").to_string(),
        "link \"net1\" has MTU 1300, not 1500"
    );
}

#[test]
fn a_missing_address_is_told_with_those_that_are_there() {
    let (mut node, result) = attached();
    node.ip("address add 192.0.2.5/25 dev net1");
    node.ip("address del 192.0.2.5/24 dev net1");
    assert_eq!(
        difference(&mut node, &result).to_string(),
        "link \"net1\" has no address 192.0.2.5/24, but 192.0.2.5/25"
    );
    let found = after("-6 address del 2001:db8::5/64 dev net1");
    assert!(
        matches!(found, Difference::Address { expected, .. } if expected.to_string() == "2001:db8::5/64")
    );
}

#[test]
fn many_addresses_do_not_make_a_long_text() {
    let (mut node, result) = attached();
    node.ip("address del 192.0.2.5/24 dev net1");
    for last in 10..30 {
        node.ip(&format!("address add 192.0.2.{last}/32 dev net1"));
    }
    assert_eq!(
        difference(&mut node, &result).to_string(),
        "link \"net1\" has no address 192.0.2.5/24, but 192.0.2.10/32, 192.0.2.11/32, 192.0.2.12/32, and 17 more"
    );
}

#[test]
fn what_is_no_mac_in_a_result_is_quoted() {
    let (mut node, mut result) = attached();
    result.interfaces[0].mac = Some("two\nlines".to_owned());
    let text = difference(&mut node, &result).to_string();
    assert!(text.ends_with(r#", not "two\nlines""#), "{text}");
}

#[test]
fn a_missing_route_is_told_with_what_is_there_instead() {
    assert_eq!(
        after("route replace default via 192.0.2.2").to_string(),
        "link \"net1\" has no route 0.0.0.0/0 via 192.0.2.1, but 0.0.0.0/0 via 192.0.2.2"
    );
    assert_eq!(
        after("route del default").to_string(),
        "link \"net1\" has no route 0.0.0.0/0 via 192.0.2.1, nor any like it"
    );
    assert!(matches!(
        after("-6 route del 2001:db8:9::/48"),
        Difference::Route { .. }
    ));
}

#[test]
fn sizes_that_the_kernel_cuts_down_are_no_difference() {
    let mut node = Node::new();
    let mut large = route("10.9.0.0/16", "192.0.2.1");
    (large.mtu, large.advmss) = (Some(70_000), Some(u32::MAX));
    let result = AddResult {
        routes: vec![large],
        ..result(&["192.0.2.5/24"])
    };
    let link = node.net1();
    configure(&mut node.inside, &node.pod, &link, &result).unwrap();
    result_with_link(&mut node.inside, "net1", &result).unwrap();
}

#[test]
fn every_attribute_of_a_promised_route_counts() {
    let changed = [
        "10.9.0.0/16 via 192.0.2.2 table 100 metric 50 mtu 1400 advmss 1360",
        "10.9.0.0/16 via 192.0.2.1 table 101 metric 50 mtu 1400 advmss 1360",
        "10.9.0.0/16 via 192.0.2.1 table 100 metric 51 mtu 1400 advmss 1360",
        "10.9.0.0/16 via 192.0.2.1 table 100 metric 50 mtu 1401 advmss 1360",
        "10.9.0.0/16 via 192.0.2.1 table 100 metric 50 mtu 1400 advmss 1361",
    ];
    for changed in changed {
        let (mut node, result) = attached();
        node.ip("route del 10.9.0.0/16 table 100");
        node.ip(&format!("route add {changed} dev net1"));
        let found = difference(&mut node, &result);
        assert!(
            matches!(found, Difference::Route { .. }),
            "{changed}: {found}"
        );
    }
    let (mut node, result) = attached();
    node.ip("route del 172.31.1.1/32");
    node.ip("route add 172.31.1.1/32 dev net1 scope global");
    assert!(matches!(
        difference(&mut node, &result),
        Difference::Route { .. }
    ));
}

#[test]
fn a_route_on_another_link_does_not_count() {
    let (mut node, result) = attached();
    node.create("net2", |_| {}).unwrap();
    node.ip("address add 192.0.2.6/24 dev net2");
    node.ip("route del default");
    node.ip("route add default via 192.0.2.1 dev net2");
    assert_eq!(
        difference(&mut node, &result).to_string(),
        "link \"net1\" has no route 0.0.0.0/0 via 192.0.2.1, but link \"net2\" has 0.0.0.0/0 via 192.0.2.1"
    );
}
