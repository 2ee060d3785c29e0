//! CHECK: every difference from what ADD said is told, and what others added is none.

use serde_json::{Value, json};
use testbed::{Pod, wiring};

use crate::rig::{Rig, network, run_ip, with_result};

#[test]
fn an_untouched_attachment_passes_and_the_ipam_is_asked() {
    let rig = Rig::new();
    let (pod, network) = attached(&rig);
    assert_eq!(rig.run("CHECK", &pod, &network).ok(), Value::Null);
    assert_eq!(rig.ipam_calls(), ["ADD net1 with", "CHECK net1 with"]);
}

#[test]
fn additions_are_no_difference() {
    let rig = Rig::new();
    let (pod, network) = attached(&rig);
    pod.enter(|| {
        run_ip("address add 10.1.1.1/24 dev net1");
        run_ip("route add 10.2.0.0/16 dev net1");
        run_ip("link add other type veth peer name other2");
    });
    rig.run("CHECK", &pod, &network).ok();
}

#[test]
fn each_difference_is_told() {
    for (change, parts) in [
        ("link set net1 down", &["\"net1\"", "down"][..]),
        ("link set net1 mtu 1300", &["1300", "1500"]),
        (
            "link set net1 address 02:00:00:00:00:99",
            &["02:00:00:00:00:99", "02:00:00:00:00:07"],
        ),
        ("address del 192.168.50.7/24 dev net1", &["192.168.50.7/24"]),
        (
            "route del default via 192.168.50.1",
            &["0.0.0.0/0", "192.168.50.1"],
        ),
        ("route del 172.16.0.0/12", &["172.16.0.0/12"]),
        ("route del 10.5.0.0/16 table 100", &["10.5.0.0/16", "100"]),
        ("link del net1", &["\"net1\""]),
        (
            "link set net1 type macvlan mode private",
            &["private", "bridge"],
        ),
    ] {
        let rig = Rig::new();
        let (pod, network) = attached(&rig);
        pod.enter(|| run_ip(change));
        differs(&rig, &pod, &network, change, parts);
    }
}

#[test]
fn a_missing_ipv6_address_is_told() {
    let rig = Rig::new();
    let (pod, network) = attached_with(
        &rig,
        &json!([{ "address": "192.168.50.7/24" }, { "address": "fd00::7/64" }]),
    );
    rig.run("CHECK", &pod, &network).ok();
    pod.enter(|| run_ip("address del fd00::7/64 dev net1"));
    differs(&rig, &pod, &network, "fd00::7", &["\"net1\"", "fd00::7/64"]);
}

#[test]
fn another_kind_of_link_under_the_name_is_told() {
    let rig = Rig::new();
    let (pod, network) = attached(&rig);
    pod.enter(|| {
        run_ip("link del net1");
        run_ip("link add net1 type veth peer name net9")
    });
    differs(
        &rig,
        &pod,
        &network,
        "veth",
        &["\"net1\"", "veth", "macvlan"],
    );
}

#[test]
fn another_parent_is_told() {
    let rig = Rig::new();
    let (pod, mut network) = attached(&rig);
    rig.node().enter(|| {
        run_ip("link add eth2 type veth peer name eth3");
        wiring::set_up("eth2");
    });
    network["master"] = json!("eth2");
    differs(&rig, &pod, &network, "eth2", &["\"eth2\"", "parent"]);
}

#[test]
fn a_parent_of_the_same_name_and_index_in_another_netns_is_told() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    let make_parent = || {
        run_ip("link add index 77 name eth7 type veth peer name eth8");
        wiring::set_up("eth7");
    };
    rig.node().enter(make_parent);
    pod.enter(make_parent);
    let mut network = network(json!({ "master": "eth7", "ipam": {} }));
    let result = rig.run("ADD", &pod, &network).ok();
    network = with_result(&network, &result);
    rig.run("CHECK", &pod, &network).ok();
    network["linkInContainer"] = json!(true);
    differs(
        &rig,
        &pod,
        &network,
        "linkInContainer",
        &["\"eth7\"", "parent"],
    );
}

#[test]
fn the_result_has_to_be_of_this_link_in_this_netns() {
    let rig = Rig::new();
    let (pod, network) = attached(&rig);
    let other = rig.node().pod("other");
    let change = |key: &str, value: Value| {
        let mut network = network.clone();
        network["prevResult"]["interfaces"][0][key] = value;
        network
    };
    for (network, part) in [
        (change("name", json!("net2")), "\"net1\""),
        (change("sandbox", json!(other.path())), "/run/netns/other"),
        (change("sandbox", json!("")), "\"net1\""),
    ] {
        let error = rig.run("CHECK", &pod, &network).error();
        assert!(error.msg.contains(part), "{error:?}");
        assert_eq!(error.code, 104, "{error:?}");
    }
}

#[test]
fn the_netns_may_be_named_by_another_path() {
    let rig = Rig::new();
    let (pod, mut network) = attached(&rig);
    network["prevResult"]["interfaces"][0]["sandbox"] = json!("/var/run/../../run/netns/pod");
    rig.run("CHECK", &pod, &network).ok();
}

#[test]
fn an_ipam_that_disagrees_is_heard() {
    let rig = Rig::new();
    let (pod, network) = attached(&rig);
    rig.ipam_says("CHECK", 1, r#"{ "code": 104, "msg": "no lease for c1" }"#);
    let error = rig.run("CHECK", &pod, &network).error();
    assert_eq!((error.code, error.msg.as_str()), (104, "no lease for c1"));
}

#[test]
fn without_a_previous_result_there_is_nothing_to_compare() {
    let rig = Rig::new();
    let (pod, mut network) = attached(&rig);
    network
        .as_object_mut()
        .expect("an object")
        .remove("prevResult");
    let error = rig.run("CHECK", &pod, &network).error();
    assert_eq!(error.code, 7, "{error:?}");
    assert!(error.msg.contains("prevResult"), "{error:?}");
}

#[test]
fn a_vanished_netns_is_told() {
    let rig = Rig::new();
    let (pod, network) = attached(&rig);
    pod.destroy();
    let error = rig.run("CHECK", &pod, &network).error();
    assert!(error.msg.contains("/run/netns/pod"), "{error:?}");
}

#[track_caller]
fn differs(rig: &Rig, pod: &Pod, network: &Value, change: &str, parts: &[&str]) {
    let error = rig.run("CHECK", pod, network).error();
    assert_eq!(error.code, 104, "{change}: {error:?}");
    for part in parts {
        assert!(
            error.msg.contains(part),
            "{change}: {error:?} lacks {part:?}"
        );
    }
}

/// A pod with an address and three routes, and the network with the result of its ADD.
fn attached(rig: &Rig) -> (Pod, Value) {
    attached_with(
        rig,
        &json!([{ "address": "192.168.50.7/24", "gateway": "192.168.50.1" }]),
    )
}

fn attached_with(rig: &Rig, ips: &Value) -> (Pod, Value) {
    let pod = rig.node().pod("pod");
    let lease = json!({
        "cniVersion": "1.1.0",
        "ips": ips,
        "routes": [{ "dst": "0.0.0.0/0" }, { "dst": "172.16.0.0/12", "gw": "192.168.50.9" },
                   { "dst": "10.5.0.0/16", "gw": "192.168.50.9", "table": 100 }]
    });
    rig.ipam_says("ADD", 0, &lease.to_string());
    let network = network(json!({ "mac": "02:00:00:00:00:07" }));
    let result = rig.run("ADD", &pod, &network).ok();
    let network = with_result(&network, &result);
    (pod, network)
}
