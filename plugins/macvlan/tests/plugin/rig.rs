//! A node with `eth1` on a LAN, the built plugin, and an IPAM plugin that does as it is told.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Bed, Invocation, Node, Outcome, Pod, observe};

/// One test's world.
pub(crate) struct Rig {
    pub(crate) bed: Bed,
    directory: TempDir,
}

impl Rig {
    /// Makes a node whose plugin directory has `macvlan` and the told IPAM, `fake`.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        symlink(
            env!("CARGO_BIN_EXE_macvlan"),
            directory.path().join("macvlan"),
        )
        .expect("a link");
        let script = directory.path().join("fake");
        fs::write(&script, FAKE).expect("a script");
        fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("an executable");
        let rig = Self {
            bed: Bed::new(),
            directory,
        };
        rig.ipam_says(
            "ADD",
            0,
            &json!({ "cniVersion": "1.1.0", "ips": [{ "address": "192.168.50.7/24" }] })
                .to_string(),
        );
        rig
    }

    /// Lets the IPAM answer a verb with this status and text on stdout.
    pub(crate) fn ipam_says(&self, verb: &str, status: u8, stdout: &str) {
        fs::write(self.directory.path().join(format!("{verb}.out")), stdout).expect("an answer");
        fs::write(
            self.directory.path().join(format!("{verb}.status")),
            status.to_string(),
        )
        .expect("a status");
    }

    /// Returns the verbs the IPAM was called with, each with `CNI_IFNAME` and whether that link was in the pod then.
    pub(crate) fn ipam_calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.directory.path().join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// Returns what the IPAM read on stdin in its last run.
    pub(crate) fn ipam_stdin(&self) -> Value {
        let text = fs::read(self.directory.path().join("stdin")).expect("the IPAM was called");
        serde_json::from_slice(&text).expect("stdin is JSON")
    }

    /// Starts a call for `net1` of container `c1`.
    pub(crate) fn call(&self, verb: &str, config: &Value) -> Invocation {
        Invocation::new(&self.bed.node, "macvlan", verb)
            .directory(self.directory.path())
            .container_id("c1")
            .ifname("net1")
            .config(config)
    }

    /// Runs a verb on the pod.
    #[track_caller]
    pub(crate) fn run(&self, verb: &str, pod: &Pod, config: &Value) -> Outcome {
        self.call(verb, config).netns(pod.path()).run()
    }

    /// Runs an ADD that has to fail and leave nothing, and returns code, message and details.
    #[track_caller]
    pub(crate) fn refused(&self, pod: &Pod, config: &Value) -> (u64, String) {
        let error = self.run("ADD", pod, config).error();
        assert_eq!(
            names(&links(pod)),
            ["lo"],
            "a failed ADD leaves a link behind: {error:?}"
        );
        (error.code, format!("{}; {}", error.msg, error.details))
    }

    /// Lets the told IPAM answer under another name too.
    pub(crate) fn also_called(&self, name: &str) {
        symlink("fake", self.directory.path().join(name)).expect("a link");
    }

    /// Returns the node.
    pub(crate) fn node(&self) -> &Node {
        &self.bed.node
    }
}

/// A network on `eth1` with these keys besides, and with the told IPAM unless they say otherwise.
pub(crate) fn network(keys: Value) -> Value {
    let mut network = json!({
        "cniVersion": "1.1.0", "name": "lan", "type": "macvlan", "master": "eth1", "ipam": { "type": "fake" }
    });
    let Value::Object(keys) = keys else {
        panic!("keys are an object")
    };
    for (key, value) in keys {
        if value.is_null() {
            network.as_object_mut().expect("an object").remove(&key)
        } else {
            network[key] = value;
            None
        };
    }
    network
}

/// Adds a result to a network, as a runtime does for CHECK and DEL.
pub(crate) fn with_result(network: &Value, result: &Value) -> Value {
    let mut network = network.clone();
    network["prevResult"] = result.clone();
    network
}

/// Returns what `ip -json` says in the pod.
pub(crate) fn ip(pod: &Pod, arguments: &str) -> Vec<Value> {
    pod.enter(|| run_ip(&format!("-json {arguments}")))
        .as_array()
        .expect("a list")
        .clone()
}

/// Runs `ip` where the calling thread is.
pub(crate) fn run_ip(arguments: &str) -> Value {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .expect("run ip");
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// Returns what `ip` says about the links of the pod.
pub(crate) fn links(pod: &Pod) -> Vec<Value> {
    pod.enter(observe::links)
        .into_iter()
        .map(|link| link.all)
        .collect()
}

/// Returns the link of this name.
#[track_caller]
pub(crate) fn link(pod: &Pod, name: &str) -> Value {
    pod.enter(|| observe::link(name))
        .unwrap_or_else(|| panic!("no link {name}"))
        .all
}

/// Returns the names of links.
pub(crate) fn names(links: &[Value]) -> Vec<&str> {
    links
        .iter()
        .filter_map(|link| link["ifname"].as_str())
        .collect()
}

const FAKE: &str = r#"#!/bin/sh
at=$(dirname "$0")
cat > "$at/stdin"
link=without
[ -n "$CNI_NETNS" ] && nsenter --net="$CNI_NETNS" ip link show "$CNI_IFNAME" >&2 && link=with
echo "$CNI_COMMAND $CNI_IFNAME $link" >> "$at/calls"
[ -e "$at/$CNI_COMMAND.out" ] && cat "$at/$CNI_COMMAND.out"
[ -e "$at/$CNI_COMMAND.status" ] && exit "$(cat "$at/$CNI_COMMAND.status")"
exit 0
"#;
