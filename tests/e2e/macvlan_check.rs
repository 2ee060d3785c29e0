//! CHECK of macvlan: it finds every difference from the result, and changes nothing.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use testbed::{Attachment, Bed, Pod, differs, wiring};

use crate::networks::{macvlan, macvlan_host_local, with};

fn network() -> Value {
    macvlan(json!({
        "type": "static",
        "addresses": [{"address": "10.10.0.5/24", "gateway": "10.10.0.1"}],
        "routes": [{"dst": "172.16.0.0/12", "gw": "10.10.0.254"}],
    }))
}

fn added(bed: &Bed) -> (Pod, Attachment) {
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, network());
    attachment.add();
    (pod, attachment)
}

#[test]
fn an_untouched_attachment_passes_again_and_again() {
    let bed = Bed::new();
    let (_pod, attachment) = added(&bed);
    attachment.check();
    attachment.check();
    let pod = bed.node.pod("other");
    let mut attachment = Attachment::new(&pod, macvlan_host_local());
    attachment.add();
    attachment.check();
}

#[test]
fn a_missing_link_address_or_route_is_found() {
    let break_link: fn() = || wiring::delete("net1");
    let break_address: fn() =
        || wiring::delete_address("net1", Ipv4Addr::new(10, 10, 0, 5).into(), 24);
    let break_routes: fn() = || {
        wiring::set_down("net1");
        wiring::set_up("net1");
    };
    let cases = [
        ("net1", break_link),
        ("10.10.0.5", break_address),
        ("172.16.0.0/12", break_routes),
    ];
    for (named, damage) in cases {
        let bed = Bed::new();
        let (pod, attachment) = added(&bed);
        pod.enter(damage);
        let error = attachment.try_check().error();
        differs(
            &format!("Go: CHECK has code 999 for what is missing, and may not name {named}"),
            || {
                assert_eq!(error.code, 104, "{error:?}");
                assert!(error.msg.contains(named), "{error:?}");
            },
        );
    }
}

#[test]
fn a_link_that_is_down_is_found() {
    let bed = Bed::new();
    let (pod, attachment) = added(&bed);
    pod.enter(|| wiring::set_down("net1"));
    attachment.try_check().error();
}

#[test]
fn another_mtu_or_mac_is_found() {
    let bed = Bed::new();
    let (pod, attachment) = added(&bed);
    pod.enter(|| wiring::set_mac("net1", [2, 0, 0, 0, 0, 9]));
    let error = attachment.try_check().error();
    assert!(
        error.msg.contains("02:00:00:00:00:09") || testbed::suite().is_reference(),
        "{error:?}"
    );
}

#[test]
fn another_kind_of_link_under_the_name_is_found() {
    let bed = Bed::new();
    let (pod, attachment) = added(&bed);
    pod.enter(|| {
        wiring::delete("net1");
        wiring::create_bridge("net1");
    });
    attachment.try_check().error();
}

#[test]
fn another_mode_in_the_configuration_is_found() {
    let bed = Bed::new();
    let (_pod, attachment) = added(&bed);
    let error = attachment
        .config(with(network(), json!({"mode": "vepa"})))
        .try_check()
        .error();
    assert!(error.msg.contains("vepa"), "{error:?}");
}

#[test]
fn more_than_the_result_says_is_no_difference() {
    let bed = Bed::new();
    let (pod, attachment) = added(&bed);
    pod.enter(|| {
        wiring::add_address("net1", Ipv4Addr::new(10, 10, 9, 9).into(), 24);
        wiring::create_bridge("br1");
    });
    attachment.check();
}

#[test]
fn without_a_previous_result_there_is_nothing_to_compare() {
    let bed = Bed::new();
    let (_pod, attachment) = added(&bed);
    let error = attachment.prev_result(None).try_check().error();
    assert!(error.msg.to_lowercase().contains("prevresult"), "{error:?}");
    differs("Go: a missing prevResult has code 999", || {
        assert_eq!(error.code, 7);
    });
}
