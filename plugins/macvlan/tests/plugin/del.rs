//! DEL: it takes away what it can, and what is gone already is no error.

use serde_json::{Value, json};
use testbed::wiring;

use crate::rig::{Rig, link, links, names, network, run_ip, with_result};

#[test]
fn the_link_goes_and_a_second_del_succeeds() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    let network = network(json!({}));
    let result = rig.run("ADD", &pod, &network).ok();
    assert_eq!(
        rig.run("DEL", &pod, &with_result(&network, &result)).ok(),
        Value::Null
    );
    assert_eq!(names(&links(&pod)), ["lo"]);
    rig.run("DEL", &pod, &network).ok();
    assert_eq!(
        rig.ipam_calls(),
        ["ADD net1 with", "DEL net1 with", "DEL net1 without"]
    );
}

#[test]
fn name_and_mac_can_be_used_again_at_once() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    let network = network(json!({ "mac": "02:00:00:00:00:07", "ipam": {} }));
    for _ in 0..20 {
        rig.run("ADD", &pod, &network).ok();
        rig.run("DEL", &pod, &network).ok();
    }
}

#[test]
fn without_a_netns_the_ipam_is_still_asked() {
    let rig = Rig::new();
    let network = network(json!({}));
    let plain = rig.node().plain_netns_file("plain");
    rig.call("DEL", &network).run().ok();
    rig.call("DEL", &network).env("CNI_NETNS", "").run().ok();
    rig.call("DEL", &network)
        .netns(&rig.node().vanished_netns())
        .run()
        .ok();
    rig.call("DEL", &network).netns(&plain).run().ok();
    assert_eq!(rig.ipam_calls().len(), 4);
}

#[test]
fn the_keys_need_not_make_sense() {
    let rig = Rig::new();
    for (name, keys) in [
        ("a", json!({ "master": null })),
        (
            "b",
            json!({ "master": "eth9", "mode": "nonsense", "mtu": 100_000, "mac": "zz" }),
        ),
        ("c", json!({ "mtu": "text", "mode": 7 })),
    ] {
        let pod = rig.node().pod(name);
        rig.run("ADD", &pod, &network(json!({ "ipam": {} }))).ok();
        rig.call("DEL", &network(keys))
            .args("UNKNOWN=1")
            .netns(pod.path())
            .run()
            .ok();
        assert_eq!(names(&links(&pod)), ["lo"], "{name}");
    }
}

#[test]
fn the_parent_may_be_gone() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.run("ADD", &pod, &network(json!({}))).ok();
    rig.node().enter(|| wiring::delete("eth1"));
    assert_eq!(names(&links(&pod)), ["lo"]);
    rig.run("DEL", &pod, &network(json!({}))).ok();
    assert_eq!(rig.ipam_calls(), ["ADD net1 with", "DEL net1 without"]);
}

#[test]
fn the_link_goes_though_the_ipam_fails_and_its_error_is_told() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.run("ADD", &pod, &network(json!({}))).ok();
    rig.ipam_says(
        "DEL",
        1,
        r#"{"code": 11, "msg": "the lock is held", "details": "wait"}"#,
    );
    let error = rig.run("DEL", &pod, &network(json!({}))).error();
    assert_eq!(
        (error.code, error.msg.as_str(), error.details.as_str()),
        (11, "the lock is held", "wait")
    );
    assert_eq!(names(&links(&pod)), ["lo"]);
}

#[test]
fn the_link_goes_though_the_ipam_is_not_found() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.run("ADD", &pod, &network(json!({ "ipam": {} }))).ok();
    let error = rig
        .run(
            "DEL",
            &pod,
            &network(json!({ "ipam": { "type": "nowhere" } })),
        )
        .error();
    assert!(error.msg.contains("nowhere"), "{error:?}");
    assert_eq!(names(&links(&pod)), ["lo"]);
}

#[test]
fn a_link_that_is_no_macvlan_stays() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    pod.enter(|| run_ip("link add net1 type veth peer name net9"));
    let outcome = rig.run("DEL", &pod, &network(json!({ "ipam": {} })));
    outcome.ok();
    assert_eq!(link(&pod, "net1")["linkinfo"]["info_kind"], "veth");
    assert!(outcome.stderr.contains("veth"), "{outcome}");
}

#[test]
fn two_at_once_both_succeed() {
    let rig = Rig::new();
    let network = network(json!({ "ipam": {} }));
    for round in 0..5 {
        let pod = rig.node().pod(&format!("pod{round}"));
        rig.run("ADD", &pod, &network).ok();
        let runs = [(); 3].map(|()| rig.call("DEL", &network).netns(pod.path()).start());
        for run in runs {
            run.finish().ok();
        }
        assert_eq!(names(&links(&pod)), ["lo"]);
    }
}

#[test]
fn a_malformed_previous_result_is_no_obstacle() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.run("ADD", &pod, &network(json!({ "ipam": {} }))).ok();
    rig.run(
        "DEL",
        &pod,
        &network(json!({ "ipam": {}, "prevResult": { "ips": 7 } })),
    )
    .ok();
    assert_eq!(names(&links(&pod)), ["lo"]);
}
