//! What may come on stdin, and VERSION, for which nothing need come.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;

use crate::runtime::{Node, merge};

#[test]
fn what_is_no_configuration_is_refused() {
    let node = Node::new();
    let cases: [(&str, u64, &str); 7] = [
        ("", 6, "stdin is empty, expected a network configuration"),
        (
            "{\n\"name\": x}",
            6,
            "stdin is not valid JSON at line 2, column 9: expected value",
        ),
        ("[1]", 6, "stdin: expected an object, found an array"),
        (
            r#"{"name":5}"#,
            6,
            "name: expected a string, found number 5",
        ),
        (r#"{"cniVersion":"1.1.0"}"#, 7, "name: missing"),
        (
            r#"{"name":"a b"}"#,
            7,
            r#"name: invalid network name "a b": only letters, digits, "_", "." and "-" are allowed"#,
        ),
        (
            r#"{"name":"lan","cniVersion":"1.1.0","journal":[]}"#,
            6,
            "journal: expected a string, found an array",
        ),
    ];
    for verb in ["ADD", "DEL"] {
        for (stdin, code, msg) in cases {
            let answer = node.call(verb).stdin(stdin).run();
            assert_eq!(answer.error(), (code, msg.to_owned()), "{verb} {stdin}");
        }
    }
    assert_eq!(node.journal(), [""; 0]);
}

#[test]
fn a_configuration_up_to_a_mebibyte_is_read() {
    let node = Node::new();
    let mut config = node.config();
    merge(
        &mut config,
        &json!({ "padding": "x".repeat((1 << 20) - 200) }),
    );
    node.call("STATUS")
        .config(&config)
        .run()
        .assert_silent_success();
    merge(&mut config, &json!({ "padding": "x".repeat(1 << 20) }));
    let answer = node.call("STATUS").config(&config).run();
    assert_eq!(
        answer.error(),
        (5, "stdin is longer than 1048576 bytes".to_owned())
    );
}

#[test]
fn version_answers_in_the_callers_version_if_it_is_known() {
    let node = Node::new();
    let cases = [
        (r#"{"cniVersion":"0.3.1"}"#, "0.3.1"),
        (r#"{"cniVersion":"1.1.0"}"#, "1.1.0"),
        (r#"{"cniVersion":""}"#, "0.1.0"),
        ("{}", "0.1.0"),
        (r#"{"cniVersion":"9.9.9"}"#, "1.1.0"),
        (r#"{"cniVersion":4}"#, "1.1.0"),
        ("", "1.1.0"),
        ("no JSON", "1.1.0"),
        ("[]", "1.1.0"),
    ];
    for (stdin, version) in cases {
        let answer = node
            .call("VERSION")
            .stdin(stdin)
            .without("CNI_CONTAINERID")
            .without("CNI_NETNS")
            .without("CNI_IFNAME")
            .without("CNI_PATH")
            .run();
        assert_eq!(answer.result(), versions(version), "{stdin}");
    }
}

#[test]
fn version_answers_without_stdin() {
    let node = Node::new();
    assert_eq!(
        node.call("VERSION").run_with_stdin(Stdio::null()).result(),
        versions("1.1.0")
    );
}

#[test]
fn version_answers_a_caller_that_never_closes_its_end() {
    let node = Node::new();
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer
        .write_all(br#"{"cniVersion":"0.4.0"}"#)
        .expect("an open pipe");
    assert_eq!(
        node.call("VERSION").run_with_stdin(reader).result(),
        versions("0.4.0")
    );
    let (reader, writer) = std::io::pipe().expect("a pipe");
    assert_eq!(
        node.call("VERSION").run_with_stdin(reader).result(),
        versions("1.1.0")
    );
    drop(writer);
}

fn versions(version: &str) -> serde_json::Value {
    json!({
        "cniVersion": version,
        "supportedVersions": ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
    })
}
