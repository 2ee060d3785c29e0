//! Finding, creating, changing and removing links.

use netlink::{Error, LinkChange, MacvlanMode};
use nix::errno::Errno;

use crate::node::{Node, ip, mac, new};

#[test]
fn a_link_is_found_by_name_alternative_name_and_index() {
    let mut node = Node::new();
    let long = "an-alternative-name-longer-than-any-main-one";
    ip("link property add dev eth1 altname uplink");
    ip(&format!("link property add dev eth1 altname {long}"));
    let link = node.netlink.link("eth1").unwrap();
    assert_eq!(
        (link.kind.as_deref(), link.up, link.carrier),
        (Some("veth"), true, true)
    );
    assert_eq!((link.mtu, link.hardware_type), (1500, 1));
    assert_eq!(link.alt_names, ["uplink", long]);
    assert_eq!(node.netlink.link("uplink").unwrap(), link);
    assert_eq!(node.netlink.link(long).unwrap(), link);
    assert_eq!(node.netlink.link_by_index(link.index).unwrap(), link);
    assert!(node.netlink.links().unwrap().contains(&link));
}

#[test]
fn a_missing_link_is_named() {
    let mut node = Node::new();
    let too_long = "x".repeat(200);
    for name in ["eth9", "", "eth1\0", "sixteen-letters-", &too_long] {
        let error = node.netlink.link(name).unwrap_err();
        assert!(
            matches!(&error, Error::LinkNotFound { name: found } if found == name),
            "{error}"
        );
    }
    let error = node.netlink.link_by_index(4711).unwrap_err();
    assert_eq!(error.to_string(), "no such link \"#4711\"");
}

#[test]
fn a_macvlan_is_created_as_ordered_and_only_in_the_pod() {
    let mut node = Node::new();
    let link = node
        .create("net1", |new| {
            new.mac = Some(mac("02:00:5e:00:53:01"));
            new.mtu = Some(1400);
            new.bc_queue_len = Some(2000);
        })
        .unwrap();
    assert_eq!(
        link,
        node.inside.link("net1").unwrap(),
        "what is returned is the link as it is"
    );
    assert_eq!(
        (link.mtu, link.up, link.mac),
        (1400, true, Some(mac("02:00:5e:00:53:01")))
    );
    assert_eq!(link.parent, Some(node.parent()));
    assert!(link.parent_nsid.is_some());
    let macvlan = link.macvlan.unwrap();
    assert_eq!(
        (macvlan.mode, macvlan.bc_queue_len),
        (Some(MacvlanMode::Bridge), Some(2000))
    );
    let seen = node.ip("-d link show net1");
    assert!(
        seen.contains("macvlan mode bridge") && seen.contains("bcqueuelen 2000"),
        "{seen}"
    );
    assert!(!ip("link").contains("net1"));
}

#[test]
fn each_mode_is_the_kernels() {
    for mode in MacvlanMode::ALL {
        let mut node = Node::new();
        let link = node.create("net1", |new| new.mode = mode).unwrap();
        assert_eq!(link.macvlan.unwrap().mode, Some(mode));
        assert!(
            node.ip("-d link show net1")
                .contains(&format!("macvlan mode {mode}")),
            "{mode}"
        );
    }
}

#[test]
fn the_mtu_is_the_parents_unless_ordered() {
    let mut node = Node::new();
    ip("link set eth1 mtu 1380");
    assert_eq!(node.net1().mtu, 1380);
    assert_eq!(
        node.create("net2", |new| new.mtu = Some(0)).unwrap().mtu,
        1380
    );
    let error = node.create("net3", |new| new.mtu = Some(1381)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
}

#[test]
fn a_name_of_the_node_is_free_in_the_pod() {
    let mut node = Node::new();
    assert_eq!(node.create("eth1", |_| {}).unwrap().name, "eth1");
    assert_eq!(node.create("lan", |_| {}).unwrap().name, "lan");
}

#[test]
fn a_name_that_is_taken_in_the_pod_is_said_to_be() {
    let mut node = Node::new();
    node.net1();
    let error = node.create("net1", |_| {}).unwrap_err();
    assert!(
        matches!(&error, Error::LinkExists { name } if name == "net1"),
        "{error}"
    );
    node.ip("link property add dev net1 altname other");
    assert!(matches!(
        node.create("other", |_| {}),
        Err(Error::LinkExists { .. })
    ));
    assert_eq!(
        node.inside.links().unwrap().len(),
        2,
        "lo and the first net1"
    );
}

#[test]
fn a_missing_parent_is_no_device() {
    let mut node = Node::new();
    let error = node.create("net1", |new| new.parent = 4711).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENODEV));
    assert_eq!(
        error.to_string(),
        "cannot create macvlan \"net1\": ENODEV: No such device"
    );
}

#[test]
fn a_parent_that_is_down_gives_a_macvlan_without_carrier() {
    let mut node = Node::new();
    ip("link set eth1 down");
    let link = node.net1();
    assert_eq!((link.up, link.carrier, link.running), (true, false, false));
}

#[test]
fn a_parent_inside_the_pod_is_used_where_it_is() {
    let mut node = Node::new();
    node.ip("link add inner type veth peer name outer");
    let parent = node.inside.link("inner").unwrap().index;
    let link = node.inside.create_macvlan(&new(parent), None).unwrap();
    assert_eq!((link.parent, link.parent_nsid), (Some(parent), None));
    assert!(node.ip("link show net1").contains("net1@inner"));
}

#[test]
fn the_occupant_of_a_busy_parent_is_named() {
    let mut node = Node::new();
    ip("link add br7 type bridge");
    ip("link set eth1 master br7");
    let error = node.create("net1", |_| {}).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EBUSY));
    assert_eq!(
        error.to_string(),
        "cannot create macvlan \"net1\" on \"eth1\": it is in use by bridge \"br7\""
    );
}

#[test]
fn a_mac_in_use_on_the_parent_is_refused() {
    let mut node = Node::new();
    let taken = Some(mac("02:00:5e:00:53:01"));
    node.create("net1", |new| new.mac = taken).unwrap();
    let error = node.create("net2", |new| new.mac = taken).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EADDRINUSE), "{error}");
    assert!(matches!(
        node.inside.link("net2"),
        Err(Error::LinkNotFound { .. })
    ));
}

#[test]
fn passthru_does_not_share() {
    let mut node = Node::new();
    node.net1();
    let error = node
        .create("net2", |new| new.mode = MacvlanMode::Passthru)
        .unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
}

#[test]
fn a_link_is_changed() {
    let mut node = Node::new();
    let link = node.net1();
    let change = LinkChange {
        up: Some(false),
        mtu: Some(1300),
        mac: Some(mac("02:00:5e:00:53:02")),
        name: Some("net9".to_owned()),
    };
    node.inside.set_link(link.index, &change).unwrap();
    let changed = node.inside.link("net9").unwrap();
    assert_eq!(
        (changed.up, changed.mtu, changed.mac),
        (false, 1300, change.mac)
    );
    assert_eq!(changed.index, link.index);

    let taken = LinkChange {
        name: Some("lo".to_owned()),
        ..LinkChange::default()
    };
    let error = node.inside.set_link(link.index, &taken).unwrap_err();
    assert!(
        matches!(&error, Error::LinkExists { name } if name == "lo"),
        "{error}"
    );
    let error = node.inside.set_link(4711, &change).unwrap_err();
    assert!(matches!(error, Error::LinkNotFound { .. }), "{error}");
}

#[test]
fn a_link_is_removed_once() {
    let mut node = Node::new();
    let link = node.net1();
    assert!(node.inside.delete_link(link.index).unwrap());
    assert!(!node.inside.delete_link(link.index).unwrap());
    assert!(!node.ip("link").contains("net1"));
    // Name and MAC are free again.
    node.create("net1", |new| new.mac = link.mac).unwrap();
}
