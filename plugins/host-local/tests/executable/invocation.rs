//! Running an IPAM executable on a directory of the test's own.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const OURS: &str = env!("CARGO_BIN_EXE_host-local");
pub(crate) const REFERENCE: &str = "/usr/lib/cni/host-local";

/// A network named `n` and the directory for its reservations.
pub(crate) struct Network {
    pub(crate) data_dir: PathBuf,
    pub(crate) config: Value,
    _owned: Option<TempDir>,
}

/// One run of an executable for interface `eth0` of a container.
pub(crate) struct Run<'a> {
    pub(crate) program: &'a str,
    pub(crate) verb: &'a str,
    pub(crate) container: &'a str,
    pub(crate) args: &'a str,
}

/// What it printed and how it ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) ok: bool,
    pub(crate) output: Value,
}

impl Network {
    pub(crate) fn new(ipam: Value) -> Network {
        let owned = TempDir::new().unwrap();
        let network = Network::in_dir(&owned.path().join("networks"), ipam);
        Network {
            _owned: Some(owned),
            ..network
        }
    }

    pub(crate) fn in_dir(data_dir: &Path, mut ipam: Value) -> Network {
        ipam["type"] = json!("host-local");
        ipam["dataDir"] = json!(data_dir);
        let config = json!({"cniVersion": "1.1.0", "name": "n", "type": "macvlan", "ipam": ipam});
        Network {
            data_dir: data_dir.to_owned(),
            config,
            _owned: None,
        }
    }

    pub(crate) fn of_subnet(subnet: &str) -> Network {
        Network::new(json!({"ranges": [[{"subnet": subnet}]]}))
    }

    /// Where the reservations are.
    pub(crate) fn dir(&self) -> PathBuf {
        self.data_dir.join("n")
    }

    pub(crate) fn add(&self, container: &str) -> Outcome {
        self.run("ADD", container, "")
    }

    pub(crate) fn del(&self, container: &str) -> Outcome {
        self.run("DEL", container, "")
    }

    pub(crate) fn run(&self, verb: &str, container: &str, args: &str) -> Outcome {
        Run {
            program: OURS,
            verb,
            container,
            args,
        }
        .on(&self.config)
    }

    /// Runs a verb with keys added to the configuration.
    pub(crate) fn run_with(&self, verb: &str, container: &str, more: &[(&str, Value)]) -> Outcome {
        let mut config = self.config.clone();
        for (key, value) in more {
            config[*key] = value.clone();
        }
        Run {
            program: OURS,
            verb,
            container,
            args: "",
        }
        .on(&config)
    }

    /// Every file of the network with its contents, by name; the lock file aside.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        if !self.dir().exists() {
            return Vec::new();
        }
        let entries = fs::read_dir(self.dir()).unwrap();
        let mut files: Vec<_> = entries
            .map(|entry| {
                let entry = entry.unwrap();
                let contents = fs::read_to_string(entry.path()).unwrap_or_else(|e| e.to_string());
                (entry.file_name().into_string().unwrap(), contents)
            })
            .filter(|(name, _)| name != "lock")
            .collect();
        files.sort();
        files
    }

    /// The files that reserve an address.
    pub(crate) fn reserved(&self) -> Vec<String> {
        let names = self.files().into_iter().map(|(name, _)| name);
        names
            .filter(|name| !name.starts_with("last_reserved_ip."))
            .collect()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir().join(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, contents: &str) {
        fs::create_dir_all(self.dir()).unwrap();
        fs::write(self.dir().join(name), contents).unwrap();
    }
}

impl Run<'_> {
    pub(crate) fn on(&self, config: &Value) -> Outcome {
        let mut child = self.start();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(config.to_string().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), None, "{output:?}");
        let ok = output.status.success();
        assert!(
            ok || !output.stdout.is_empty(),
            "failed without a word: {output:?}"
        );
        let output = if output.stdout.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&output.stdout).unwrap()
        };
        Outcome { ok, output }
    }

    /// Starts the executable, which then waits for its stdin.
    pub(crate) fn start(&self) -> Child {
        Command::new(self.program)
            .env_clear()
            .envs([
                ("CNI_COMMAND", self.verb),
                ("CNI_CONTAINERID", self.container),
                ("CNI_IFNAME", "eth0"),
                ("CNI_NETNS", "/run/netns/of-no-one"),
                ("CNI_PATH", "/nowhere"),
                ("CNI_ARGS", self.args),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

impl Outcome {
    /// The addresses of a result.
    #[track_caller]
    pub(crate) fn addresses(&self) -> Vec<&str> {
        assert!(self.ok, "{}", self.output);
        let ips = self.output["ips"].as_array().unwrap();
        ips.iter()
            .map(|ip| ip["address"].as_str().unwrap())
            .collect()
    }

    /// The code and message of an error.
    #[track_caller]
    pub(crate) fn error(&self) -> (u64, &str) {
        assert!(!self.ok, "{}", self.output);
        (
            self.output["code"].as_u64().unwrap(),
            self.output["msg"].as_str().unwrap(),
        )
    }
}
