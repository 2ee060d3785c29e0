//! Addresses: added, replaced, removed.

use std::time::Duration;

use netlink::NewAddress;
use nix::errno::Errno;

use crate::node::Node;

fn new(ifindex: u32, net: &str) -> NewAddress {
    NewAddress::new(ifindex, net.parse().unwrap())
}

#[test]
fn an_address_is_added_once_and_removed_once() {
    let mut node = Node::new();
    let index = node.net1().index;
    for net in ["192.0.2.5/24", "2001:db8::5/64"] {
        assert!(node.inside.add_address(&new(index, net)).unwrap());
        assert!(!node.inside.add_address(&new(index, net)).unwrap());
        assert!(node.ip("address show net1").contains(&format!("{net} ")));
        let found = node.inside.addresses(index).unwrap();
        let address = found
            .iter()
            .find(|found| found.net.to_string() == net)
            .unwrap();
        assert!(address.permanent && address.valid.is_none() && address.scope == 0);
        assert!(
            node.inside
                .delete_address(index, net.parse().unwrap())
                .unwrap()
        );
        assert!(
            !node
                .inside
                .delete_address(index, net.parse().unwrap())
                .unwrap()
        );
    }
    assert!(
        !node
            .inside
            .delete_address(4711, "192.0.2.5/24".parse().unwrap())
            .unwrap()
    );
}

#[test]
fn a_subnet_with_room_has_a_broadcast_address() {
    let mut node = Node::new();
    let index = node.net1().index;
    for net in ["192.0.2.5/24", "198.51.100.4/31", "203.0.113.9/32"] {
        node.inside.add_address(&new(index, net)).unwrap();
    }
    let given = NewAddress {
        broadcast: Some("10.255.255.255".parse().unwrap()),
        ..new(index, "10.0.0.1/24")
    };
    node.inside.add_address(&given).unwrap();
    let found = node.inside.addresses(index).unwrap();
    let broadcasts: Vec<_> = found
        .iter()
        .filter(|address| address.net.is_ipv4())
        .map(|address| {
            address
                .broadcast
                .map(|address| address.to_string())
                .unwrap_or_default()
        })
        .collect();
    assert_eq!(broadcasts, ["192.0.2.255", "", "", "10.255.255.255"]);
}

#[test]
fn lifetimes_are_set_and_replaced() {
    let mut node = Node::new();
    let index = node.net1().index;
    let hour = NewAddress {
        valid: Some(Duration::from_hours(1)),
        preferred: Some(Duration::from_mins(30)),
        ..new(index, "192.0.2.5/24")
    };
    node.inside.replace_address(&hour).unwrap();
    let seen = node.ip("address show net1");
    assert!(
        seen.contains("valid_lft 3600sec preferred_lft 1800sec"),
        "{seen}"
    );
    let day = NewAddress {
        valid: Some(Duration::from_hours(24)),
        preferred: None,
        ..hour
    };
    node.inside.replace_address(&day).unwrap();
    let found = node.inside.addresses(index).unwrap();
    let address = found.iter().find(|address| address.net.is_ipv4()).unwrap();
    assert!(!address.permanent);
    assert!(
        address.valid.unwrap() > Duration::from_secs(86390),
        "{address:?}"
    );
    assert!(
        address.preferred.unwrap() > Duration::from_secs(86390),
        "{address:?}"
    );
    node.inside
        .replace_address(&new(index, "192.0.2.5/24"))
        .unwrap();
    let seen = node.ip("address show net1");
    assert!(
        seen.contains("valid_lft forever preferred_lft forever"),
        "{seen}"
    );
}

#[test]
fn addresses_are_those_of_the_link() {
    let mut node = Node::new();
    let index = node.net1().index;
    node.inside
        .add_address(&new(index, "192.0.2.5/24"))
        .unwrap();
    let lo = node.inside.link("lo").unwrap().index;
    let found = node.inside.addresses(lo).unwrap();
    assert_eq!(
        found
            .iter()
            .map(|found| found.net.to_string())
            .collect::<Vec<_>>(),
        ["127.0.0.1/8", "::1/128"]
    );
}

#[test]
fn a_refusal_names_the_address() {
    let mut node = Node::new();
    let error = node
        .inside
        .add_address(&new(4711, "192.0.2.5/24"))
        .unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENODEV));
    let text = error.to_string();
    assert!(
        text.starts_with("cannot add address 192.0.2.5/24: ENODEV: No such device"),
        "{text}"
    );
}
