//! A runtime that calls the example plugin, and a directory for it to find others in.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A directory for delegates and for the journal of what was done.
pub(crate) struct Node {
    directory: TempDir,
}

/// One call of the example plugin.
pub(crate) struct Call {
    command: Command,
    stdin: Vec<u8>,
}

/// What came of a call.
pub(crate) struct Answer {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self {
            directory: TempDir::new().expect("a temporary directory"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns a call as runtimes make it; nothing is inherited but the search path.
    pub(crate) fn call(&self, verb: &str) -> Call {
        let mut command = Command::new(sample());
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("CNI_COMMAND", verb)
            .env("CNI_CONTAINERID", "ctr-1")
            .env("CNI_NETNS", self.path("netns"))
            .env("CNI_IFNAME", "net1")
            .env("CNI_PATH", self.directory.path())
            .env("JOURNAL", self.path("journal"));
        Call {
            command,
            stdin: Vec::new(),
        }
        .config(&self.config())
    }

    /// Returns a configuration of the newest version without IPAM.
    pub(crate) fn config(&self) -> Value {
        json!({
            "cniVersion": "1.1.0", "name": "lan", "type": "sample", "journal": self.path("journal")
        })
    }

    /// Returns a configuration with the delegate `ipam`.
    pub(crate) fn config_with_ipam(&self) -> Value {
        let mut config = self.config();
        merge(&mut config, &json!({ "ipam": { "type": "ipam" } }));
        config
    }

    /// Makes the delegate `ipam` a shell script that notes its verb in the journal first.
    pub(crate) fn delegate(&self, script: &str) {
        let script = format!("#!/bin/sh\necho \"ipam $CNI_COMMAND\" >> \"$JOURNAL\"\n{script}\n");
        self.file("ipam", &script, 0o755);
    }

    pub(crate) fn file(&self, name: &str, content: &str, mode: u32) {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a directory");
        }
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    /// Returns what was done, line by line.
    pub(crate) fn journal(&self) -> Vec<String> {
        let journal = fs::read_to_string(self.path("journal")).unwrap_or_default();
        journal.lines().map(str::to_owned).collect()
    }
}

impl Call {
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.command.env(key, value);
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.command.env_remove(key);
        self
    }

    pub(crate) fn config(self, config: &Value) -> Self {
        self.stdin(config.to_string())
    }

    pub(crate) fn stdin(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = stdin.into();
        self
    }

    pub(crate) fn stdout_to(mut self, path: &str) -> Self {
        let file = fs::File::options()
            .write(true)
            .open(path)
            .expect("a file to write to");
        self.command.stdout(file);
        self
    }

    /// Starts the plugin and hands it all of stdin.
    pub(crate) fn start(&mut self) -> Child {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example plugin, which `cargo test -p cni-plugin` builds");
        let mut pipe = child.stdin.take().expect("a pipe");
        // A plugin may end without having read everything.
        let _ = pipe.write_all(&self.stdin);
        child
    }

    pub(crate) fn stdout_piped(mut self) -> Self {
        self.command.stdout(Stdio::piped());
        self
    }

    pub(crate) fn run(self) -> Answer {
        self.stdout_piped().run_as_is()
    }

    /// Runs with stdout as it has been set.
    pub(crate) fn run_as_is(mut self) -> Answer {
        Answer::of(
            self.start()
                .wait_with_output()
                .expect("the end of the plugin"),
        )
    }

    /// Runs with a stdin that is this one.
    pub(crate) fn run_with_stdin(mut self, stdin: impl Into<Stdio>) -> Answer {
        Answer::of(
            self.command
                .stdin(stdin)
                .output()
                .expect("the example plugin"),
        )
    }
}

impl Answer {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            status: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Returns the one value on stdout of a success.
    pub(crate) fn result(&self) -> Value {
        assert_eq!(self.status, Some(0), "{}{}", self.stdout, self.stderr);
        self.value()
    }

    /// Asserts success without a word.
    pub(crate) fn assert_silent_success(&self) {
        assert_eq!(
            (self.status, self.stdout.as_str()),
            (Some(0), ""),
            "{}",
            self.stderr
        );
    }

    /// Returns code and message of the one error on stdout.
    pub(crate) fn error(&self) -> (u64, String) {
        assert_eq!(self.status, Some(1), "{}{}", self.stdout, self.stderr);
        let error = self.value();
        let (code, msg) = (error.get("code"), error.get("msg"));
        let error = code
            .and_then(Value::as_u64)
            .zip(msg.and_then(Value::as_str));
        let (code, msg) = error.unwrap_or_else(|| panic!("no error: {}", self.stdout));
        (code, msg.to_owned())
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON value: {error}: {:?}", self.stdout))
    }
}

/// Sets the members of `more` in `object`.
pub(crate) fn merge(object: &mut Value, more: &Value) {
    let object = object.as_object_mut().expect("an object");
    object.extend(more.as_object().expect("an object").clone());
}

/// Examples lie beside the directory of the test executables.
fn sample() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let target = test
        .parent()
        .and_then(Path::parent)
        .expect("a target directory");
    target.join("examples/sample")
}
