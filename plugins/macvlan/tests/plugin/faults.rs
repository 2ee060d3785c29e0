//! Bad input and a node that is not ready: each has its code, names the thing, and leaves nothing behind.

use std::fs;
use std::path::Path;

use serde_json::json;
use testbed::wiring;

use crate::rig::{Rig, link, links, names, network, run_ip};

#[test]
fn bad_keys_are_refused_before_anything_is_made() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    for (keys, code, texts) in [
        (
            json!({ "mode": "source" }),
            2,
            &["mode", "\"source\"", "bridge, private, vepa, passthru"][..],
        ),
        (
            json!({ "mtu": 1501 }),
            7,
            &["mtu", "1501", "1500", "\"eth1\""],
        ),
        (json!({ "mtu": -1 }), 7, &["mtu", "-1", "1500"]),
        (json!({ "mtu": 67 }), 7, &["mtu", "67", "68"]),
        (json!({ "mtu": "big" }), 6, &["mtu"]),
        (
            json!({ "mac": "02:00:00:00:00" }),
            7,
            &["mac", "\"02:00:00:00:00\"", "not a MAC"],
        ),
        (
            json!({ "mac": "33:33:00:00:00:01" }),
            7,
            &["mac", "\"33:33:00:00:00:01\"", "multicast"],
        ),
        (
            json!({ "runtimeConfig": { "mac": "zz" } }),
            7,
            &["runtimeConfig.mac", "\"zz\""],
        ),
        (
            json!({ "master": "eth9" }),
            7,
            &["master", "\"eth9\"", "on the host", "eth1"],
        ),
        (
            json!({ "master": null }),
            7,
            &["master", "default route", "on the host"],
        ),
        (
            json!({ "master": "eth1", "linkInContainer": true }),
            7,
            &["master", "\"eth1\"", "in the container"],
        ),
        (
            json!({ "master": "lo" }),
            7,
            &["master", "\"lo\"", "Ethernet"],
        ),
        (
            json!({ "ipam": { "type": "nowhere" } }),
            7,
            &["nowhere", "/tmp"],
        ),
        (json!({ "cniVersion": "0.2.0", "ipam": {} }), 7, &["0.2.0"]),
    ] {
        let (found, text) = rig.refused(&pod, &network(keys.clone()));
        assert_eq!(found, code, "{keys}: {text}");
        for part in texts {
            assert!(text.contains(part), "{keys}: {text:?} lacks {part:?}");
        }
    }
    assert_eq!(rig.ipam_calls(), [""; 0]);
}

#[test]
fn arguments_and_netns_are_checked() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    let plain = rig.node().plain_netns_file("plain");
    let add = rig.call("ADD", &network(json!({})));
    for (call, code, part) in [
        (add.clone().netns(pod.path()).args("MAC=zz"), 4, "CNI_ARGS"),
        (add.clone().netns(pod.path()).args("FOO=1"), 4, "\"FOO\""),
        (
            add.clone().netns(&rig.node().vanished_netns()),
            3,
            "/run/netns/vanished",
        ),
        (add.clone().netns(&plain), 4, "/run/netns/plain"),
        (add.clone().netns(Path::new("/run")), 4, "/run"),
    ] {
        let error = call.run().error();
        assert_eq!(error.code, code, "{error:?}");
        assert!(error.msg.contains(part), "{error:?} lacks {part:?}");
    }
    assert_eq!(names(&links(&pod)), ["lo"]);
    assert_eq!(rig.ipam_calls(), [""; 0]);
}

#[test]
fn a_taken_name_is_an_error_and_its_owner_stays() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.run(
        "ADD",
        &pod,
        &network(json!({ "ipam": {}, "mac": "02:00:00:00:00:01" })),
    )
    .ok();
    let error = rig.run("ADD", &pod, &network(json!({}))).error();
    assert_eq!(error.code, 4, "{error:?}");
    assert!(
        error.msg.contains("CNI_IFNAME") && error.msg.contains("\"net1\""),
        "{error:?}"
    );
    assert_eq!(link(&pod, "net1")["address"], "02:00:00:00:00:01");
    assert_eq!(names(&links(&pod)), ["lo", "net1"]);
    assert_eq!(rig.ipam_calls(), [""; 0]);
}

#[test]
fn a_parent_that_is_down_is_named_with_the_command() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.node().enter(|| wiring::set_down("eth1"));
    let (code, text) = rig.refused(&pod, &network(json!({})));
    assert_eq!(code, 100, "{text}");
    assert!(
        text.contains("\"eth1\"") && text.contains("ip link set eth1 up"),
        "{text}"
    );
}

#[test]
fn a_parent_in_a_bridge_is_named_with_the_bridge() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.node().enter(|| {
        wiring::create_bridge("br7");
        wiring::attach("eth1", "br7");
    });
    let (code, text) = rig.refused(&pod, &network(json!({})));
    assert_eq!(code, 100, "{text}");
    assert!(
        text.contains("bridge \"br7\"") && text.contains("\"eth1\""),
        "{text}"
    );
}

#[test]
fn passthru_is_for_one_link_alone() {
    let rig = Rig::new();
    let (first, second) = (rig.node().pod("first"), rig.node().pod("second"));
    rig.run("ADD", &first, &network(json!({ "ipam": {} }))).ok();
    let (code, text) = rig.refused(&second, &network(json!({ "mode": "passthru" })));
    assert!(code == 100 && text.contains("passthru"), "{code} {text}");
    rig.run("DEL", &first, &network(json!({ "ipam": {} }))).ok();

    rig.run(
        "ADD",
        &first,
        &network(json!({ "ipam": {}, "mode": "passthru" })),
    )
    .ok();
    let (code, text) = rig.refused(&second, &network(json!({})));
    assert!(code == 100 && text.contains("passthru"), "{code} {text}");
}

#[test]
fn a_mac_in_use_on_the_parent_is_named() {
    let rig = Rig::new();
    let (first, second) = (rig.node().pod("first"), rig.node().pod("second"));
    let network = network(json!({ "mac": "02:00:00:00:00:07" }));
    rig.run("ADD", &first, &network).ok();
    let (code, text) = rig.refused(&second, &network);
    assert_eq!(code, 100, "{text}");
    assert!(
        text.contains("02:00:00:00:00:07") && text.contains("in use"),
        "{text}"
    );
}

#[test]
fn a_wifi_parent_is_refused_unless_the_link_takes_its_place() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.node().enter(|| {
        let index = wiring::index("eth1");
        run_command("mount", &["-t", "tmpfs", "tmpfs", "/sys"]);
        fs::create_dir_all("/sys/class/net/eth1/phy80211").expect("directories");
        fs::write("/sys/class/net/eth1/ifindex", format!("{index}\n")).expect("a file");
    });
    let (code, text) = rig.refused(&pod, &network(json!({})));
    assert_eq!(code, 100, "{text}");
    assert!(
        text.contains("Wi-Fi") && text.contains("ipvlan") && text.contains("\"eth1\""),
        "{text}"
    );
    rig.run("ADD", &pod, &network(json!({ "mode": "passthru" })))
        .ok();
}

#[test]
fn an_mtu_too_small_for_the_ipams_ipv6_address_is_named_with_it() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.ipam_says(
        "ADD",
        0,
        r#"{ "cniVersion": "1.1.0", "ips": [{ "address": "fd00::7/64" }] }"#,
    );
    let (code, text) = rig.refused(&pod, &network(json!({ "mtu": 1279 })));
    assert_eq!(code, 7, "{text}");
    assert!(
        text.contains("1279") && text.contains("1280") && text.contains("fd00::7/64"),
        "{text}"
    );
    assert_eq!(rig.ipam_calls(), ["ADD net1 with", "DEL net1 with"]);
}

#[test]
fn a_macvlan_is_no_obstacle_for_being_the_parent() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.node().enter(|| {
        wiring::create_macvlan("mv0", "eth1");
        wiring::set_up("mv0");
    });
    let network = network(json!({ "master": "mv0" }));
    let result = rig.run("ADD", &pod, &network).ok();
    rig.run("CHECK", &pod, &crate::rig::with_result(&network, &result))
        .ok();
}

#[test]
fn a_default_route_over_several_devices_takes_the_first() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.node().add_default_route(&rig.bed.lan);
    rig.node().enter(|| {
        run_ip("link add eth2 type veth peer name lan2");
        run_ip("address add 198.51.100.2/24 dev eth2");
        run_ip("link set eth2 up");
        run_ip("link set lan2 up");
        run_ip("route del default");
        run_ip("route add default nexthop via 198.51.100.1 nexthop via 192.168.50.1");
    });
    rig.run("ADD", &pod, &network(json!({ "master": null, "ipam": {} })))
        .ok();
    assert_eq!(
        link(&pod, "net1")["link_index"],
        json!(rig.node().enter(|| wiring::index("eth2")))
    );
}

fn run_command(program: &str, arguments: &[&str]) {
    let status = std::process::Command::new(program)
        .args(arguments)
        .status()
        .expect(program);
    assert!(status.success(), "{program} {arguments:?}: {status}");
}
