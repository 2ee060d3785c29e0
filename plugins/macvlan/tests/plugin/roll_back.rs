//! ADD leaves nothing behind, whichever step fails.

use serde_json::json;

use crate::rig::{Rig, network, with_result};

#[test]
fn an_ipam_that_refuses_is_given_a_del_and_its_error_is_told() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.ipam_says(
        "ADD",
        1,
        r#"{ "cniVersion": "1.1.0", "code": 101, "msg": "no address left in 192.168.50.0/24" }"#,
    );
    let (code, text) = rig.refused(&pod, &network(json!({})));
    assert_eq!(code, 101);
    assert!(
        text.contains("no address left in 192.168.50.0/24"),
        "{text}"
    );
    assert_eq!(rig.ipam_calls(), ["ADD net1 with", "DEL net1 with"]);
}

#[test]
fn an_ipam_that_talks_nonsense_is_named() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    for (status, stdout) in [
        (0, "garbage"),
        (0, "[1]"),
        (1, "garbage"),
        (1, ""),
        (
            0,
            r#"{ "cniVersion": "1.1.0", "ips": [{ "address": "192.168.50.7" }] }"#,
        ),
        (0, r#"{ "cniVersion": "1.1.0", "ips": [{ "address": 7 }] }"#),
    ] {
        rig.ipam_says("ADD", status, stdout);
        let before = rig.ipam_calls().len();
        let (code, text) = rig.refused(&pod, &network(json!({})));
        assert_eq!(code, 103, "{stdout}: {text}");
        assert!(text.contains("fake"), "{stdout}: {text}");
        assert_eq!(
            rig.ipam_calls()[before..],
            ["ADD net1 with", "DEL net1 with"],
            "{stdout}"
        );
    }
}

#[test]
fn an_ipam_without_addresses_is_named() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    for stdout in [
        r#"{ "cniVersion": "1.1.0" }"#,
        r#"{ "cniVersion": "1.1.0", "ips": [] }"#,
    ] {
        rig.ipam_says("ADD", 0, stdout);
        let before = rig.ipam_calls().len();
        let (code, text) = rig.refused(&pod, &network(json!({})));
        assert_eq!(code, 103, "{text}");
        assert!(
            text.contains("\"fake\"") && text.contains("no address"),
            "{text}"
        );
        assert_eq!(
            rig.ipam_calls()[before..],
            ["ADD net1 with", "DEL net1 with"]
        );
    }
}

#[test]
fn a_route_that_the_kernel_refuses_takes_everything_back() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    let lease = json!({ "cniVersion": "1.1.0", "ips": [{ "address": "192.168.50.7/24" }],
                        "routes": [{ "dst": "10.9.0.0/16", "gw": "127.0.0.1" }] });
    rig.ipam_says("ADD", 0, &lease.to_string());
    let (code, text) = rig.refused(&pod, &network(json!({})));
    assert_eq!(code, 100, "{text}");
    assert!(text.contains("10.9.0.0/16"), "{text}");
    assert_eq!(rig.ipam_calls(), ["ADD net1 with", "DEL net1 with"]);
}

#[test]
fn a_refused_route_of_a_dhcp_server_is_left_out_and_one_of_the_users_is_not() {
    let rig = Rig::new();
    rig.also_called("dhcp");
    let lease = json!({ "cniVersion": "1.1.0", "ips": [{ "address": "192.168.50.7/24" }],
                        "routes": [{ "dst": "10.9.0.0/16", "gw": "127.0.0.1" }, { "dst": "10.8.0.0/16" }] });
    rig.ipam_says("ADD", 0, &lease.to_string());
    let pod = rig.node().pod("pod");
    let network = network(json!({ "ipam": { "type": "dhcp" } }));
    let outcome = rig.run("ADD", &pod, &network);
    let result = outcome.ok();
    assert_eq!(result["routes"], json!([{ "dst": "10.8.0.0/16" }]));
    assert!(outcome.stderr.contains("10.9.0.0/16"), "{outcome}");
    rig.run("CHECK", &pod, &with_result(&network, &result)).ok();

    let mut network = network;
    network["ipam"]["routes"] = json!([{ "dst": "10.9.0.0/16", "gw": "127.0.0.1" }]);
    let (code, text) = rig.refused(&rig.node().pod("second"), &network);
    assert_eq!(code, 100, "{text}");
    assert!(text.contains("10.9.0.0/16"), "{text}");
}

#[test]
fn an_address_that_another_station_has_takes_everything_back() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.bed
        .lan
        .add_address("fd00::7".parse().expect("an address"), 64);
    rig.ipam_says(
        "ADD",
        0,
        r#"{ "cniVersion": "1.1.0", "ips": [{ "address": "fd00::7/64" }] }"#,
    );
    let (code, text) = rig.refused(&pod, &network(json!({})));
    assert_eq!(code, 105, "{text}");
    assert!(text.contains("fd00::7"), "{text}");
    assert_eq!(rig.ipam_calls(), ["ADD net1 with", "DEL net1 with"]);
}
