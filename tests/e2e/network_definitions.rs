//! The sample networks in `conf/`: each one is parsed, and gives a pod what its README says.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testbed::server::Dnsmasq;
use testbed::{Attachment, Bed, Daemon, LanAddresses, differs, observe};

use crate::multus::Definition;
use crate::traces::reservations;

#[test]
fn a_range_with_an_empty_gateway_starts_after_the_first_address() {
    for config in both("macvlan-host-local") {
        let bed = Bed::new();
        let pod = bed.node.pod("pod");
        let mut attachment = Attachment::new(&pod, config);
        let result = attachment.add();
        assert_eq!(result["ips"][0]["address"], "10.10.20.2/24");
        assert_eq!(result["ips"][0]["gateway"], "10.10.20.1");
        assert_eq!(pod.enter(|| observe::addresses("net1")), ["10.10.20.2/24"]);
        let routes = pod.enter(|| observe::configured_routes("net1"));
        assert!(
            routes
                .iter()
                .any(|route| route.dst == "default"
                    && route.gateway.as_deref() == Some("10.10.20.1"))
        );
        attachment.del();
        assert_eq!(reservations(&bed.node, "macvlan-conf-1"), [""; 0]);
    }
}

#[test]
fn a_lease_with_routes_of_the_networks_own_has_both() {
    for config in both("macvlan-dhcp-routes") {
        let bed = lan_192_168_0();
        let _dnsmasq = Dnsmasq::start(&bed.lan);
        let _daemon = Daemon::start(&bed.node, &[]);
        let pod = bed.node.pod("pod");
        let mut attachment = Attachment::new(&pod, config);
        let result = attachment.add();
        assert_eq!(
            pod.enter(|| observe::addresses("net1")),
            [result["ips"][0]["address"].as_str().unwrap()]
        );
        let nameservers = result["dns"]["nameservers"].as_array().unwrap();
        assert_eq!(nameservers[..2], [json!("4.4.4.4"), json!("8.8.8.8")]);
        let routes = pod.enter(|| observe::configured_routes("net1"));
        let via_router = |dst: &str| {
            routes
                .iter()
                .any(|route| route.dst == dst && route.gateway.as_deref() == Some("192.168.0.1"))
        };
        assert!(via_router("default"), "{routes:?}");
        differs("Go: the dhcp plugin ignores ipam.routes", || {
            assert!(via_router("192.168.0.0/16"), "{routes:?}");
        });
        attachment.del();
    }
}

#[test]
fn the_shortest_network_is_a_lease_on_the_default_device() {
    for config in both("macvlan-dhcp") {
        let bed = Bed::new();
        bed.node.add_default_route(&bed.lan);
        let _dnsmasq = Dnsmasq::start(&bed.lan);
        let _daemon = Daemon::start(&bed.node, &[]);
        let pod = bed.node.pod("pod");
        let mut attachment = Attachment::new(&pod, config);
        let result = attachment.add();
        assert!(
            result["ips"][0]["address"]
                .as_str()
                .unwrap()
                .starts_with("192.168.50.")
        );
        attachment.check();
        attachment.del();
    }
}

#[test]
fn a_static_network_gives_its_address_unless_the_runtime_has_another() {
    for config in both("macvlan-static") {
        let bed = lan_192_168_0();
        let pod = bed.node.pod("pod");
        let mut attachment = Attachment::new(&pod, config.clone());
        attachment.add();
        assert_eq!(
            pod.enter(|| observe::addresses("net1")),
            ["192.168.0.40/24"]
        );
        attachment.del();
        let mut asked = config;
        asked["runtimeConfig"] = json!({"ips": ["192.168.0.41/24"], "mac": "02:00:00:00:00:41"});
        asked["ipam"]["routes"] = json!([]);
        Attachment::new(&pod, asked).add();
        assert_eq!(
            pod.enter(|| observe::addresses("net1")),
            ["192.168.0.41/24"]
        );
        assert_eq!(
            pod.enter(|| observe::link("net1")).unwrap().mac,
            "02:00:00:00:00:41"
        );
    }
}

#[test]
fn a_dual_stack_network_gives_an_address_of_each_family() {
    for config in both("macvlan-dual-stack") {
        let bed = Bed::new();
        let pod = bed.node.pod("pod");
        let mut attachment = Attachment::new(&pod, config);
        attachment.add();
        assert_eq!(
            pod.enter(|| observe::addresses("net1")),
            ["10.10.20.100/24", "fd00:10:20::100/64"]
        );
        attachment.del();
    }
}

#[test]
fn every_sample_is_run_by_a_test() {
    let stems = |directory: &str| {
        let entries = fs::read_dir(conf().join(directory)).unwrap().flatten();
        let mut stems: Vec<_> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension != "md"))
            .map(|path| path.file_stem().unwrap().display().to_string())
            .collect();
        stems.sort();
        stems
    };
    let run = [
        "macvlan-dhcp",
        "macvlan-dhcp-routes",
        "macvlan-dual-stack",
        "macvlan-host-local",
        "macvlan-static",
    ];
    assert_eq!(stems("cni"), run);
    assert_eq!(stems("nad"), run);
}

/// The network of the founding report, in which the router is 192.168.0.1.
fn lan_192_168_0() -> Bed {
    Bed::with_lan(LanAddresses {
        ipv4: ("192.168.0.1".parse().unwrap(), 24),
        ipv6: None,
    })
}

/// The plugin configuration of a sample as a runtime passes it on, from the list and from the definition.
fn both(stem: &str) -> [Value; 2] {
    [from_list(stem), Definition::sample(stem).config()]
}

fn from_list(stem: &str) -> Value {
    let text = fs::read_to_string(conf().join(format!("cni/{stem}.conflist"))).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    let plugins = list["plugins"].as_array().unwrap();
    assert_eq!(plugins.len(), 1);
    let mut config = plugins[0].clone();
    config["name"] = list["name"].clone();
    config["cniVersion"] = list["cniVersion"].clone();
    config
}

fn conf() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf")
}
