//! ADD: the link, its configuration, and the result.

use serde_json::{Value, json};
use testbed::{observe, wiring};

use crate::rig::{Rig, ip, link, links, names, network, run_ip, with_result};

#[test]
fn the_link_is_in_the_pod_as_asked_for_and_the_result_tells() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    let result = rig
        .run(
            "ADD",
            &pod,
            &network(json!({ "mode": "private", "mtu": 1400, "mac": "02:00:00:00:00:07" })),
        )
        .ok();

    let made = link(&pod, "net1");
    assert_eq!(made["linkinfo"]["info_kind"], "macvlan");
    assert_eq!(made["linkinfo"]["info_data"]["mode"], "private");
    assert_eq!(
        (&made["mtu"], &made["address"]),
        (&json!(1400), &json!("02:00:00:00:00:07"))
    );
    assert!(
        made["flags"]
            .as_array()
            .expect("flags")
            .contains(&json!("UP"))
    );
    assert_eq!(names(&links(&pod)), ["lo", "net1"]);
    let on_the_node = rig.node().enter(|| run_ip("-json link show"));
    assert_eq!(
        names(on_the_node.as_array().expect("links")),
        ["lo", "eth1"]
    );

    let interface =
        json!({ "name": "net1", "mac": "02:00:00:00:00:07", "mtu": 1400, "sandbox": pod.path() });
    assert_eq!(result["interfaces"], json!([interface]));
    assert_eq!(
        result["ips"],
        json!([{ "interface": 0, "address": "192.168.50.7/24" }])
    );
    assert_eq!(
        pod.enter(|| observe::addresses("net1")),
        ["192.168.50.7/24"]
    );
}

#[test]
fn every_mode_reaches_the_kernel() {
    let rig = Rig::new();
    for mode in ["bridge", "private", "vepa", "passthru"] {
        let pod = rig.node().pod(mode);
        rig.run("ADD", &pod, &network(json!({ "mode": mode, "ipam": {} })))
            .ok();
        assert_eq!(link(&pod, "net1")["linkinfo"]["info_data"]["mode"], mode);
        rig.run("DEL", &pod, &network(json!({ "mode": mode, "ipam": {} })))
            .ok();
    }
}

#[test]
fn a_passthru_link_has_its_parents_mac_unless_another_is_asked_for() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    let parents_mac = || {
        rig.node()
            .enter(|| observe::link("eth1"))
            .expect("eth1")
            .all["address"]
            .clone()
    };
    let own = parents_mac();
    for (keys, expected) in [
        (json!({ "mode": "passthru" }), own.clone()),
        (
            json!({ "mode": "passthru", "mac": "02:00:00:00:00:07" }),
            json!("02:00:00:00:00:07"),
        ),
    ] {
        let network = network(keys);
        let result = rig.run("ADD", &pod, &network).ok();
        assert_eq!(result["interfaces"][0]["mac"], expected);
        assert_eq!(link(&pod, "net1")["address"], expected);
        assert_eq!(parents_mac(), expected);
        rig.run("CHECK", &pod, &with_result(&network, &result)).ok();
        rig.run("DEL", &pod, &network).ok();
        assert_eq!(parents_mac(), own, "the parent has its own again");
    }
}

#[test]
fn unset_keys_mean_a_bridge_with_the_parents_mtu_on_the_default_routes_device() {
    let rig = Rig::new();
    rig.node().add_default_route(&rig.bed.lan);
    rig.node().enter(|| wiring::set_mtu("eth1", 1450));
    let pod = rig.node().pod("pod");
    let result = rig
        .run(
            "ADD",
            &pod,
            &network(json!({ "master": null, "ipam": null })),
        )
        .ok();
    let made = link(&pod, "net1");
    assert_eq!(made["linkinfo"]["info_data"]["mode"], "bridge");
    assert_eq!(
        made["link_index"],
        json!(rig.node().enter(|| wiring::index("eth1")))
    );
    assert_eq!(
        (&made["mtu"], &result["interfaces"][0]["mtu"]),
        (&json!(1450), &json!(1450))
    );
    assert_eq!(made["address"], result["interfaces"][0]["mac"]);
}

#[test]
fn a_link_without_ipam_is_up_and_has_no_addresses() {
    let rig = Rig::new();
    for (name, ipam) in [
        ("a", Value::Null),
        ("b", json!({})),
        ("c", json!({ "type": "" })),
    ] {
        let pod = rig.node().pod(name);
        let result = rig.run("ADD", &pod, &network(json!({ "ipam": ipam }))).ok();
        assert_eq!(
            result
                .get("ips")
                .and_then(Value::as_array)
                .map_or(0, Vec::len),
            0
        );
        assert!(
            link(&pod, "net1")["flags"]
                .as_array()
                .expect("flags")
                .contains(&json!("UP"))
        );
    }
    assert_eq!(rig.ipam_calls(), [""; 0]);
}

#[test]
fn the_parent_may_be_in_the_pod() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    pod.add_primary_network();
    for (ifname, master) in [("net1", json!("eth0")), ("net2", Value::Null)] {
        let network = network(json!({ "master": master, "linkInContainer": true, "ipam": {} }));
        rig.call("ADD", &network)
            .ifname(ifname)
            .netns(pod.path())
            .run()
            .ok();
        assert_eq!(link(&pod, ifname)["link"], "eth0");
        rig.call(
            "CHECK",
            &with_result(
                &network,
                &json!({
                    "cniVersion": "1.1.0", "interfaces": [{ "name": ifname, "sandbox": pod.path() }]
                }),
            ),
        )
        .ifname(ifname)
        .netns(pod.path())
        .run()
        .ok();
    }
}

#[test]
fn the_parents_alternative_name_will_do() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.node()
        .enter(|| run_ip("link property add dev eth1 altname enp0s31f6-the-long-name"));
    rig.run(
        "ADD",
        &pod,
        &network(json!({ "master": "enp0s31f6-the-long-name", "ipam": {} })),
    )
    .ok();
    assert_eq!(names(&links(&pod)), ["lo", "net1"]);
}

#[test]
fn the_broadcast_queue_has_the_length_asked_for() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    rig.run(
        "ADD",
        &pod,
        &network(json!({ "bcqueuelen": 3000, "ipam": {} })),
    )
    .ok();
    assert_eq!(
        link(&pod, "net1")["linkinfo"]["info_data"]["bcqueuelen"],
        3000
    );
}

#[test]
fn the_runtimes_mac_wins_over_the_networks() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    let network = network(json!({
        "mac": "02:00:00:00:00:01", "ipam": {}, "capabilities": { "mac": true },
        "runtimeConfig": { "mac": "02:00:00:00:00:04" }, "args": { "cni": { "mac": "02:00:00:00:00:03" } }
    }));
    let args = "IgnoreUnknown=1;K8S_POD_NAME=;MAC=02:00:00:00:00:02";
    let result = rig
        .call("ADD", &network)
        .args(args)
        .netns(pod.path())
        .run()
        .ok();
    assert_eq!(result["interfaces"][0]["mac"], "02:00:00:00:00:04");
    assert_eq!(link(&pod, "net1")["address"], "02:00:00:00:00:04");
}

#[test]
fn the_ipam_gets_the_whole_configuration_while_the_link_is_in_the_pod() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    let network = network(
        json!({ "runtimeConfig": { "ips": ["192.168.50.7/24"] }, "x": { "y": [1, null] } }),
    );
    rig.run("ADD", &pod, &network).ok();
    assert_eq!(rig.ipam_stdin(), network);
    assert_eq!(rig.ipam_calls(), ["ADD net1 with"]);
}

#[test]
fn addresses_routes_and_name_servers_of_the_ipam_are_set_and_returned() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    let routes = json!([{ "dst": "0.0.0.0/0" }, { "dst": "172.16.0.0/12", "gw": "192.168.50.9" },
                        { "dst": "::/0" }]);
    let lease = json!({
        "cniVersion": "1.1.0",
        "ips": [{ "address": "192.168.50.7/24", "gateway": "192.168.50.1" }, { "address": "fd00::7/64", "gateway": "fd00::1" }],
        "routes": routes,
        "dns": { "nameservers": ["192.168.50.1"], "domain": "lan", "search": ["lan"] }
    });
    rig.ipam_says("ADD", 0, &lease.to_string());
    let result = rig
        .run(
            "ADD",
            &pod,
            &network(json!({ "dns": { "nameservers": ["4.4.4.4"], "search": ["pods"] } })),
        )
        .ok();

    assert_eq!(result["routes"], routes);
    assert_eq!(
        result["dns"],
        json!({ "nameservers": ["4.4.4.4", "192.168.50.1"], "domain": "lan", "search": ["pods", "lan"] })
    );
    assert_eq!(
        result["ips"][1],
        json!({ "interface": 0, "address": "fd00::7/64", "gateway": "fd00::1" })
    );
    assert_eq!(
        pod.enter(|| observe::addresses("net1")),
        ["192.168.50.7/24", "fd00::7/64"]
    );
    let shown = pod.enter(|| observe::address_objects("net1"));
    let waiting = shown
        .iter()
        .any(|address| address["scope"] == "global" && address.get("tentative").is_some());
    assert!(
        !waiting,
        "duplicate address detection is awaited: {shown:?}"
    );
    let v4 = ip(&pod, "-4 route show dev net1");
    let via = |dst: &str| {
        v4.iter()
            .find(|route| route["dst"] == dst)
            .map(|route| route["gateway"].clone())
    };
    assert_eq!(via("default"), Some(json!("192.168.50.1")));
    assert_eq!(via("172.16.0.0/12"), Some(json!("192.168.50.9")));
    let v6 = ip(&pod, "-6 route show default");
    assert_eq!(v6[0]["gateway"], "fd00::1");
}

#[test]
fn a_default_route_beside_that_of_the_primary_network_is_no_error() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    pod.add_primary_network();
    rig.ipam_says(
        "ADD",
        0,
        &json!({ "cniVersion": "0.4.0",
        "ips": [{ "version": "4", "address": "192.168.50.7/24", "gateway": "192.168.50.1" }],
        "routes": [{ "dst": "0.0.0.0/0" }] })
        .to_string(),
    );
    rig.run("ADD", &pod, &network(json!({ "cniVersion": "0.4.0" })))
        .ok();
    assert_eq!(ip(&pod, "route show default").len(), 2);
}

#[test]
fn every_version_gets_its_own_result() {
    let rig = Rig::new();
    for version in [
        "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
    ] {
        let pod = rig.node().pod(&format!("pod-{version}"));
        rig.ipam_says("ADD", 0, &in_version(version).to_string());
        let result = rig
            .run("ADD", &pod, &network(json!({ "cniVersion": version })))
            .ok();
        assert_eq!(result["cniVersion"], version);
        let address = if version < "0.3.0" {
            &result["ip4"]["ip"]
        } else {
            &result["ips"][0]["address"]
        };
        assert_eq!(address, "192.168.50.7/24", "{result}");
        let mtu = result.pointer("/interfaces/0/mtu").is_some();
        assert_eq!(mtu, version >= "1.0.0", "{result}");
        rig.run("DEL", &pod, &network(json!({ "cniVersion": version })))
            .ok();
    }
}

#[test]
fn an_old_result_has_the_first_address_though_the_link_has_all() {
    let rig = Rig::new();
    let pod = rig.node().pod("pod");
    let lease = json!({ "cniVersion": "1.1.0",
                        "ips": [{ "address": "192.168.50.7/24" }, { "address": "192.168.50.8/24" }] });
    rig.ipam_says("ADD", 0, &lease.to_string());
    let result = rig
        .run("ADD", &pod, &network(json!({ "cniVersion": "0.2.0" })))
        .ok();
    assert_eq!(result["ip4"]["ip"], "192.168.50.7/24");
    assert_eq!(
        pod.enter(|| observe::addresses("net1")),
        ["192.168.50.7/24", "192.168.50.8/24"]
    );
}

fn in_version(version: &str) -> Value {
    match version {
        "0.1.0" | "0.2.0" => json!({ "cniVersion": version, "ip4": { "ip": "192.168.50.7/24" } }),
        "1.0.0" | "1.1.0" => {
            json!({ "cniVersion": version, "ips": [{ "address": "192.168.50.7/24" }] })
        }
        _ => {
            json!({ "cniVersion": version, "ips": [{ "version": "4", "address": "192.168.50.7/24" }] })
        }
    }
}
