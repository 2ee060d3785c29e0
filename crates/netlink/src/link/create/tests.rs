//! The way around a name that is taken beside the parent, which the running kernel may be too new to need.

use nix::sched::{CloneFlags, unshare};

use super::*;

/// Returns connections to two new namespaces, and the second of them, in which the thread is.
fn outside_and_inside() -> (Netlink, Netlink, Netns) {
    let make = || {
        unshare(CloneFlags::CLONE_NEWNET)
            .expect("these tests need the privilege to make network namespaces (run as root)");
        Netlink::open().unwrap()
    };
    (make(), make(), Netns::current().unwrap())
}

/// Creates a macvlan of that name on one end of a veth pair.
fn create(name: &str) -> (Result<Link, Error>, Netlink) {
    let (mut outside, mut inside, target) = outside_and_inside();
    let mut veth = rtnetlink::LinkVeth::new("eth1", "lan").up().build();
    veth.header.index = PARENT;
    let attempt = Attempt {
        operation: "create",
        object: &"a pair",
    };
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    outside
        .request(libc::RTM_NEWLINK, flags, &veth, attempt, |_, _| Ok(()))
        .unwrap();
    let new = NewMacvlan {
        name,
        parent: PARENT,
        mode: MacvlanMode::Bridge,
        mtu: Some(1400),
        mac: None,
        bc_queue_len: None,
    };
    let outside = Outside {
        netlink: &mut outside,
        target: &target,
    };
    (inside.create_and_rename(&new, outside), inside)
}

#[test]
fn a_link_that_gets_its_name_afterwards_is_like_any_other() {
    let (link, mut inside) = create("net1");
    let link = link.unwrap();
    assert_eq!(
        (link.name.as_str(), link.mtu, link.up),
        ("net1", 1400, true)
    );
    assert_eq!(inside.link("net1").unwrap().index, link.index);
    assert_eq!(inside.links().unwrap().len(), 2);
}

#[test]
fn a_link_that_cannot_get_its_name_does_not_stay() {
    let (link, mut inside) = create("lo");
    assert!(
        matches!(&link, Err(Error::LinkExists { name }) if name == "lo"),
        "{link:?}"
    );
    assert_eq!(inside.links().unwrap().len(), 1);
}

const PARENT: u32 = 71;
