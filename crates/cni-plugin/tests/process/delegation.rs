//! Delegates of every kind, from the well-behaved to the absent.

use std::fs::{self, File};

use serde_json::json;

use crate::runtime::{Answer, Node, merge};

#[test]
fn a_delegate_gets_stdin_byte_for_byte_and_the_whole_environment() {
    let node = Node::new();
    node.delegate(r#"cat > "$JOURNAL.stdin"; env > "$JOURNAL.env"; echo '{}'"#);
    let stdin = format!(
        " {}\n",
        node.config_with_ipam().to_string().replace(':', " :  ")
    );
    let stdin = stdin.replace("  /", "/");
    node.call("ADD")
        .stdin(stdin.as_str())
        .env("CNI_ARGS", "A=1")
        .env("OTHER", "x")
        .run()
        .result();
    assert_eq!(
        fs::read_to_string(node.path("journal.stdin")).ok(),
        Some(stdin)
    );
    let env = fs::read_to_string(node.path("journal.env")).expect("the environment");
    let path = format!("CNI_PATH={}", node.path("").display());
    let expected = [
        "CNI_COMMAND=ADD",
        "CNI_CONTAINERID=ctr-1",
        "CNI_IFNAME=net1",
        "CNI_ARGS=A=1",
        "OTHER=x",
        path.trim_end_matches('/'),
    ];
    for line in expected {
        assert!(env.lines().any(|known| known == line), "{line} in {env}");
    }
}

#[test]
fn each_verb_is_passed_on() {
    let node = Node::new();
    node.delegate("case $CNI_COMMAND in ADD) echo null ;; esac");
    let mut config = node.config_with_ipam();
    merge(
        &mut config,
        &json!({ "prevResult": {}, "cni.dev/valid-attachments": [] }),
    );
    for verb in ["ADD", "CHECK", "STATUS", "GC", "DEL"] {
        let answer = node.call(verb).config(&config).run();
        assert_eq!(answer.status, Some(0), "{verb}: {}", answer.stdout);
    }
    let expected = [
        "add",
        "ipam ADD",
        "ipam CHECK",
        "ipam STATUS",
        "ipam GC",
        "ipam DEL",
        "del",
    ];
    assert_eq!(node.journal(), expected);
}

#[test]
fn a_delegates_result_may_be_of_any_version_or_of_none() {
    let address = json!("192.0.2.5/24");
    for result in [
        r#"{"cniVersion": "0.2.0", "ip4": {"ip": "192.0.2.5/24"}, "dns": {}}"#,
        r#"{"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "192.0.2.5/24"}]}"#,
        r#"{"ips": [{"address": "192.0.2.5/24"}]}"#,
    ] {
        let node = Node::new();
        node.delegate(&format!("echo '{result}'"));
        assert_eq!(
            add(&node).result()["ips"][0]["address"],
            address,
            "{result}"
        );
    }
}

#[test]
fn a_delegates_own_error_is_kept_and_its_add_taken_back() {
    let node = Node::new();
    node.delegate(
        r#"case $CNI_COMMAND in
           ADD) echo '{"cniVersion": "1.0.0", "code": 142, "msg": "pool \"a\" is empty", "details": "widen it"}'; exit 3 ;;
           DEL) echo '{"code": 5, "msg": "second error"}'; exit 1 ;;
           esac"#,
    );
    let answer = add(&node);
    let expected = json!({
        "cniVersion": "1.1.0", "code": 142, "msg": "pool \"a\" is empty", "details": "widen it"
    });
    assert_eq!((answer.status, answer.value()), (Some(1), expected));
    assert_eq!(node.journal(), ["add", "ipam ADD", "ipam DEL", "undo"]);
    assert!(answer.stderr.contains("second error"), "{}", answer.stderr);
}

#[test]
fn a_misbehaving_delegate_is_named_with_what_it_did() {
    let cases = [
        (
            "exit 7",
            "it ended with exit status: 7 and printed nothing on stdout",
        ),
        (
            "echo oops; exit 2",
            r#"it ended with exit status: 2 and printed no error but "oops""#,
        ),
        (
            "kill -9 $$",
            "it ended with signal: 9 (SIGKILL) and printed nothing on stdout",
        ),
        (
            "echo '{\"ips\": []}'; exit 1",
            r#"printed no error but "{\"ips\": []}""#,
        ),
        ("true", "it succeeded but printed no result: nothing"),
        (
            "echo '{} {}'",
            r#"it succeeded but printed no result: "{} {}""#,
        ),
        (
            "echo '{\"ips\": 5}'",
            "it printed a malformed result: ips: expected an array, found number 5",
        ),
        (
            "echo '{\"cniVersion\": \"9.0.0\"}'",
            "it printed a malformed result: cniVersion: ",
        ),
        ("head -c 2000000 /dev/zero", "more than 1048576 bytes"),
    ];
    for (script, expected) in cases {
        let node = Node::new();
        node.delegate(&format!("[ $CNI_COMMAND = DEL ] && exit 0\n{script}"));
        let (code, msg) = add(&node).error();
        assert_eq!(code, 103, "{script}: {msg}");
        assert!(
            msg.contains("ipam") && msg.contains(expected),
            "{script}: {msg}"
        );
        assert!(msg.len() < 300, "{msg}");
        assert_eq!(
            node.journal(),
            ["add", "ipam ADD", "ipam DEL", "undo"],
            "{script}"
        );
    }
}

#[test]
fn a_delegates_stderr_is_passed_on_whatever_becomes_of_it() {
    for (script, status) in [
        ("echo words >&2; echo '{}'", 0),
        ("echo words >&2; exit 1", 1),
    ] {
        let node = Node::new();
        node.delegate(script);
        let answer = add(&node);
        assert_eq!(answer.status, Some(status));
        assert!(answer.stderr.contains("words\n"), "{}", answer.stderr);
    }
}

#[test]
fn a_delegate_that_reads_nothing_and_prints_much_does_not_block() {
    let node = Node::new();
    node.delegate("head -c 500000 /dev/zero | tr '\\0' x >&2; printf '{}%500000s' ' '");
    let mut config = node.config_with_ipam();
    merge(&mut config, &json!({ "padding": "x".repeat(900_000) }));
    node.call("ADD").config(&config).run().result();
}

#[test]
fn a_delegate_that_is_not_there_is_named_with_the_directories() {
    let node = Node::new();
    let path = format!("{}:/nowhere", node.path("bin").display());
    let msg = |answer: &Answer| {
        let error = answer.value();
        (
            error["code"].as_u64(),
            error["msg"].clone(),
            error["details"].clone(),
        )
    };
    let add = || {
        node.call("ADD")
            .config(&node.config_with_ipam())
            .env("CNI_PATH", &path)
    };
    let expected = format!(
        "no plugin \"ipam\" in CNI_PATH ({}, /nowhere)",
        node.path("bin").display()
    );
    let install = "install it in one of these directories, or correct the name";
    assert_eq!(
        msg(&add().run()),
        (Some(7), json!(expected), json!(install))
    );
    node.file("bin/ipam", "#!/bin/sh\necho '{}'", 0o644);
    let make = format!(
        "make {} an executable file",
        node.path("bin/ipam").display()
    );
    assert_eq!(msg(&add().run()), (Some(7), json!(expected), json!(make)));
    let missing = "CNI_PATH is missing, in which plugin \"ipam\" would be looked for";
    assert_eq!(
        add().env("CNI_PATH", "").run().error(),
        (4, missing.to_owned())
    );
}

#[test]
fn a_delegates_name_is_no_path() {
    let node = Node::new();
    node.delegate("echo '{}'");
    for name in ["../ipam", "./ipam", "/ipam", "a/b"] {
        let mut config = node.config();
        merge(&mut config, &json!({ "ipam": { "type": name } }));
        let expected = format!("{name:?} is not the name of a plugin");
        assert_eq!(
            node.call("ADD").config(&config).run().error(),
            (7, expected)
        );
    }
    for name in [".", ".."] {
        let mut config = node.config();
        merge(&mut config, &json!({ "ipam": { "type": name } }));
        assert_eq!(
            node.call("ADD").config(&config).run().error().0,
            7,
            "{name}"
        );
    }
}

#[test]
fn the_first_executable_file_in_the_path_is_run() {
    let node = Node::new();
    node.file("a/ipam/file", "", 0o755);
    node.file(
        "b/ipam",
        "#!/bin/sh\necho '{\"dns\": {\"domain\": \"b\"}}'",
        0o644,
    );
    node.file(
        "c/ipam",
        "#!/bin/sh\necho '{\"dns\": {\"domain\": \"c\"}}'",
        0o755,
    );
    node.file(
        "d/ipam",
        "#!/bin/sh\necho '{\"dns\": {\"domain\": \"d\"}}'",
        0o755,
    );
    let path = ["a", "b", "c", "d"]
        .map(|name| node.path(name).display().to_string())
        .join(":");
    let call = node
        .call("ADD")
        .config(&node.config_with_ipam())
        .env("CNI_PATH", &path);
    assert_eq!(call.run().result()["dns"]["domain"], "c");
}

#[test]
fn a_delegate_that_is_being_written_is_waited_for() {
    let node = Node::new();
    node.delegate("echo '{}'");
    let writer = File::options()
        .append(true)
        .open(node.path("ipam"))
        .expect("the delegate");
    let mut call = node
        .call("ADD")
        .config(&node.config_with_ipam())
        .stdout_piped();
    let mut child = call.start();
    let descriptors = format!("/proc/{}/fd", child.id());
    let waits = || {
        fs::read_dir(&descriptors)
            .into_iter()
            .flatten()
            .flatten()
            .any(|descriptor| {
                fs::read_link(descriptor.path())
                    .is_ok_and(|link| link.ends_with("anon_inode:inotify"))
            })
    };
    while !waits() && child.try_wait().is_ok_and(|status| status.is_none()) {
        std::thread::yield_now();
    }
    assert_eq!(node.journal(), ["add"]);
    drop(writer);
    let answer = Answer::of(child.wait_with_output().expect("the end of the plugin"));
    assert_eq!(answer.result()["cniVersion"], "1.1.0");
    assert_eq!(node.journal(), ["add", "ipam ADD"]);
}

fn add(node: &Node) -> Answer {
    node.call("ADD").config(&node.config_with_ipam()).run()
}
