//! STATUS says whether ADD could succeed, and GC takes back what no valid attachment holds (CNI 1.1.0).

use std::path::Path;

use serde_json::{Value, json};
use testbed::{Attachment, Bed, Daemon, suite, wiring};

use crate::networks::{macvlan, macvlan_dhcp, macvlan_host_local, macvlan_static, with};
use crate::traces::reservations;

/// The Go plugins of this release have neither verb; `spec_versions` holds that difference.
fn has_1_1() -> bool {
    !suite().is_reference()
}

fn in_1_1(network: Value) -> Value {
    with(network, json!({"cniVersion": "1.1.0"}))
}

#[test]
fn a_network_that_could_serve_says_nothing() {
    if !has_1_1() {
        return;
    }
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    for network in [macvlan_static(), macvlan_host_local()] {
        let outcome = Attachment::new(&pod, in_1_1(network)).try_status();
        outcome.ok();
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn a_missing_or_dead_parent_is_reported() {
    if !has_1_1() {
        return;
    }
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let missing = Attachment::new(
        &pod,
        in_1_1(with(macvlan_static(), json!({"master": "eth9"}))),
    )
    .try_status()
    .error();
    assert_eq!(missing.code, 50);
    assert!(missing.msg.contains("eth9"), "{missing:?}");
    bed.node.enter(|| wiring::set_down("eth1"));
    let down = Attachment::new(&pod, in_1_1(macvlan_static()))
        .try_status()
        .error();
    assert_eq!(down.code, 50);
    assert!(down.msg.contains("eth1"), "{down:?}");
}

#[test]
fn an_exhausted_range_is_reported() {
    if !has_1_1() {
        return;
    }
    let bed = Bed::new();
    let ipam = json!({"type": "host-local", "subnet": "10.10.20.0/29", "rangeStart": "10.10.20.2", "rangeEnd": "10.10.20.2"});
    let network = in_1_1(macvlan(ipam));
    let mut attachment = Attachment::new(&bed.node.pod("pod"), network);
    attachment.add();
    let error = attachment.try_status().error();
    assert_eq!(error.code, 50);
    assert!(error.msg.contains("10.10.20.2"), "{error:?}");
    attachment.del();
    attachment.try_status().ok();
}

#[test]
fn a_daemon_that_is_not_running_is_reported() {
    if !has_1_1() {
        return;
    }
    let bed = Bed::new();
    let attachment = Attachment::new(&bed.node.pod("pod"), in_1_1(macvlan_dhcp()));
    let error = attachment.try_status().error();
    assert_eq!(error.code, 50);
    assert!(error.msg.contains("/run/cni/dhcp.sock"), "{error:?}");
    let _daemon = Daemon::start(&bed.node, &[]);
    attachment.try_status().ok();
}

#[test]
fn gc_keeps_what_is_valid_and_frees_the_rest() {
    if !has_1_1() {
        return;
    }
    let bed = Bed::new();
    let mut attachments: Vec<_> = ["a", "b", "c"]
        .map(|name| Attachment::new(&bed.node.pod(name), in_1_1(macvlan_host_local())))
        .into();
    for attachment in &mut attachments {
        attachment.add();
    }
    let keep = attachments[1].id().to_owned();
    attachments[0]
        .try_gc(&[(&keep, "net1"), (attachments[2].id(), "net2")])
        .ok();
    assert_eq!(reservations(&bed.node, "lan"), ["10.10.20.3"]);
    attachments[1].check();
}

#[test]
fn gc_takes_null_for_an_empty_list() {
    if !has_1_1() {
        return;
    }
    let bed = Bed::new();
    let mut attachment = Attachment::new(&bed.node.pod("pod"), in_1_1(macvlan_host_local()));
    attachment.add();
    let config = format!(
        "{{\"cni.dev/valid-attachments\":null,\"cni.dev/attachments\":null,{}",
        in_1_1(macvlan_host_local())
            .to_string()
            .trim_start_matches('{')
    );
    attachment
        .invocation("GC")
        .stdin(config)
        .without("CNI_CONTAINERID")
        .without("CNI_IFNAME")
        .without("CNI_NETNS")
        .run()
        .ok();
    assert_eq!(reservations(&bed.node, "lan"), [""; 0]);
    assert!(
        bed.node
            .enter(|| Path::new("/var/lib/cni/networks/lan/lock").exists())
    );
}
