//! The loopback plugin: `lo` of the pod, whatever the runtime calls the interface.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};
use testbed::{Attachment, Bed, Invocation, Pod, differs, observe, suite, wiring};

use crate::networks::with;
use crate::spec_versions::versions;

fn network(version: &str) -> Value {
    json!({"cniVersion": version, "name": "cni-loopback", "type": "loopback"})
}

/// A pod as a runtime makes it: with `lo` switched off.
fn fresh_pod(bed: &Bed, name: &str) -> Pod {
    let pod = bed.node.pod(name);
    pod.enter(|| wiring::set_down("lo"));
    pod
}

fn is_up(pod: &Pod) -> bool {
    pod.enter(|| observe::link("lo").expect("lo is always there").up)
}

#[test]
fn lo_is_up_between_add_and_del_in_every_version() {
    let bed = Bed::new();
    for version in versions() {
        let pod = fresh_pod(&bed, &format!("pod-{version}"));
        let mut attachment = Attachment::new(&pod, network(version)).ifname("eth0");
        let result = attachment.add();
        assert!(is_up(&pod), "{version}");
        assert_eq!(
            pod.enter(|| observe::addresses("lo")),
            ["127.0.0.1/8", "::1/128"]
        );
        let sandbox = format!("/run/netns/pod-{version}");
        let why = if *version < "1.0.0" {
            "Go: loopback prints a result of 1.0.0 with the number of the version asked for"
        } else {
            "Go: a result of 1.0.0 has an empty dns"
        };
        differs(why, || {
            assert_eq!(result, expected(version, &sandbox), "{version}");
        });
        if *version >= "0.4.0" {
            attachment.check();
        }
        attachment.del();
        assert!(!is_up(&pod), "{version}");
        attachment.del();
    }
}

fn expected(version: &str, sandbox: &str) -> Value {
    let interfaces = json!([{"name": "lo", "mac": "00:00:00:00:00:00", "sandbox": sandbox}]);
    match version {
        "0.1.0" | "0.2.0" => json!({
            "cniVersion": version, "ip4": {"ip": "127.0.0.1/8"}, "ip6": {"ip": "::1/128"}, "dns": {},
        }),
        "0.3.0" | "0.3.1" | "0.4.0" => json!({
            "cniVersion": version, "interfaces": interfaces, "dns": {},
            "ips": [
                {"version": "4", "interface": 0, "address": "127.0.0.1/8"},
                {"version": "6", "interface": 0, "address": "::1/128"},
            ],
        }),
        _ => json!({
            "cniVersion": version, "interfaces": interfaces,
            "ips": [
                {"interface": 0, "address": "127.0.0.1/8"},
                {"interface": 0, "address": "::1/128"},
            ],
        }),
    }
}

#[test]
fn without_a_version_it_is_0_1_0() {
    let bed = Bed::new();
    let pod = fresh_pod(&bed, "pod");
    let config = with(network(""), json!({"cniVersion": null}));
    let result = Attachment::new(&pod, config).add();
    assert_eq!(result["cniVersion"], "0.1.0");
    assert_eq!(result["ip4"]["ip"], "127.0.0.1/8");
}

#[test]
fn the_result_of_plugins_before_it_is_passed_on_in_the_networks_version() {
    let bed = Bed::new();
    let before = json!({
        "cniVersion": "1.0.0",
        "interfaces": [{"name": "net1", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/pod"}],
        "ips": [{"interface": 0, "address": "10.10.0.5/24", "gateway": "10.10.0.1"}],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dns": {"nameservers": ["10.10.0.1"]},
    });
    let pod = fresh_pod(&bed, "pod");
    let config = with(network("1.0.0"), json!({"prevResult": before}));
    assert_eq!(Attachment::new(&pod, config).add(), before);
    assert!(is_up(&pod));

    let config = with(network("0.4.0"), json!({"prevResult": before}));
    let outcome = Attachment::new(&pod, config).try_add();
    differs(
        "Go: a prevResult of a newer version family is refused",
        || {
            let mut expected = before.clone();
            expected["cniVersion"] = json!("0.4.0");
            expected["ips"][0]["version"] = json!("4");
            assert_eq!(outcome.ok(), expected);
        },
    );
}

#[test]
fn a_result_that_the_version_cannot_carry_leaves_lo_as_it_was() {
    let bed = Bed::new();
    let pod = fresh_pod(&bed, "pod");
    let no_address = json!({"cniVersion": "0.2.0", "dns": {"nameservers": ["10.10.0.1"]}});
    let config = with(network("0.2.0"), json!({"prevResult": no_address}));
    let outcome = Attachment::new(&pod, config).try_add();
    differs("Go: prints a result of 0.2.0 without an address", || {
        assert_eq!(outcome.error().code, 7);
        assert!(!is_up(&pod));
    });
}

#[test]
fn a_pod_without_ipv6_has_the_one_address() {
    let bed = Bed::new();
    let pod = fresh_pod(&bed, "pod");
    pod.enter(|| {
        fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1").expect("switch IPv6 off");
    });
    let mut attachment = Attachment::new(&pod, network("1.0.0"));
    let result = attachment.add();
    assert_eq!(
        result["ips"],
        json!([{"interface": 0, "address": "127.0.0.1/8"}])
    );
    attachment.check();
}

#[test]
fn lo_that_is_up_already_is_fine() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, network("1.0.0"));
    assert_eq!(attachment.add(), attachment.add());
    assert!(is_up(&pod));
}

#[test]
fn an_address_of_the_pods_own_on_lo_is_no_fault() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    pod.enter(|| wiring::add_address("lo", Ipv4Addr::new(192, 0, 2, 9).into(), 32));
    let outcome = Attachment::new(&pod, network("1.0.0")).try_add();
    differs(
        "Go: ADD fails when lo has an address of another kind",
        || {
            assert_eq!(
                outcome.ok()["ips"],
                json!([
                    {"interface": 0, "address": "127.0.0.1/8"},
                    {"interface": 0, "address": "::1/128"},
                ])
            );
        },
    );
}

#[test]
fn another_link_under_the_name_is_told_and_left_alone() {
    let bed = Bed::new();
    let pod = fresh_pod(&bed, "pod");
    pod.enter(|| {
        wiring::rename("lo", "lo0");
        wiring::create_bridge("lo");
    });
    let attachment = Attachment::new(&pod, network("1.0.0"));
    let [add, check, del] = ["ADD", "CHECK", "DEL"].map(|verb| attachment.invocation(verb).run());
    differs("Go: takes any link named lo for the loopback", || {
        let error = add.error();
        assert_eq!(error.code, 100, "{error:?}");
        assert_eq!(check.error().code, 100);
        assert!(error.msg.contains("bridge"), "{error:?}");
        del.ok();
        assert!(del.stderr.contains("left alone"), "{del}");
        assert!(is_up(&pod), "the bridge is as it was");
    });
}

#[test]
fn check_finds_what_became_of_lo() {
    let cases: [(&str, fn(), &str); 3] = [
        ("down", || wiring::set_down("lo"), "link \"lo\" is down"),
        (
            "without its IPv4 address",
            || wiring::delete_address("lo", Ipv4Addr::LOCALHOST.into(), 8),
            "link \"lo\" has no address 127.0.0.1/8",
        ),
        (
            "without its IPv6 address",
            || wiring::delete_address("lo", Ipv6Addr::LOCALHOST.into(), 128),
            "link \"lo\" has no address ::1/128",
        ),
    ];
    for (what, damage, text) in cases {
        let bed = Bed::new();
        let pod = fresh_pod(&bed, "pod");
        let mut attachment = Attachment::new(&pod, network("1.0.0"));
        attachment.add();
        attachment.check();
        pod.enter(damage);
        let outcome = attachment.try_check();
        differs(
            &format!("Go: CHECK of loopback has code 999 for lo down, and does not see it {what}"),
            || {
                let error = outcome.error();
                assert_eq!(error.code, 104, "{error:?}");
                assert!(error.msg.starts_with(text), "{error:?}");
            },
        );
    }
}

#[test]
fn check_passes_over_what_the_result_does_not_say_of_lo() {
    let bed = Bed::new();
    let pod = fresh_pod(&bed, "pod");
    let mut attachment = Attachment::new(&pod, network("1.0.0"));
    attachment.add();
    pod.enter(|| {
        wiring::add_address("lo", IpAddr::from(Ipv4Addr::new(192, 0, 2, 9)), 32);
        wiring::set_mtu("lo", 1500);
    });
    attachment.check();
    let of_another_link = json!({
        "cniVersion": "1.0.0",
        "interfaces": [{"name": "net1", "sandbox": "/run/netns/pod"}],
        "ips": [{"interface": 0, "address": "10.10.0.5/24"}],
        "routes": [{"dst": "0.0.0.0/0", "gw": "10.10.0.1"}],
    });
    attachment.prev_result(Some(of_another_link)).check();
}

#[test]
fn del_succeeds_on_what_is_gone() {
    let bed = Bed::new();
    let pod = fresh_pod(&bed, "gone");
    let mut attachment = Attachment::new(&pod, network("0.3.1"));
    attachment.add();
    pod.destroy();
    attachment.del();
    attachment.clone().netns("").del();

    let pod = fresh_pod(&bed, "left-over");
    let mut attachment = Attachment::new(&pod, network("0.3.1"));
    attachment.add();
    pod.destroy_keep_file();
    let outcome = attachment.try_del();
    differs(
        "Go: DEL fails on the plain file that an unmounted namespace leaves",
        || {
            outcome.ok();
        },
    );
}

#[test]
fn a_namespace_that_is_not_there_is_told() {
    let bed = Bed::new();
    let pod = fresh_pod(&bed, "pod");
    let attachment = Attachment::new(&pod, network("1.0.0")).netns("/run/netns/nowhere");
    let [add, check] = ["ADD", "CHECK"].map(|verb| attachment.invocation(verb).run().error());
    for error in [&add, &check] {
        assert!(error.msg.contains("/run/netns/nowhere"), "{error:?}");
    }
    differs("Go: code 999 for a namespace that is gone", || {
        assert_eq!((add.code, check.code), (3, 104));
    });
}

#[test]
fn status_and_gc_have_nothing_to_complain_of() {
    if suite().is_reference() {
        return testbed::not_run("Go: this release knows neither STATUS nor GC");
    }
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let attachment = Attachment::new(&pod, network("1.1.0"));
    assert_eq!(attachment.try_status().ok(), Value::Null);
    assert_eq!(attachment.try_gc(&[]).ok(), Value::Null);
    assert!(is_up(&pod), "GC leaves every pod alone");
}

#[test]
fn the_nodes_own_lo_is_never_touched() {
    let bed = Bed::new();
    let own = |verb: &str| {
        Invocation::new(&bed.node, "loopback", verb)
            .config(&network("1.0.0"))
            .container_id("c1")
            .ifname("lo")
            .env("CNI_NETNS", "/proc/self/ns/net")
            .run()
    };
    bed.node.enter(|| wiring::set_up("lo"));
    let add = own("ADD");
    differs(
        "Go: prints a result, then that the namespace is its own",
        || {
            assert_eq!(add.error().code, 4);
        },
    );
    let del = own("DEL");
    differs(
        "Go: DEL in the plugin's own namespace switches lo off",
        || {
            del.ok();
            assert!(bed.node.enter(|| observe::link("lo").expect("lo").up));
        },
    );
}
