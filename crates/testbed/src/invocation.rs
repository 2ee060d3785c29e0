//! One run of one plugin, as a runtime does it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::node::Node;
use crate::space::Space;
use crate::suite::suite;
use crate::texts;

/// What a runtime passes to a plugin: its name, the environment, and stdin.
#[derive(Clone, Debug)]
#[must_use]
pub struct Invocation {
    space: Arc<Space>,
    directory: PathBuf,
    plugin: String,
    environment: BTreeMap<String, String>,
    stdin: Vec<u8>,
    patience: Duration,
}

impl Invocation {
    /// Starts from a verb (`ADD`, `DEL`, …) on a node, with `CNI_PATH` set to the directory of the plugins under test.
    pub fn new(node: &Node, plugin: &str, verb: &str) -> Self {
        let invocation = Self {
            space: node.space(),
            directory: PathBuf::new(),
            plugin: plugin.to_owned(),
            environment: BTreeMap::new(),
            stdin: Vec::new(),
            patience: Duration::from_secs(90),
        };
        invocation
            .directory(suite().directory())
            .env("CNI_COMMAND", verb)
    }

    /// Takes the plugin from another directory, which becomes `CNI_PATH` too.
    pub fn directory(mut self, directory: &Path) -> Self {
        directory.clone_into(&mut self.directory);
        self.env("CNI_PATH", &directory.display().to_string())
    }

    /// Sets the request configuration on stdin.
    pub fn config(self, config: &Value) -> Self {
        self.stdin(config.to_string())
    }

    /// Sets stdin to any bytes.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Sets `CNI_CONTAINERID`.
    pub fn container_id(self, id: &str) -> Self {
        self.env("CNI_CONTAINERID", id)
    }

    /// Sets `CNI_IFNAME`.
    pub fn ifname(self, ifname: &str) -> Self {
        self.env("CNI_IFNAME", ifname)
    }

    /// Sets `CNI_NETNS`.
    pub fn netns(self, path: &Path) -> Self {
        self.env("CNI_NETNS", &path.display().to_string())
    }

    /// Sets `CNI_ARGS`.
    pub fn args(self, args: &str) -> Self {
        self.env("CNI_ARGS", args)
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.environment.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Unsets a variable.
    pub fn without(mut self, key: &str) -> Self {
        self.environment.remove(key);
        self
    }

    /// Sets how long the plugin may take before it is killed and the test fails.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs the plugin to its end.
    #[track_caller]
    #[must_use]
    pub fn run(&self) -> Outcome {
        self.start().finish()
    }

    /// Starts the plugin.
    #[track_caller]
    pub fn start(&self) -> Running {
        let executable = self.directory.join(&self.plugin);
        assert!(
            executable.is_file(),
            "{} is not built: run `make build` first",
            executable.display()
        );
        let mut command = Command::new(&executable);
        for (key, _) in
            std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("CNI_"))
        {
            command.env_remove(key);
        }
        command
            .envs(&self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self
            .space
            .enter(|| command.spawn())
            .unwrap_or_else(|error| panic!("start {}: {error}", executable.display()));
        let (mut stdin, bytes) = (
            child.stdin.take().expect("stdin is a pipe"),
            self.stdin.clone(),
        );
        // A plugin may end without reading its stdin.
        thread::spawn(move || drop(stdin.write_all(&bytes)));
        Running {
            label: format!(
                "{} {}",
                self.plugin,
                self.environment
                    .get("CNI_COMMAND")
                    .map_or("", String::as_str)
            ),
            stdout: collect(child.stdout.take().expect("stdout is a pipe")),
            stderr: collect(child.stderr.take().expect("stderr is a pipe")),
            child,
            patience: self.patience,
        }
    }
}

/// A plugin that has been started.
#[derive(Debug)]
#[must_use]
pub struct Running {
    label: String,
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    patience: Duration,
}

impl Running {
    /// Returns the process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the plugin, as a runtime does that has waited too long.
    pub fn kill(mut self) {
        self.child.kill().expect("kill the plugin");
        self.child.wait().expect("reap the plugin");
    }

    /// Waits for the plugin's end.
    #[track_caller]
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        // Everything that a plugin writes ends with it, so the end of stdout is waited for in place of the process.
        let Ok(stdout) = self.stdout.recv_timeout(self.patience) else {
            let pid =
                Pid::from_raw(i32::try_from(self.child.id()).expect("a process id is positive"));
            // Its goroutines or its stack say where it hangs, and go to its stderr.
            let _ = kill(pid, Signal::SIGQUIT);
            let stderr = self
                .stderr
                .recv_timeout(Duration::from_secs(5))
                .unwrap_or_default();
            let _ = self.child.kill();
            let _ = self.child.wait();
            panic!(
                "{} took longer than {:?}; stderr:\n{stderr}",
                self.label, self.patience
            );
        };
        let status = self.child.wait().expect("reap the plugin");
        let stderr = self
            .stderr
            .recv_timeout(Duration::from_secs(5))
            .unwrap_or_else(|_| "(still open)".to_owned());
        Outcome {
            label: self.label,
            status,
            stdout,
            stderr,
        }
    }
}

/// How a plugin ended and what it wrote.
#[derive(Clone, Debug)]
pub struct Outcome {
    label: String,
    /// Its exit status.
    pub status: ExitStatus,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

/// The error object of a failed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginError {
    /// The error code.
    pub code: u64,
    /// The message.
    pub msg: String,
    /// What to do; empty where the plugin does not say.
    pub details: String,
    /// The version of the specification that the error is written in, where it says so.
    pub cni_version: Option<String>,
}

impl Outcome {
    /// Says whether the plugin succeeded.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.success()
    }

    /// Asserts success and returns the one JSON value on stdout, or null where stdout is empty.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!(self.succeeded(), "{} failed\n{self}", self.label);
        if self.stdout.trim().is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// Asserts failure and returns the error object on stdout.
    #[track_caller]
    pub fn error(&self) -> PluginError {
        assert!(
            !self.succeeded(),
            "{} succeeded and should have failed\n{self}",
            self.label
        );
        let json = self.json();
        let text = |key: &str| json[key].as_str().map(str::to_owned);
        let error = PluginError {
            code: json["code"]
                .as_u64()
                .unwrap_or_else(|| panic!("{}: no error code\n{self}", self.label)),
            msg: text("msg").unwrap_or_else(|| panic!("{}: no error message\n{self}", self.label)),
            details: text("details").unwrap_or_default(),
            cni_version: text("cniVersion"),
        };
        texts::note(&error);
        error
    }

    /// Asserts that stdout is exactly one JSON value, and returns it.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "{}: stdout is not one JSON value: {error}\n{self}",
                self.label
            )
        })
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            label,
            status,
            stdout,
            stderr,
        } = self;
        writeln!(f, "{label}: {status}\nstdout:\n{stdout}\nstderr:\n{stderr}")
    }
}

/// Reads a stream to its end on a thread of its own.
fn collect(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}
