//! STATUS and GC.

use serde_json::{Value, json};
use testbed::wiring;

use crate::rig::{Rig, network};

#[test]
fn a_parent_that_is_up_and_an_ipam_that_is_content_are_success() {
    let rig = Rig::new();
    assert_eq!(
        rig.call("STATUS", &network(json!({}))).run().ok(),
        Value::Null
    );
    assert_eq!(rig.ipam_calls().len(), 1);
    rig.node().add_default_route(&rig.bed.lan);
    rig.call("STATUS", &network(json!({ "master": null, "ipam": {} })))
        .run()
        .ok();
    rig.call(
        "STATUS",
        &network(json!({ "master": "eth9", "linkInContainer": true })),
    )
    .run()
    .ok();
}

#[test]
fn a_parent_that_will_not_do_is_named() {
    let rig = Rig::new();
    for (keys, part) in [
        (json!({ "master": "eth9" }), "\"eth9\""),
        (json!({ "master": null }), "default route"),
        (json!({ "mtu": 9000 }), "9000"),
        (json!({ "ipam": { "type": "nowhere" } }), "nowhere"),
    ] {
        unavailable(&rig, keys, part);
    }
    rig.node().enter(|| wiring::set_down("eth1"));
    unavailable(&rig, json!({}), "\"eth1\"");
}

#[test]
fn the_ipams_own_code_is_passed_on() {
    let rig = Rig::new();
    rig.ipam_says(
        "STATUS",
        1,
        r#"{ "code": 51, "msg": "the daemon is starting" }"#,
    );
    let error = rig.call("STATUS", &network(json!({}))).run().error();
    assert_eq!(
        (error.code, error.msg.as_str()),
        (51, "the daemon is starting")
    );
}

#[test]
fn gc_reaches_the_ipam_with_the_list() {
    let rig = Rig::new();
    let network = network(
        json!({ "cni.dev/valid-attachments": [{ "containerID": "c1", "ifname": "net1" }] }),
    );
    assert_eq!(rig.call("GC", &network).run().ok(), Value::Null);
    assert_eq!(rig.ipam_stdin(), network);
    rig.ipam_says("GC", 1, r#"{ "code": 5, "msg": "no access" }"#);
    assert_eq!(rig.call("GC", &network).run().error().code, 5);
}

#[track_caller]
fn unavailable(rig: &Rig, keys: Value, part: &str) {
    let error = rig.call("STATUS", &network(keys)).run().error();
    assert_eq!(error.code, 50, "{error:?}");
    assert!(error.msg.contains(part), "{error:?} lacks {part:?}");
}
