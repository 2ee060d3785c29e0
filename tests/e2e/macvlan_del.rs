//! DEL of macvlan: everything goes that can, whatever has gone before it.

use serde_json::json;
use testbed::{Attachment, Bed, differs, observe, wiring};

use crate::networks::{macvlan_dhcp, macvlan_host_local, macvlan_static, with};
use crate::traces;

#[test]
fn link_and_reservation_go() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_host_local());
    attachment.add();
    assert_eq!(traces::reservations(&bed.node, "lan"), ["10.10.20.2"]);
    attachment.del();
    traces::assert_none(&pod);
}

#[test]
fn a_second_del_and_one_without_add_succeed() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_host_local());
    attachment.del();
    attachment.add();
    attachment.del();
    attachment.del();
    traces::assert_none(&pod);
}

#[test]
fn the_same_name_can_be_used_again_at_once() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(
        &pod,
        with(macvlan_static(), json!({"mac": "02:00:00:00:00:01"})),
    );
    for _ in 0..5 {
        attachment.add();
        attachment.del();
    }
    traces::assert_none(&pod);
}

#[test]
fn an_empty_netns_is_enough_for_the_ipam() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_host_local());
    attachment.add();
    for call in [
        attachment.invocation("DEL").env("CNI_NETNS", ""),
        attachment.invocation("DEL").without("CNI_NETNS"),
    ] {
        call.run().ok();
        assert_eq!(traces::reservations(&bed.node, "lan"), [""; 0]);
    }
}

#[test]
fn a_netns_that_has_vanished_is_no_error() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_host_local());
    attachment.add();
    pod.destroy();
    attachment.del();
    attachment.del();
    traces::assert_none_on_node(&bed.node);
}

#[test]
fn a_plain_file_in_place_of_the_netns_is_no_error() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_host_local());
    attachment.add();
    pod.destroy_keep_file();
    let outcome = attachment.try_del();
    differs(
        "Go: DEL fails on a leftover file that is no namespace",
        || {
            outcome.ok();
        },
    );
    traces::assert_none_on_node(&bed.node);
}

#[test]
fn neither_prev_result_nor_the_parent_is_needed() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_host_local());
    attachment.add();
    let attachment = attachment
        .prev_result(None)
        .config(with(macvlan_host_local(), json!({"master": "eth9"})));
    let outcome = attachment.try_del();
    differs("Go: DEL of this release needs the parent", || {
        outcome.ok();
        traces::assert_none(&pod);
    });
}

#[test]
fn a_parent_that_is_gone_took_the_link_with_it() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_host_local());
    attachment.add();
    bed.node.enter(|| wiring::delete("eth1"));
    assert_eq!(pod.enter(observe::link_names), [""; 0]);
    let outcome = attachment.try_del();
    differs("Go: DEL of this release needs the parent", || {
        outcome.ok();
        assert_eq!(traces::reservations(&bed.node, "lan"), [""; 0]);
    });
}

#[test]
fn the_link_goes_though_the_daemon_is_down() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    pod.enter(|| wiring::create_bridge("br1"));
    // What an ADD would have left: a macvlan of the attachment's name.
    Attachment::new(&pod, with(macvlan_dhcp(), json!({"ipam": {"type": ""}}))).add();
    let outcome = Attachment::new(&pod, macvlan_dhcp()).try_del();
    differs(
        "Go: DEL fails and keeps the link while the daemon is down",
        || {
            outcome.ok();
            assert_eq!(pod.enter(observe::link_names), ["br1"]);
        },
    );
}

#[test]
fn the_link_goes_though_the_ipam_is_not_installed() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    Attachment::new(&pod, with(macvlan_static(), json!({"ipam": {"type": ""}}))).add();
    let outcome = Attachment::new(
        &pod,
        with(macvlan_static(), json!({"ipam": {"type": "nowhere"}})),
    )
    .try_del();
    assert!(outcome.error().msg.contains("nowhere"));
    differs("Go: DEL keeps the link when the IPAM fails", || {
        traces::assert_none(&pod);
    });
}

#[test]
fn a_link_of_another_kind_is_somebody_elses() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    pod.enter(|| wiring::create_bridge("net1"));
    Attachment::new(&pod, macvlan_static()).del();
    differs(
        "Go: DEL removes a link of any kind that has the name",
        || {
            assert_eq!(pod.enter(observe::link_names), ["net1"]);
        },
    );
}
