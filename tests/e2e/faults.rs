//! Bad input and faults: each has its code, a message that names the thing, and leaves nothing behind.

use std::time::Duration;

use serde_json::{Value, json};
use testbed::server::{MessageType, Reply, ScriptedServer};
use testbed::{
    Attachment, Bed, Daemon, Deadline, PluginError, Pod, differs, observe, suite, wiring,
};

use crate::networks::{macvlan, macvlan_dhcp, macvlan_host_local, macvlan_static, with};
use crate::traces;

/// Asserts code and words of an error; of the Go plugins only that there is one, since its codes are 999.
#[track_caller]
fn assert_error(error: &PluginError, code: u64, words: &[&str]) {
    if suite().is_reference() {
        return;
    }
    assert_eq!(error.code, code, "{error:?}");
    let text = format!("{} {}", error.msg, error.details);
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {error:?}");
    }
    assert!(
        error.msg.len() < 300 && !error.msg.contains('\n'),
        "{error:?}"
    );
}

/// Runs ADD with a configuration that macvlan refuses; asserts the error and that nothing is left.
#[track_caller]
fn macvlan_refuses(config: &Value, code: u64, words: &[&str]) {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let error = Attachment::new(&pod, config.clone()).try_add().error();
    assert_error(&error, code, words);
    traces::assert_none(&pod);
}

/// Runs ADD with a configuration that the IPAM refuses; asserts the error and that nothing is left.
#[track_caller]
fn ipam_refuses(ipam: Value, code: u64, words: &[&str]) {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let error = Attachment::new(&pod, macvlan(ipam)).try_add().error();
    assert_error(&error, code, words);
    differs("Go: the link stays when the IPAM fails", || {
        traces::assert_none(&pod);
    });
}

#[test]
fn malformed_json_is_named_by_line_and_column() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let call = Attachment::new(&pod, macvlan_static()).invocation("ADD");
    let cases = [
        (
            "{\n  \"name\": \"lan\",\n  \"type\" \"macvlan\"\n}",
            "line 3",
        ),
        ("{\"name\": \"lan\"} {}", "line 1"),
        ("", "empty"),
        ("[]", ""),
    ];
    for (text, words) in cases {
        let error = call.clone().stdin(text).run().error();
        assert_eq!(error.code, 6, "{error:?}");
        assert_error(&error, 6, &[words]);
    }
    traces::assert_none(&pod);
}

#[test]
fn a_wrong_type_is_named_by_its_path() {
    macvlan_refuses(&with(macvlan_static(), json!({"mtu": "1400"})), 6, &["mtu"]);
    macvlan_refuses(&with(macvlan_static(), json!({"mode": 5})), 6, &["mode"]);
    ipam_refuses(
        json!({"type": "static", "addresses": [{"address": 5}]}),
        6,
        &["ipam.addresses[0].address"],
    );
    ipam_refuses(
        json!({"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24"}, {"subnet": 5}]]}),
        6,
        &["ipam.ranges[0][1].subnet"],
    );
}

#[test]
fn a_network_has_a_name() {
    macvlan_refuses(&with(macvlan_static(), json!({"name": null})), 7, &["name"]);
    macvlan_refuses(
        &with(macvlan_static(), json!({"name": "a/b"})),
        7,
        &["name", "a/b"],
    );
}

#[test]
fn an_unknown_mode_is_named() {
    macvlan_refuses(
        &with(macvlan_static(), json!({"mode": "source"})),
        2,
        &["mode", "source", "bridge"],
    );
}

#[test]
fn an_ipam_that_is_not_installed_is_named_with_the_directories() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let attachment = Attachment::new(
        &pod,
        with(macvlan_static(), json!({"ipam": {"type": "whereabouts"}})),
    );
    let path = format!("{}:/run/elsewhere", suite().directory().display());
    let error = attachment
        .invocation("ADD")
        .env("CNI_PATH", &path)
        .run()
        .error();
    assert_error(
        &error,
        7,
        &[
            "whereabouts",
            "/run/elsewhere",
            suite().directory().to_str().unwrap(),
        ],
    );
    differs("Go: the link stays when the IPAM fails", || {
        traces::assert_none(&pod);
    });
}

#[test]
fn an_interface_name_that_the_kernel_refuses_is_named() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    for name in ["sixteen-letters-", "a/b", "a b", "."] {
        let error = Attachment::new(&pod, macvlan_host_local())
            .ifname(name)
            .try_add()
            .error();
        assert_eq!(error.code, 4, "{error:?}");
        assert_error(&error, 4, &["CNI_IFNAME"]);
    }
    traces::assert_none(&pod);
}

#[test]
fn an_interface_name_that_is_taken_is_named_and_the_other_link_kept() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    pod.enter(|| wiring::create_bridge("net1"));
    let error = Attachment::new(&pod, macvlan_host_local())
        .try_add()
        .error();
    assert_error(&error, 4, &["net1"]);
    let link = pod.enter(|| observe::link("net1")).unwrap();
    assert_eq!(link.kind, "bridge");
    assert_eq!(pod.enter(observe::link_names), ["net1"]);
    traces::assert_none_on_node(&bed.node);
}

#[test]
fn all_missing_variables_are_named_at_once() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let call = Attachment::new(&pod, macvlan_static()).invocation("ADD");
    let run = call
        .without("CNI_CONTAINERID")
        .without("CNI_IFNAME")
        .without("CNI_NETNS")
        .run();
    let error = run.error();
    assert_eq!(error.code, 4);
    for name in ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS"] {
        assert!(error.msg.contains(name), "{error:?}");
    }
    let unknown = Attachment::new(&pod, macvlan_static())
        .invocation("FROB")
        .run()
        .error();
    assert_eq!(unknown.code, 4);
    assert!(unknown.msg.contains("FROB"), "{unknown:?}");
}

#[test]
fn a_netns_that_is_gone_or_none_is_named() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let file = bed.node.plain_netns_file("file");
    let vanished = bed.node.vanished_netns();
    for (path, code) in [(vanished, 3), (file, 4)] {
        let text = path.display().to_string();
        let error = Attachment::new(&pod, macvlan_host_local())
            .netns(&text)
            .try_add()
            .error();
        assert_error(&error, code, &[&text]);
    }
    traces::assert_none(&pod);
}

#[test]
fn the_nodes_own_netns_is_refused_before_anything_is_done() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let attachment = Attachment::new(&pod, macvlan_host_local()).netns("/proc/self/ns/net");
    let run = attachment.try_add();
    differs(
        "Go: the guard runs after the work is done, and two JSON values are printed",
        || {
            assert_error(&run.error(), 4, &["CNI_NETNS"]);
            traces::assert_none(&pod);
        },
    );
}

#[test]
fn a_parent_that_is_missing_is_named() {
    macvlan_refuses(
        &with(macvlan_static(), json!({"master": "eth9"})),
        7,
        &["eth9"],
    );
    macvlan_refuses(
        &with(macvlan_static(), json!({"master": null})),
        7,
        &["master", "default route"],
    );
}

#[test]
fn a_parent_that_is_down_is_named() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    bed.node.enter(|| wiring::set_down("eth1"));
    let run = Attachment::new(&pod, macvlan_static()).try_add();
    differs(
        "Go: a pod on a parent that is down starts without a network",
        || {
            assert_error(&run.error(), 100, &["eth1"]);
            traces::assert_none(&pod);
        },
    );
}

#[test]
fn an_mtu_that_the_parent_cannot_carry_is_named_with_the_parents() {
    macvlan_refuses(
        &with(macvlan_static(), json!({"mtu": 1501})),
        7,
        &["1501", "1500"],
    );
    macvlan_refuses(&with(macvlan_static(), json!({"mtu": -1})), 7, &["-1"]);
}

#[test]
fn a_mac_that_no_link_can_have_is_named() {
    for mac in ["01:00:5e:00:00:01", "not-a-mac", "02:00:00:00:00"] {
        macvlan_refuses(
            &with(macvlan_static(), json!({"mac": mac})),
            7,
            &["mac", mac],
        );
    }
}

#[test]
fn an_unknown_argument_is_named_unless_unknown_ones_are_to_be_ignored() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let attachment = Attachment::new(&pod, macvlan_static());
    let error = attachment
        .clone()
        .args("K8S_POD_NAME=web")
        .try_add()
        .error();
    assert_error(&error, 4, &["K8S_POD_NAME"]);
    traces::assert_none(&pod);
    for ignore in ["1", "true", "True"] {
        let attachment = attachment.clone().args(&format!(
            "IgnoreUnknown={ignore};K8S_POD_NAME=web;K8S_POD_UID="
        ));
        attachment.try_add().ok();
        attachment.del();
    }
}

#[test]
fn exhausted_addresses_leave_no_link() {
    let bed = Bed::new();
    let ipam = json!({"type": "host-local", "subnet": "10.10.20.0/24", "rangeStart": "10.10.20.9", "rangeEnd": "10.10.20.9"});
    let mut first = Attachment::new(&bed.node.pod("first"), macvlan(ipam.clone()));
    first.add();
    let pod = bed.node.pod("pod");
    let error = Attachment::new(&pod, macvlan(ipam)).try_add().error();
    assert_error(&error, 101, &["10.10.20.9"]);
    assert_eq!(traces::reservations(&bed.node, "lan"), ["10.10.20.9"]);
    differs("Go: the link stays when the IPAM fails", || {
        assert_eq!(pod.enter(observe::link_names), [""; 0]);
    });
}

#[test]
fn an_ipam_without_addresses_is_taken_back() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let error = Attachment::new(&pod, macvlan(json!({"type": "static"})))
        .try_add()
        .error();
    assert_error(&error, 103, &["static"]);
    differs(
        "Go: the link stays when the IPAM returns no address",
        || traces::assert_none(&pod),
    );
}

#[test]
fn a_route_that_the_kernel_refuses_takes_everything_back() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let ipam = json!({"type": "host-local", "subnet": "10.10.20.0/24", "routes": [{"dst": "10.99.0.0/16", "gw": "224.0.0.1"}]});
    let run = Attachment::new(&pod, macvlan(ipam)).try_add();
    let error = run.error();
    assert_error(&error, 100, &["10.99.0.0/16"]);
    differs(
        "Go: link and reservation stay when a route is refused",
        || traces::assert_none(&pod),
    );
}

/// An IPAM plugin that notes each verb and then does what `add` and `del` say.
fn recorder(pod: &Pod, add: &str, del: &str) -> Attachment {
    let script = format!(
        "#!/bin/sh\necho \"$CNI_COMMAND\" >>/run/plugins/verbs\ncat >/dev/null\ncase $CNI_COMMAND in\nADD) {add} ;;\nDEL) {del} ;;\nesac\n"
    );
    pod.node().write("/run/plugins/recorder", &script);
    pod.node().enter(|| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions("/run/plugins/recorder", permissions).unwrap();
    });
    Attachment::new(pod, macvlan(json!({"type": "recorder"})))
}

#[track_caller]
fn run_add(attachment: &Attachment) -> PluginError {
    attachment
        .invocation("ADD")
        .env("CNI_PATH", "/run/plugins")
        .run()
        .error()
}

#[test]
fn a_failed_ipam_is_told_to_delete_and_its_own_error_kept() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let add =
        "echo '{\"code\":123,\"msg\":\"the pool burns\",\"details\":\"call someone\"}'; exit 1";
    let attachment = recorder(&pod, add, ":");
    let error = run_add(&attachment);
    assert_eq!((error.code, error.details.as_str()), (123, "call someone"));
    assert!(error.msg.contains("the pool burns"), "{error:?}");
    differs(
        "Go: the IPAM is not told to delete after it has failed, and the link stays",
        || {
            assert_eq!(
                bed.node.read("/run/plugins/verbs").as_deref(),
                Some("ADD\nDEL\n")
            );
            traces::assert_none(&pod);
        },
    );
}

#[test]
fn an_ipam_that_prints_no_json_is_named() {
    for add in [
        "echo hello",
        "exit 3",
        "kill -9 $$",
        ":",
        "echo '{\"ips\": 5}'",
        "echo '[]'",
    ] {
        let bed = Bed::new();
        let pod = bed.node.pod("pod");
        let error = run_add(&recorder(&pod, add, "exit 1"));
        assert_error(&error, 103, &["recorder"]);
        differs("Go: the link stays when the IPAM prints nonsense", || {
            traces::assert_none(&pod);
        });
    }
}

#[test]
fn an_address_that_the_kernel_refuses_takes_everything_back() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let error = Attachment::new(&pod, with(macvlan_static(), json!({"ipam": {"addresses": [{"address": "10.10.0.5/24"}, {"address": "10.10.0.5/24"}]}}))).try_add();
    if error.succeeded() {
        assert_eq!(pod.enter(|| observe::addresses("net1")), ["10.10.0.5/24"]);
    } else {
        differs("Go: the link stays when an address is refused", || {
            traces::assert_none(&pod);
        });
    }
}

#[test]
fn without_a_daemon_it_is_said_what_to_start() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let error = Attachment::new(&pod, macvlan_dhcp()).try_add().error();
    assert_error(
        &error,
        11,
        &["/run/cni/dhcp.sock", "daemon", "systemctl start"],
    );
    differs("Go: the link stays when the daemon is down", || {
        traces::assert_none(&pod);
    });
}

#[test]
fn without_a_server_it_is_said_what_was_sent_and_what_came_back() {
    if suite().is_reference() {
        return testbed::not_run(
            "the Go daemon takes 208 s to give up, and hangs the kubelet meanwhile",
        );
    }
    let bed = Bed::new();
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let attachment = Attachment::new(
        &pod,
        with(macvlan_dhcp(), json!({"ipam": {"timeout": "5s"}})),
    );
    let error = attachment.try_add().error();
    assert_error(&error, 11, &["net1", "DISCOVER", "0 replies"]);
    traces::assert_none(&pod);
    assert!(daemon.process().is_running());
}

#[test]
fn without_a_server_the_default_patience_is_less_than_a_minute() {
    if suite().is_reference() {
        return testbed::not_run(
            "the Go daemon takes 208 s to give up, and hangs the kubelet meanwhile",
        );
    }
    let bed = Bed::new();
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let call = Attachment::new(&pod, macvlan_dhcp())
        .invocation("ADD")
        .patience(Duration::from_secs(59));
    assert_error(&call.run().error(), 11, &["DISCOVER"]);
    traces::assert_none(&pod);
}

#[test]
fn answers_that_do_not_count_are_counted() {
    if suite().is_reference() {
        return testbed::not_run(
            "the Go daemon takes 208 s to give up, and hangs the kubelet meanwhile",
        );
    }
    let bed = Bed::new();
    let address = bed.lan.address(77);
    let _server = ScriptedServer::start(&bed.lan, move |message| {
        let mut offer = message
            .reply(MessageType::Offer)
            .yiaddr(address)
            .with_seconds(51, 3600);
        offer.xid ^= 1;
        vec![Reply::broadcast(&offer)]
    });
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let config = with(macvlan_dhcp(), json!({"ipam": {"timeout": "3s"}}));
    let error = Attachment::new(&pod, config).try_add().error();
    assert_error(&error, 11, &["DISCOVER", "ignored", "xid"]);
    traces::assert_none(&pod);
}

#[test]
fn a_lease_whose_add_was_given_up_is_released() {
    let bed = Bed::new();
    let (address, router) = (bed.lan.address(77), bed.lan.router());
    let server = ScriptedServer::start(&bed.lan, move |message| {
        let (kind, delay) = match message.kind() {
            Some(MessageType::Discover) => (MessageType::Offer, 0),
            Some(MessageType::Request) => (MessageType::Ack, 300),
            _ => return Vec::new(),
        };
        let reply = message
            .reply(kind)
            .yiaddr(address)
            .with_addresses(54, &[router]);
        let reply = reply.with_seconds(51, 3600).with(1, [255, 255, 255, 0]);
        vec![Reply::broadcast(&reply).after(Duration::from_millis(delay))]
    });
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let attachment = Attachment::new(&pod, macvlan_dhcp());
    let running = attachment.invocation("ADD").start();
    let _ = server.wait_for(MessageType::Request, 1, Deadline::secs(20));
    running.kill();
    attachment.del();
    assert_eq!(pod.enter(observe::link_names), [""; 0]);
    differs(
        "Go: a lease whose ADD was given up is never released",
        || {
            let patience = if suite().is_reference() { 1 } else { 10 };
            let release = server.wait_for(MessageType::Release, 1, Deadline::secs(patience));
            assert_eq!(release.ciaddr, address);
        },
    );
}
