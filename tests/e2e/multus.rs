//! Multus: every definition in `conf/nad/` as it calls the delegates, and what it makes of their answers.

mod definition;
mod driver;
mod status;

use serde_json::{Value, json};
use testbed::server::{Dnsmasq, DnsmasqOptions};
use testbed::{Bed, Daemon, Deadline, LanAddresses, Pod, differs, observe, suite};

use crate::networks::{macvlan, with};
use crate::traces;
pub(crate) use definition::Definition;
use driver::{Cache, Multus, Selection};

/// The LAN of the samples, its DHCP server and the daemon, and a pod that has its default network.
struct Cluster {
    dnsmasq: Dnsmasq,
    _daemon: Daemon,
    bed: Bed,
}

impl Cluster {
    fn new() -> Self {
        let bed = Bed::with_lan(LanAddresses {
            ipv4: ("192.168.0.1".parse().unwrap(), 24),
            ipv6: None,
        });
        bed.node.add_default_route(&bed.lan);
        Self {
            dnsmasq: Dnsmasq::start_with(
                &bed.lan,
                DnsmasqOptions::new(&bed.lan).option("option:dns-server,192.168.0.1"),
            ),
            _daemon: Daemon::start(&bed.node, &[]),
            bed,
        }
    }

    fn pod(&self) -> Pod {
        let number = self.bed.node.list("/run/netns").len();
        let pod = self.bed.node.pod(&format!("pod{number}"));
        pod.add_primary_network();
        pod
    }

    fn assert_clean(&self, pod: &Pod) {
        assert_eq!(pod.enter(observe::link_names), ["eth0"]);
        for network in ["macvlan-conf-1", "lan-dual-stack", "lan"] {
            assert_eq!(traces::reservations(&self.bed.node, network), [""; 0]);
        }
    }
}

/// The status of each sample in an empty cluster; no `ips` where a server chooses the address.
fn expected_status(stem: &str) -> Value {
    let statuses = json!({
        "macvlan-dhcp": {
            "name": "shop/lan", "gateway": ["192.168.0.1"], "dns": {"nameservers": ["192.168.0.1"]},
        },
        "macvlan-dhcp-routes": {
            "name": "shop/macvlan-conf-2", "gateway": ["192.168.0.1"],
            "dns": {"nameservers": ["4.4.4.4", "8.8.8.8", "192.168.0.1"]},
        },
        "macvlan-dual-stack": {
            "name": "shop/lan-dual-stack", "ips": ["10.10.20.100", "fd00:10:20::100"], "dns": {},
        },
        "macvlan-host-local": {
            "name": "shop/macvlan-conf-1", "ips": ["10.10.20.2"], "gateway": ["<nil>"], "dns": {},
        },
        "macvlan-static": {"name": "shop/lan-static", "ips": ["192.168.0.40"], "dns": {}},
    });
    statuses[stem].clone()
}

#[test]
fn every_definition_gives_a_pod_its_network_status() {
    let cluster = Cluster::new();
    for stem in Definition::samples() {
        let pod = cluster.pod();
        let mut multus = Multus::of(&pod);
        let statuses = multus.add(vec![Selection::of(Definition::sample(&stem))]);
        let [mut status] = statuses.unwrap().try_into().unwrap();
        let link = pod.enter(|| observe::link("net1")).unwrap();
        let on_link = pod.enter(|| observe::addresses("net1"));
        let told = status["ips"].as_array().unwrap();
        assert_eq!(told.len(), on_link.len(), "{stem}");
        for (told, on_link) in told.iter().zip(&on_link) {
            assert_eq!(told.as_str(), on_link.split('/').next(), "{stem}");
        }
        let mut expected = expected_status(&stem);
        if expected["ips"].is_null() {
            expected["ips"] = status["ips"].clone();
        }
        expected["interface"] = json!("net1");
        expected["mac"] = json!(link.mac);
        // In results before 1.0.0 an interface has no MTU.
        if Definition::sample(&stem).config()["cniVersion"] == "1.0.0" {
            differs("Go: interfaces[].mtu is left out", || {
                assert_eq!(status["mtu"], link.mtu);
            });
            status.as_object_mut().unwrap().remove("mtu");
        }
        if stem.contains("dhcp") {
            differs("Go: the DNS of the IPAM is dropped", || {
                assert_eq!(status["dns"], expected["dns"]);
            });
            expected["dns"] = status["dns"].clone();
        }
        if stem == "macvlan-dhcp" || stem == "macvlan-dhcp-routes" {
            // The pod goes on using its default network for everything else.
            let defaults = pod.enter(|| {
                observe::routes()
                    .into_iter()
                    .filter(|route| route.dst == "default")
                    .count()
            });
            assert_eq!(defaults, 2, "{stem}");
        }
        assert_eq!(status, expected, "{stem}");
        let checked = || {
            for outcome in multus.check() {
                outcome.ok();
            }
        };
        match stem.as_str() {
            "macvlan-dual-stack" | "macvlan-static" => differs(
                "Go: CHECK does not find a route whose next hop is the gateway",
                checked,
            ),
            _ => checked(),
        }
        multus.del(Cache::Whole).unwrap();
        cluster.assert_clean(&pod);
    }
}

#[test]
fn every_definition_is_deleted_with_whatever_multus_still_knows() {
    for stem in Definition::samples() {
        let cluster = Cluster::new();
        let deleted = |cache| {
            let pod = cluster.pod();
            let mut multus = Multus::of(&pod);
            let selection = Selection::of(Definition::sample(&stem));
            multus.add(vec![selection]).unwrap();
            multus.del(cache).unwrap();
            cluster.assert_clean(&pod);
        };
        deleted(Cache::WithoutResults);
        if is_host_local(&stem) {
            differs("Go: DEL needs the ranges", || deleted(Cache::CutDown));
        } else {
            deleted(Cache::CutDown);
        }
    }
}

fn is_host_local(stem: &str) -> bool {
    Definition::sample(stem).config()["ipam"]["type"] == "host-local"
}

#[test]
fn addresses_and_a_mac_of_the_annotation_reach_the_pod() {
    let cluster = Cluster::new();
    let mac = "02:00:00:00:00:41";
    let asked = |stem: &str, ips: &[&str]| {
        let pod = cluster.pod();
        let mut multus = Multus::of(&pod);
        let selection = Selection::of(Definition::sample(stem)).ips(ips).mac(mac);
        let status = multus.add(vec![selection]).unwrap().remove(0);
        let link = pod.enter(|| observe::link("net1")).unwrap();
        multus.del(Cache::Whole).unwrap();
        cluster.assert_clean(&pod);
        assert_eq!(status["mac"], link.mac);
        (status["ips"].clone(), link.mac)
    };
    // By capability, and at the same time in CNI_ARGS.
    let (ips, got) = asked("macvlan-static", &["192.168.0.41/24"]);
    assert_eq!((ips, got.as_str()), (json!(["192.168.0.41"]), mac));
    // In CNI_ARGS alone.
    let (ips, got) = asked("macvlan-host-local", &["10.10.20.77"]);
    assert_eq!((ips, got.as_str()), (json!(["10.10.20.77"]), mac));
    differs(
        "Go: the comma list that Multus sends in IP= does not parse",
        || {
            let (ips, _) = asked("macvlan-dual-stack", &["10.10.20.150", "fd00:10:20::150"]);
            assert_eq!(ips, json!(["10.10.20.150", "fd00:10:20::150"]));
            let (ips, _) = asked("macvlan-host-local", &["10.10.20.78/24"]);
            assert_eq!(ips, json!(["10.10.20.78"]));
        },
    );
}

#[test]
fn cni_args_of_the_annotation_reach_the_ipam_and_the_link() {
    let cluster = Cluster::new();
    let pod = cluster.pod();
    let mut multus = Multus::of(&pod);
    let selection = Selection::of(Definition::sample("macvlan-static"))
        .cni_args(json!({"ips": ["192.168.0.55/24"], "mac": "02:00:00:00:00:55", "color": "blue"}))
        .interface("lan0");
    let status = multus.add(vec![selection]).unwrap().remove(0);
    assert_eq!(status["ips"], json!(["192.168.0.55"]));
    assert_eq!(status["interface"], "lan0");
    differs("Go: args.cni.mac does not count", || {
        assert_eq!(status["mac"], "02:00:00:00:00:55");
    });
    multus.del(Cache::Whole).unwrap();
    cluster.assert_clean(&pod);
}

#[test]
fn a_runtime_without_a_pod_has_its_network_too() {
    let cluster = Cluster::new();
    let pod = cluster.pod();
    let mut multus = Multus::of(&pod).without_kubernetes();
    let selections =
        ["macvlan-dhcp", "macvlan-static"].map(|stem| Selection::of(Definition::sample(stem)));
    let statuses = multus.add(selections.to_vec()).unwrap();
    assert_eq!(statuses[0]["interface"], "net1");
    assert_eq!(statuses[1]["interface"], "net2");
    assert_eq!(cluster.dnsmasq.leases()[0].hostname, None);
    multus.del(Cache::Whole).unwrap();
    cluster.assert_clean(&pod);
}

#[test]
fn a_definition_without_a_version_is_of_the_first() {
    let cluster = Cluster::new();
    let pod = cluster.pod();
    let mut multus = Multus::of(&pod);
    let config = with(
        Definition::sample("macvlan-static").config(),
        json!({"cniVersion": null, "name": ""}),
    );
    let selection = Selection::of(Definition::new("old", config));
    let status = multus.add(vec![selection]).unwrap().remove(0);
    assert_eq!(
        status,
        json!({"name": "shop/old", "ips": ["192.168.0.40"], "dns": {}})
    );
    multus.del(Cache::Whole).unwrap();
    cluster.assert_clean(&pod);
}

#[test]
fn a_network_that_fails_takes_the_others_of_the_pod_along() {
    let cluster = Cluster::new();
    let pod = cluster.pod();
    let mut multus = Multus::of(&pod);
    let broken = with(
        macvlan(json!({"type": "static", "addresses": [{"address": "10.0.0.1/8"}]})),
        json!({"master": "eth9"}),
    );
    let error = multus
        .add(vec![
            Selection::of(Definition::sample("macvlan-dhcp")),
            Selection::of(Definition::sample("macvlan-host-local")),
            Selection::of(Definition::new("broken", broken)),
        ])
        .unwrap_err();
    differs("Go: a missing parent is not named", || {
        assert!(error.contains("eth9"), "{error}");
    });
    cluster.assert_clean(&pod);
    cluster
        .dnsmasq
        .wait_for_leases(<[_]>::is_empty, Deadline::secs(5));
}

/// A network, what is asked of it, and the words without which nobody could tell what to do.
type Failure = (
    &'static str,
    Value,
    &'static [&'static str],
    &'static [&'static str],
);

fn failures() -> Vec<Failure> {
    let host_local = |range: Value| macvlan(with(json!({"type": "host-local"}), range));
    let subnet = json!({"subnet": "10.10.20.0/24"});
    let one =
        json!({"subnet": "10.10.20.0/24", "rangeStart": "10.10.20.9", "rangeEnd": "10.10.20.9"});
    let statics = macvlan(json!({"type": "static", "addresses": [{"address": "10.0.0.1/8"}]}));
    vec![
        (
            "no-parent",
            with(statics.clone(), json!({"master": "eth9"})),
            &[],
            &["master", "\"eth9\"", "eth1"],
        ),
        (
            "no-mode",
            with(statics.clone(), json!({"mode": "bridged"})),
            &[],
            &["mode", "\"bridged\"", "bridge"],
        ),
        (
            "too-large",
            with(statics.clone(), json!({"mtu": 9000})),
            &[],
            &["mtu", "9000", "1500", "eth1"],
        ),
        (
            "no-ipam",
            with(statics, json!({"ipam": {"type": "whereabouts"}})),
            &[],
            &["whereabouts", "CNI_PATH"],
        ),
        (
            "no-prefix",
            macvlan(json!({"type": "static", "addresses": [{"address": "10.0.0.1"}]})),
            &[],
            &["ipam.addresses[0].address", "\"10.0.0.1\""],
        ),
        ("no-range", host_local(json!({})), &[], &["ipam", "range"]),
        (
            "bad-range",
            host_local(json!({"subnet": "10.10.20.1/24"})),
            &[],
            &["ipam.subnet", "10.10.20.1/24", "10.10.20.0/24"],
        ),
        (
            "foreign",
            host_local(subnet),
            &["10.9.9.9"],
            &["10.9.9.9", "10.10.20.1-10.10.20.254"],
        ),
        (
            "full",
            host_local(one),
            &[],
            &["10.10.20.9-10.10.20.9", "lan"],
        ),
        (
            "no-socket",
            macvlan(json!({"type": "dhcp", "daemonSocketPath": "/run/elsewhere.sock"})),
            &[],
            &["/run/elsewhere.sock", "daemon"],
        ),
        (
            "no-answer",
            macvlan(json!({"type": "dhcp", "timeout": "1s"})),
            &[],
            &["net1", "DHCP", "1s", "DISCOVER"],
        ),
    ]
}

#[test]
fn a_failure_says_everything_without_its_code() {
    if suite().is_reference() {
        return;
    }
    let bed = Bed::new();
    let _daemon = Daemon::start(&bed.node, &[]);
    let holder = bed.node.pod("holder");
    for (name, config, ips, words) in failures() {
        let pod = bed.node.pod(name);
        let mut multus = Multus::of(&pod);
        if name == "full" {
            let first = Selection::of(Definition::new("first", config.clone()));
            Multus::of(&holder).add(vec![first]).unwrap();
        }
        let error = multus
            .add(vec![Selection::of(Definition::new(name, config)).ips(ips)])
            .unwrap_err();
        let network = "lan";
        let context = format!(
            "error adding container to network {network:?}: plugin type=\"macvlan\" name={network:?} failed (add): "
        );
        let (_, text) = error.split_once(&context).expect(&error);
        for word in words {
            assert!(text.contains(word), "{name}: {word:?} is not in: {text}");
        }
        assert!(
            text.len() < 300 && !text.contains('\n') && !text.ends_with('.'),
            "{name}: {text}"
        );
        assert!(
            text.starts_with(|first: char| !first.is_uppercase()),
            "{name}: {text}"
        );
        assert_eq!(pod.enter(observe::link_names), [""; 0]);
    }
}
