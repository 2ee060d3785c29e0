//! What a subscription to links tells.

use std::os::fd::AsFd as _;

use netlink::{LinkNews, LinkWatch};
use nix::poll::{PollFd, PollFlags, poll};

use crate::node::{Node, ip};

/// Reads until `wanted` comes; the test fails if it does not.
fn await_news(watch: &mut LinkWatch, wanted: LinkNews) {
    loop {
        while let Some(news) = watch.read().unwrap() {
            if news == wanted {
                return;
            }
        }
        let ready = poll(
            &mut [PollFd::new(watch.as_fd(), PollFlags::POLLIN)],
            5000_u16,
        );
        assert_eq!(ready, Ok(1), "no {wanted:?} in 5 s");
    }
}

#[test]
fn a_carrier_that_goes_and_comes_back_is_told() {
    let mut node = Node::new();
    let index = node.parent();
    let mut watch = LinkWatch::open().unwrap();
    for (state, running) in [("down", false), ("up", true)] {
        ip(&format!("link set lan {state}"));
        await_news(&mut watch, LinkNews::Changed { index, running });
    }
    ip("link set eth1 down");
    let running = false;
    await_news(&mut watch, LinkNews::Changed { index, running });
    ip("link delete eth1");
    await_news(&mut watch, LinkNews::Gone { index });
}

#[test]
fn a_macvlan_that_comes_or_goes_elsewhere_is_told_of_its_parent() {
    let mut node = Node::new();
    let index = node.parent();
    let running = true;
    let mut watch = LinkWatch::open().unwrap();
    node.net1();
    await_news(&mut watch, LinkNews::Changed { index, running });
    while watch.read().unwrap().is_some() {}
    node.ip("link delete net1");
    await_news(&mut watch, LinkNews::Changed { index, running });
}
