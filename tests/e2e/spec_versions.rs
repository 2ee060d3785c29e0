//! Every version of the specification: the shape of its results, and which verbs it has.

use serde_json::{Value, json};
use testbed::{Attachment, Bed, Invocation, differs, suite};

use crate::networks::{macvlan_static, with};
use crate::traces;

const VERSIONS: [&str; 7] = [
    "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
];
const PLUGINS: [&str; 5] = ["macvlan", "dhcp", "host-local", "static", "loopback"];

/// The release of the Go plugins that Debian has ends at 1.0.0.
pub(crate) fn versions() -> &'static [&'static str] {
    if suite().is_reference() {
        &VERSIONS[..6]
    } else {
        &VERSIONS
    }
}

fn dual_stack(version: &str) -> Value {
    let addresses = json!([
        {"address": "10.10.0.5/24", "gateway": "10.10.0.1"},
        {"address": "fd00:10::5/64", "gateway": "fd00:10::1"},
    ]);
    let routes = json!([{"dst": "0.0.0.0/0"}, {"dst": "172.16.0.0/12", "gw": "10.10.0.9"}, {"dst": "fd00:99::/64"}]);
    let dns = json!({"nameservers": ["10.10.0.1"]});
    with(
        macvlan_static(),
        json!({"cniVersion": version, "dns": dns, "ipam": {"addresses": addresses, "routes": routes}}),
    )
}

#[test]
fn the_result_has_the_shape_of_its_version() {
    let bed = Bed::new();
    for version in versions() {
        let pod = bed.node.pod(&format!("pod-{version}"));
        let mut attachment = Attachment::new(&pod, dual_stack(version));
        let mut result = attachment.add();
        if let Some(interface) = result
            .pointer_mut("/interfaces/0")
            .and_then(Value::as_object_mut)
        {
            assert!(interface.remove("mac").is_some_and(|mac| mac.is_string()));
            // The reference library writes the keys of 1.1.0 in results of 1.0.0 too; its plugins have none to write.
            let mtu = interface.remove("mtu");
            assert_eq!(
                mtu.is_some(),
                version.starts_with('1') && !suite().is_reference(),
                "{version}"
            );
        }
        assert_eq!(
            result,
            expected(version, &format!("/run/netns/pod-{version}")),
            "{version}"
        );
        if !["0.1.0", "0.2.0", "0.3.0", "0.3.1"].contains(version) {
            let outcome = attachment.try_check();
            differs(
                "Go: CHECK does not find a route whose next hop is the gateway",
                || {
                    outcome.ok();
                },
            );
        }
        attachment.del();
        traces::assert_none(&pod);
    }
}

fn expected(version: &str, sandbox: &str) -> Value {
    let dns = json!({"nameservers": ["10.10.0.1"]});
    let routes = json!([{"dst": "0.0.0.0/0"}, {"dst": "172.16.0.0/12", "gw": "10.10.0.9"}, {"dst": "fd00:99::/64"}]);
    let interface = json!({"name": "net1", "sandbox": sandbox});
    let mut ips = json!([
        {"interface": 0, "address": "10.10.0.5/24", "gateway": "10.10.0.1"},
        {"interface": 0, "address": "fd00:10::5/64", "gateway": "fd00:10::1"},
    ]);
    match version {
        "0.1.0" | "0.2.0" => json!({
            "cniVersion": version,
            "ip4": {
                "ip": "10.10.0.5/24",
                "gateway": "10.10.0.1",
                "routes": [{"dst": "0.0.0.0/0"}, {"dst": "172.16.0.0/12", "gw": "10.10.0.9"}],
            },
            "ip6": {"ip": "fd00:10::5/64", "gateway": "fd00:10::1", "routes": [{"dst": "fd00:99::/64"}]},
            "dns": dns,
        }),
        "0.3.0" | "0.3.1" | "0.4.0" => {
            ips[0]["version"] = json!("4");
            ips[1]["version"] = json!("6");
            json!({"cniVersion": version, "interfaces": [interface], "ips": ips, "routes": routes, "dns": dns})
        }
        _ => {
            json!({"cniVersion": version, "interfaces": [interface], "ips": ips, "routes": routes, "dns": dns})
        }
    }
}

#[test]
fn no_version_means_0_1_0() {
    let bed = Bed::new();
    for version in [json!(null), json!("")] {
        let pod = bed.node.pod("pod");
        let mut attachment =
            Attachment::new(&pod, with(macvlan_static(), json!({"cniVersion": version})));
        let result = attachment.add();
        assert_eq!(result["cniVersion"], "0.1.0");
        assert_eq!(result["ip4"]["ip"], "10.10.0.5/24");
        attachment.del();
        pod.destroy();
    }
}

#[test]
fn an_unknown_version_is_an_error_that_names_it_and_the_known_ones() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    for version in ["9.9.9", "0.5.0", "text"] {
        for verb in ["ADD", "DEL", "CHECK"] {
            let config = with(macvlan_static(), json!({"cniVersion": version}));
            let error = Attachment::new(&pod, config).invocation(verb).run().error();
            let text = format!("{} {}", error.msg, error.details);
            if !(suite().is_reference() && verb == "CHECK") {
                assert_eq!(error.code, 1, "{verb} {version}: {error:?}");
                assert!(
                    text.contains(version) && text.contains("0.3.1"),
                    "{error:?}"
                );
            }
        }
    }
    traces::assert_none(&pod);
}

#[test]
fn a_verb_that_the_version_does_not_have_is_an_error_that_names_both() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    for version in ["0.1.0", "0.3.1"] {
        let config = with(macvlan_static(), json!({"cniVersion": version}));
        let error = Attachment::new(&pod, config).try_check().error();
        assert_eq!(error.code, 1);
        assert!(error.msg.contains("CHECK"), "{error:?}");
    }
    differs("Go: this release knows neither STATUS nor GC", || {
        for verb in ["STATUS", "GC"] {
            let error = Attachment::new(&pod, macvlan_static())
                .invocation(verb)
                .run()
                .error();
            assert_eq!(error.code, 1, "{error:?}");
            assert!(
                error.msg.contains(verb) && error.msg.contains("1.0.0"),
                "{error:?}"
            );
        }
    });
}

#[test]
fn every_plugin_says_which_versions_it_has() {
    let bed = Bed::new();
    for plugin in PLUGINS {
        let answer = Invocation::new(&bed.node, plugin, "VERSION")
            .stdin("{\"cniVersion\":\"1.0.0\"}")
            .run()
            .ok();
        assert_eq!(answer["supportedVersions"], json!(versions()), "{plugin}");
        assert!(answer["cniVersion"].is_string());
    }
}

#[test]
fn without_a_command_a_plugin_says_what_it_is() {
    let bed = Bed::new();
    for plugin in PLUGINS {
        let run = Invocation::new(&bed.node, plugin, "")
            .without("CNI_COMMAND")
            .run();
        assert!(run.succeeded(), "{run}");
        assert_eq!(run.stdout, "");
        assert!(
            run.stderr.contains(plugin) && run.stderr.contains("0.1.0, 0.2.0, 0.3.0"),
            "{run}"
        );
    }
}

#[test]
fn an_error_says_which_version_it_is_written_in() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let config = with(macvlan_static(), json!({"master": "eth9"}));
    let error = Attachment::new(&pod, config).try_add().error();
    differs("Go: errors have no cniVersion", || {
        assert_eq!(error.cni_version.as_deref(), Some("1.0.0"));
    });
}

#[test]
fn a_previous_result_of_any_version_is_understood() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let network = |version: &str| with(macvlan_static(), json!({"cniVersion": version}));
    let mut attachment = Attachment::new(&pod, network("0.4.0"));
    let old = attachment.add();
    attachment.check();
    let attachment = attachment.config(network("1.0.0")).prev_result(Some(old));
    let outcome = attachment.try_check();
    differs(
        "Go: a prevResult of an older version family is refused",
        || {
            outcome.ok();
        },
    );
    attachment.del();
}
