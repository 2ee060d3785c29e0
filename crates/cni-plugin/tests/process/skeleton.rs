//! Environment, verbs and versions, results and errors.

use cni::{SpecVersion, Verb};
use serde_json::json;

use crate::runtime::{Node, merge};

#[test]
fn without_a_command_it_introduces_itself() {
    let node = Node::new();
    let introduction = format!(
        "CNI sample plugin {}\n\
         CNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n",
        env!("CARGO_PKG_VERSION")
    );
    for call in [node.call("").without("CNI_COMMAND"), node.call("")] {
        let answer = call.run();
        answer.assert_silent_success();
        assert_eq!(answer.stderr, introduction);
    }
}

#[test]
fn a_command_that_is_no_verb_is_named_with_those_that_are() {
    let node = Node::new();
    for command in ["add", "FROB", " ADD"] {
        let expected =
            format!("CNI_COMMAND: {command:?} is not one of ADD, DEL, CHECK, GC, STATUS, VERSION");
        assert_eq!(node.call(command).run().error(), (4, expected));
    }
}

#[test]
fn every_faulty_variable_is_named_at_once() {
    let node = Node::new();
    let answer = node
        .call("ADD")
        .without("CNI_NETNS")
        .env("CNI_CONTAINERID", "")
        .env("CNI_IFNAME", "net/1")
        .env("CNI_ARGS", "A=1;B")
        .run();
    let expected = "CNI_CONTAINERID is missing; CNI_NETNS is missing; \
        CNI_IFNAME: invalid interface name \"net/1\": \"/\", \":\" and white space are not allowed; \
        CNI_ARGS: \"B\" is not KEY=value";
    assert_eq!(answer.error(), (4, expected.to_owned()));
}

#[test]
fn del_does_without_a_namespace_and_without_sound_arguments() {
    let node = Node::new();
    node.call("DEL")
        .env("CNI_NETNS", "")
        .run()
        .assert_silent_success();
    node.call("DEL")
        .without("CNI_NETNS")
        .env("CNI_ARGS", "B")
        .run()
        .assert_silent_success();
    node.call("DEL").run().assert_silent_success();
    assert_eq!(
        node.journal(),
        ["del without netns", "del without netns", "del"]
    );
}

#[test]
fn only_delegation_needs_the_plugin_path() {
    let node = Node::new();
    node.call("ADD").without("CNI_PATH").run().result();
    node.call("DEL")
        .without("CNI_PATH")
        .run()
        .assert_silent_success();
}

#[test]
fn each_verb_is_open_to_the_versions_that_have_it() {
    let node = Node::new();
    node.delegate(r#"case $CNI_COMMAND in ADD) echo '{"ips": [{"address": "192.0.2.5/24"}]}' ;; VERSION) echo '{"supportedVersions": []}' ;; esac"#);
    for version in SpecVersion::ALL {
        for verb in [Verb::Add, Verb::Del, Verb::Check, Verb::Gc, Verb::Status] {
            let mut config = node.config_with_ipam();
            merge(
                &mut config,
                &json!({
                    "cniVersion": version.as_str(),
                    "cni.dev/valid-attachments": null,
                    "prevResult": { "cniVersion": "1.0.0" }
                }),
            );
            let answer = node.call(verb.as_str()).config(&config).run();
            if version < verb.since() {
                let expected = format!(
                    "cniVersion: version {version} does not have {verb}, which came with {}",
                    verb.since()
                );
                assert_eq!(answer.error(), (1, expected));
                assert_eq!(answer.value()["cniVersion"], version.as_str());
            } else if verb == Verb::Add {
                assert_eq!(answer.result()["cniVersion"], version.as_str());
            } else {
                answer.assert_silent_success();
            }
        }
    }
}

#[test]
fn an_unsupported_version_is_refused_in_the_newest_one() {
    let node = Node::new();
    let mut config = node.config();
    merge(&mut config, &json!({ "cniVersion": "2.0.0" }));
    let answer = node.call("ADD").config(&config).run();
    let expected = "cniVersion: \"2.0.0\" is not supported, only 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0";
    assert_eq!(answer.error(), (1, expected.to_owned()));
    assert_eq!(answer.value()["cniVersion"], "1.1.0");
}

#[test]
fn the_result_is_the_one_value_on_stdout() {
    let node = Node::new();
    let expected = json!({
        "cniVersion": "1.1.0",
        "interfaces": [{ "name": "net1", "sandbox": node.path("netns") }]
    });
    assert_eq!(node.call("ADD").run().result(), expected);
}

#[test]
fn an_error_is_printed_with_all_its_parts() {
    let node = Node::new();
    let mut config = node.config();
    merge(
        &mut config,
        &json!({ "ending": "failure", "cniVersion": "0.4.0", "prevResult": {} }),
    );
    let expected = json!({ "cniVersion": "0.4.0", "code": 142, "msg": "told to fail", "details": "tell it not to" });
    for verb in ["ADD", "DEL", "CHECK"] {
        let answer = node.call(verb).config(&config).run();
        assert_eq!(
            (answer.status, answer.value()),
            (Some(1), expected.clone()),
            "{verb}"
        );
    }
    assert_eq!(node.journal(), ["add", "undo", "del"]);
}

#[test]
fn a_panic_is_reported_as_a_bug() {
    let node = Node::new();
    let mut config = node.config();
    merge(&mut config, &json!({ "ending": "panic" }));
    let answer = node.call("STATUS").config(&config).run();
    let (code, msg) = answer.error();
    assert_eq!(code, 999);
    assert!(msg.starts_with("bug in sample: told to panic at "), "{msg}");
    assert!(answer.stderr.contains(&msg), "{}", answer.stderr);
}

#[test]
fn add_in_the_plugins_own_namespace_is_refused_before_anything_is_done() {
    let node = Node::new();
    let call = || node.call("ADD").env("CNI_NETNS", OWN_NETNS);
    let expected =
        format!("CNI_NETNS: \"{OWN_NETNS}\" is the network namespace the plugin itself runs in");
    assert_eq!(call().run().error(), (4, expected.clone()));
    assert_eq!(
        call().env("CNI_NETNS_OVERRIDE", "0").run().error(),
        (4, expected)
    );
    assert_eq!(node.journal(), [""; 0]);
    let overridden = call().env("CNI_NETNS_OVERRIDE", "True").run();
    assert_eq!(overridden.status, Some(0));
    assert_eq!(node.journal(), ["add"]);
}

#[test]
fn del_in_the_plugins_own_namespace_goes_on_without_one() {
    let node = Node::new();
    let call = || node.call("DEL").env("CNI_NETNS", OWN_NETNS);
    let answer = call().run();
    assert_eq!(answer.status, Some(0), "{}", answer.stdout);
    assert!(answer.stderr.contains(OWN_NETNS), "{}", answer.stderr);
    let overridden = call().env("CNI_NETNS_OVERRIDE", "1").run();
    assert_eq!(
        (overridden.status, overridden.stderr.as_str()),
        (Some(0), "")
    );
    assert_eq!(node.journal(), ["del without netns", "del"]);
}

#[test]
fn a_result_that_the_version_cannot_carry_is_taken_back() {
    let node = Node::new();
    let mut config = node.config();
    merge(&mut config, &json!({ "cniVersion": "0.2.0" }));
    let (code, msg) = node.call("ADD").config(&config).run().error();
    assert_eq!(code, 7);
    assert!(msg.contains("0.2.0"), "{msg}");
    assert_eq!(node.journal(), ["add", "del"]);
}

#[test]
fn a_result_that_cannot_be_printed_is_taken_back() {
    let node = Node::new();
    let answer = node.call("ADD").stdout_to("/dev/full").run_as_is();
    assert_eq!(answer.status, Some(1));
    assert!(
        answer.stderr.contains("cannot write to stdout"),
        "{}",
        answer.stderr
    );
    assert_eq!(node.journal(), ["add", "del"]);
}

#[test]
fn a_malformed_prev_result_stops_check_but_not_del() {
    let node = Node::new();
    let mut config = node.config();
    merge(&mut config, &json!({ "prevResult": { "ips": 5 } }));
    let fault = "prevResult.ips: expected an array, found number 5";
    assert_eq!(
        node.call("CHECK").config(&config).run().error(),
        (6, fault.to_owned())
    );
    let answer = node.call("DEL").config(&config).run();
    answer.assert_silent_success();
    assert!(answer.stderr.contains(fault), "{}", answer.stderr);
}

#[test]
fn gc_gets_the_valid_attachments_and_refuses_to_go_without_a_list() {
    let node = Node::new();
    let mut config = node.config();
    let (code, msg) = node.call("GC").config(&config).run().error();
    assert_eq!(
        (code, msg.as_str()),
        (7, "cni.dev/valid-attachments: missing")
    );
    merge(
        &mut config,
        &json!({ "cni.dev/valid-attachments": [{ "containerID": "a", "ifname": "net1" }] }),
    );
    let call = node.call("GC").config(&config);
    let call = call
        .without("CNI_CONTAINERID")
        .without("CNI_IFNAME")
        .without("CNI_NETNS");
    call.run().assert_silent_success();
    assert_eq!(node.journal(), ["keep a/net1"]);
}

const OWN_NETNS: &str = "/proc/thread-self/ns/net";
