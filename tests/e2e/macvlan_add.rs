//! ADD of macvlan: the link in the pod, and what the result says of it.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;
use testbed::{Attachment, Bed, Deadline, Echo, Sniffer, differs, echo, observe, wiring};

use crate::networks::{macvlan, macvlan_static, static_address, with};
use crate::traces;

#[test]
fn the_link_has_every_mode_that_is_asked_for() {
    let bed = Bed::new();
    for mode in ["bridge", "private", "vepa", "passthru"] {
        let pod = bed.node.pod(mode);
        let mut attachment = Attachment::new(&pod, with(macvlan_static(), json!({"mode": mode})));
        attachment.add();
        let link = pod.enter(|| observe::link("net1")).unwrap();
        assert_eq!(
            (link.kind.as_str(), &link.data["mode"]),
            ("macvlan", &json!(mode))
        );
        assert!(link.up);
        attachment.del();
    }
}

#[test]
fn the_mode_is_bridge_where_none_is_given() {
    for mode in [json!(null), json!("")] {
        let bed = Bed::new();
        let pod = bed.node.pod("pod");
        Attachment::new(&pod, with(macvlan_static(), json!({"mode": mode}))).add();
        assert_eq!(
            pod.enter(|| observe::link("net1")).unwrap().data["mode"],
            "bridge"
        );
    }
}

#[test]
fn the_result_names_the_link_as_the_kernel_has_it() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let result = Attachment::new(&pod, macvlan_static()).add();
    let link = pod.enter(|| observe::link("net1")).unwrap();
    assert_eq!(result["cniVersion"], "1.0.0");
    let interface = &result["interfaces"][0];
    assert_eq!(interface["name"], "net1");
    assert_eq!(interface["mac"], link.mac);
    assert_eq!(interface["sandbox"], "/run/netns/pod");
    assert_eq!(
        result["ips"],
        json!([{"interface": 0, "address": "10.10.0.5/24"}])
    );
    assert_eq!(pod.enter(|| observe::addresses("net1")), ["10.10.0.5/24"]);
    assert_eq!(pod.enter(observe::link_names), ["net1"]);
    assert_eq!(bed.node.enter(observe::link_names), ["eth1"]);
}

#[test]
fn the_result_has_the_links_mtu() {
    let bed = Bed::new();
    for version in ["1.0.0", "1.1.0"] {
        differs(
            "Go: interfaces[].mtu is left out, and this release knows no CNI 1.1.0",
            || {
                let config = with(
                    macvlan_static(),
                    json!({"cniVersion": version, "mtu": 1400}),
                );
                let result = Attachment::new(&bed.node.pod(version), config).add();
                assert_eq!(result["interfaces"][0]["mtu"], 1400);
            },
        );
    }
}

#[test]
fn the_parent_is_the_default_routes_device_where_none_is_given() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    bed.node.add_default_route(&bed.lan);
    for master in [json!(null), json!("")] {
        let mut attachment =
            Attachment::new(&pod, with(macvlan_static(), json!({"master": master})));
        attachment.add();
        let parent = bed.node.enter(|| observe::link("eth1")).unwrap().index;
        let link = pod.enter(|| observe::link("net1")).unwrap();
        assert_eq!(link.all["link_index"].as_u64(), Some(parent));
        attachment.del();
    }
}

#[test]
fn the_parent_may_be_in_the_pod() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    pod.add_primary_network();
    let config = with(
        macvlan_static(),
        json!({"linkInContainer": true, "master": "eth0"}),
    );
    // The release of the Go plugins that Debian has ignores the key and looks for eth0 on the node.
    differs("Go: this release does not know linkInContainer", || {
        let mut attachment = Attachment::new(&pod, config);
        attachment.add();
        let link = pod.enter(|| observe::link("net1")).unwrap();
        assert_eq!(link.all["link"], "eth0");
        attachment.del();
        assert_eq!(pod.enter(observe::link_names), ["eth0"]);
    });
}

#[test]
fn the_mtu_is_the_parents_unless_a_smaller_one_is_asked_for() {
    let bed = Bed::new();
    bed.node.enter(|| wiring::set_mtu("eth1", 1450));
    for (mtu, expected) in [
        (json!(null), 1450),
        (json!(0), 1450),
        (json!(1400), 1400),
        (json!(1450), 1450),
    ] {
        let pod = bed.node.pod(&format!("pod-{mtu}"));
        let mut attachment = Attachment::new(&pod, with(macvlan_static(), json!({"mtu": mtu})));
        attachment.add();
        assert_eq!(
            pod.enter(|| observe::link("net1")).unwrap().mtu,
            expected,
            "mtu: {mtu}"
        );
        attachment.del();
    }
}

#[test]
fn the_queue_of_broadcasts_is_as_long_as_asked_for() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    Attachment::new(&pod, with(macvlan_static(), json!({"bcqueuelen": 5000}))).add();
    differs("Go: this release does not know bcqueuelen", || {
        let data = pod.enter(|| observe::link("net1")).unwrap().data;
        assert_eq!(data["bcqueuelen"], 5000, "{data}");
    });
}

#[test]
fn the_mac_is_the_most_specific_one() {
    let bed = Bed::new();
    let own = with(macvlan_static(), json!({"mac": "02:00:00:00:00:01"}));
    let user = with(
        own.clone(),
        json!({"args": {"cni": {"mac": "02:00:00:00:00:03"}}}),
    );
    let of_runtime =
        json!({"capabilities": {"mac": true}, "runtimeConfig": {"mac": "02:00:00:00:00:04"}});
    let runtime = |network| with(network, of_runtime.clone());
    let mac_of = |name: &str, network, args: &str| {
        let mut attachment = Attachment::new(&bed.node.pod(name), network).args(args);
        let result = attachment.add();
        attachment.del();
        result["interfaces"][0]["mac"].clone()
    };
    let args = "IgnoreUnknown=1;MAC=02:00:00:00:00:02";
    assert_eq!(mac_of("a", own.clone(), ""), "02:00:00:00:00:01");
    assert_eq!(mac_of("b", runtime(own.clone()), ""), "02:00:00:00:00:04");
    assert_eq!(mac_of("c", own, args), "02:00:00:00:00:02");
    differs("Go: args.cni.mac does not count", || {
        assert_eq!(mac_of("d", user.clone(), args), "02:00:00:00:00:03");
    });
    assert_eq!(mac_of("e", runtime(user), args), "02:00:00:00:00:04");
}

#[test]
fn without_ipam_the_link_is_up_and_has_no_address() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment =
        Attachment::new(&pod, with(macvlan_static(), json!({"ipam": {"type": ""}})));
    let result = attachment.add();
    assert_eq!(result["ips"], json!(null));
    assert!(pod.enter(|| observe::link("net1")).unwrap().up);
    assert_eq!(pod.enter(|| observe::addresses("net1")), [""; 0]);
    attachment.del();
    traces::assert_none(&pod);
}

#[test]
fn the_networks_own_dns_is_in_the_result() {
    let bed = Bed::new();
    let dns = json!({"nameservers": ["4.4.4.4", "8.8.8.8"], "domain": "example.net", "search": ["example.net"]});
    let result = Attachment::new(
        &bed.node.pod("pod"),
        with(macvlan_static(), json!({"dns": dns})),
    )
    .add();
    assert_eq!(result["dns"], dns);
}

#[test]
fn the_dns_of_the_ipam_follows_the_networks_own() {
    let bed = Bed::new();
    let config = with(
        macvlan_static(),
        json!({"dns": {"nameservers": ["4.4.4.4"]}, "ipam": {"dns": {"nameservers": ["10.10.0.1", "4.4.4.4"], "search": ["lan"]}}}),
    );
    differs("Go: the DNS of the IPAM is dropped", || {
        let result = Attachment::new(&bed.node.pod("pod"), config).add();
        assert_eq!(
            result["dns"],
            json!({"nameservers": ["4.4.4.4", "10.10.0.1"], "search": ["lan"]})
        );
    });
}

#[test]
fn ipv6_addresses_are_usable_when_add_returns() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let addresses =
        json!([{"address": "10.10.0.5/24"}, {"address": "fd00:10::5/64", "gateway": "fd00:10::1"}]);
    let result = Attachment::new(
        &pod,
        with(macvlan_static(), json!({"ipam": {"addresses": addresses}})),
    )
    .add();
    assert_eq!(result["ips"].as_array().unwrap().len(), 2);
    assert_eq!(
        pod.enter(|| observe::addresses("net1")),
        ["10.10.0.5/24", "fd00:10::5/64"]
    );
    let objects = pod.enter(|| observe::address_objects("net1"));
    // The link-local address is the kernel's own, and nobody's to wait for.
    for address in objects
        .iter()
        .filter(|address| address["scope"] == "global")
    {
        assert_eq!(address["tentative"], json!(null), "{address}");
    }
}

#[test]
fn an_ipv6_address_that_another_has_is_an_error_that_names_it() {
    let bed = Bed::new();
    bed.lan.add_address("fd00:10::5".parse().unwrap(), 64);
    let pod = bed.node.pod("pod");
    let ipam = json!({"type": "static", "addresses": [{"address": "fd00:10::5/64", "gateway": "fd00:10::1"}]});
    let outcome = Attachment::new(&pod, macvlan(ipam)).try_add();
    differs(
        "Go: ADD of this release succeeds with a duplicate address",
        || {
            let error = outcome.error();
            assert_eq!(error.code, 105);
            assert!(error.msg.contains("fd00:10::5"), "{error:?}");
            traces::assert_none(&pod);
        },
    );
}

#[test]
fn routes_and_gateways_are_as_the_ipam_says() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let ipam = json!({
        "type": "static",
        "addresses": [{"address": "10.10.0.5/24", "gateway": "10.10.0.1"}],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "172.16.0.0/12", "gw": "10.10.0.254"}],
    });
    Attachment::new(&pod, macvlan(ipam)).add();
    let routes = pod.enter(|| observe::configured_routes("net1"));
    let mut seen: Vec<_> = routes
        .iter()
        .map(|route| (route.dst.as_str(), route.gateway.as_deref()))
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ("172.16.0.0/12", Some("10.10.0.254")),
            ("default", Some("10.10.0.1"))
        ]
    );
}

#[test]
fn a_gateway_off_the_subnet_is_reached_on_the_link() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let ipam = json!({
        "type": "static",
        "addresses": [{"address": "10.10.0.5/32", "gateway": "192.168.50.1"}],
        "routes": [{"dst": "0.0.0.0/0"}],
    });
    differs("Go: a gateway off the subnet is unreachable", || {
        Attachment::new(&pod, macvlan(ipam)).add();
        let routes = pod.enter(|| observe::configured_routes("net1"));
        assert!(
            routes
                .iter()
                .any(|route| route.dst == "default" && route.onlink),
            "{routes:?}"
        );
    });
}

#[test]
fn a_default_route_of_the_primary_network_does_not_hinder() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    pod.add_primary_network();
    let ipam = json!({
        "type": "static",
        "addresses": [{"address": "10.10.0.5/24", "gateway": "10.10.0.1"}],
        "routes": [{"dst": "0.0.0.0/0"}],
    });
    Attachment::new(&pod, macvlan(ipam)).add();
    let routes = pod.enter(observe::routes);
    let defaults: Vec<_> = routes
        .iter()
        .filter(|route| route.dst == "default")
        .filter_map(|route| route.dev.as_deref())
        .collect();
    assert!(
        defaults.contains(&"eth0") && defaults.contains(&"net1"),
        "{routes:?}"
    );
}

#[test]
fn pods_reach_each_other_and_the_router() {
    let bed = Bed::new();
    let (one, other) = (bed.node.pod("one"), bed.node.pod("other"));
    Attachment::new(&one, macvlan(static_address("192.168.50.5/24"))).add();
    Attachment::new(&other, macvlan(static_address("192.168.50.6/24"))).add();
    for target in [bed.lan.address(6), bed.lan.router()] {
        let answer = one.enter(|| echo(target, Duration::from_secs(5)));
        assert!(matches!(answer, Echo::Answered(_)), "{target}: {answer:?}");
    }
}

#[test]
fn the_address_is_announced() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let sniffer = Sniffer::start(&bed.lan.space());
    Attachment::new(&pod, macvlan_static()).add();
    let address = Ipv4Addr::new(10, 10, 0, 5);
    let is_announcement = |sender, target| sender == address && target == address;
    sniffer.wait_for(
        |frame| {
            frame
                .arp()
                .filter(|(_, sender, target)| is_announcement(*sender, *target))
        },
        Deadline::secs(5),
    );
}

#[test]
fn a_node_interface_of_the_same_name_is_no_hindrance() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    bed.node.enter(|| wiring::create_bridge("net1"));
    let mut attachment = Attachment::new(&pod, macvlan_static());
    attachment.add();
    assert_eq!(pod.enter(observe::link_names), ["net1"]);
    attachment.del();
    assert_eq!(bed.node.enter(observe::link_names), ["eth1", "net1"]);
}
