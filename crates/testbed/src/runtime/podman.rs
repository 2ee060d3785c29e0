//! podman with its CNI backend, conmon and crun, from Debian's packages.
//!
//! It has no daemon. What stands for one here is the first process of a PID namespace, in which every command is run and
//! with which every container ends. Its files are below `/run/podman` of the node.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::cgroup::Cgroup;
use super::{image, maps_everybody, wrap_runtime};
use crate::deadline::Deadline;
use crate::mounts;
use crate::node::Node;
use crate::process::{Process, tied_to_this_thread};
use crate::program::{program, unpacked};
use crate::space::Space;
use crate::suite::{not_run, suite};

/// podman on a node, with the plugins under test. Its containers end when this is dropped.
#[derive(Debug)]
pub struct Podman {
    node: Node,
    /// The first process of the PID namespace, as it is known outside of it.
    init: i32,
    _process: Process,
    // Behind the process, which ends first: what is left in the cgroup is killed.
    _cgroup: Option<Cgroup>,
}

impl Podman {
    /// Makes podman ready on a node, with the one image of its containers.
    ///
    /// Without root a container may be more than this machine allows; then that is reported, and there is no podman.
    #[track_caller]
    #[must_use]
    pub fn start(node: &Node) -> Option<Self> {
        let cgroup = Cgroup::make(node);
        node.enter(|| {
            mounts::share_run();
            write_files();
        });
        let mut command = tied_to_this_thread("/bin/sh");
        command
            .args(["-ec", LAUNCH, "launch"])
            .arg(cgroup.as_ref().map_or(Path::new(""), Cgroup::path))
            .arg(libraries());
        let process = node.enter(|| Process::spawn(command));
        let ready = process
            .log()
            .wait_for(|line| line.starts_with("ready "), Deadline::secs(10));
        let init = ready.trim_start_matches("ready ").parse();
        let podman = Self {
            node: node.clone(),
            init: init.expect("a process id"),
            _process: process,
            _cgroup: cgroup,
        };
        podman.run(&["load", "--quiet", "--input", ARCHIVE]);
        match podman.obstacle() {
            None => Some(podman),
            Some(why) => {
                not_run(&format!(
                    "without root, podman runs no container here: {why}"
                ));
                None
            }
        }
    }

    /// Runs a command of podman, asserts that it succeeds, and returns what it prints.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let outcome = self.try_run(arguments);
        outcome.unwrap_or_else(|error| panic!("podman {}: {error}", arguments.join(" ")))
    }

    /// Runs a command of podman: what it prints to stdout, or to stderr where it fails.
    pub fn try_run(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=5", &PATIENCE.as_secs().to_string(), "nsenter"])
            .args(["--mount", "--pid", "--cgroup", "--net"])
            .args(["--target", &self.init.to_string(), "--"])
            .arg(program("podman"))
            .args(arguments)
            .env("CONTAINERS_CONF", format!("{DIRECTORY}/containers.conf"))
            .env(
                "CONTAINERS_STORAGE_CONF",
                format!("{DIRECTORY}/storage.conf"),
            )
            .env("HOME", format!("{DIRECTORY}/home"));
        let output = command.output().expect("run podman");
        let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    /// Runs a container with these options of `podman run`, asserts that it runs, and returns its ID.
    #[track_caller]
    pub fn run_container(&self, name: &str, options: &[&str]) -> String {
        let outcome = self.try_run_container(name, options);
        outcome.unwrap_or_else(|error| panic!("run a container: {error}"))
    }

    /// Runs a container with these options of `podman run`.
    pub fn try_run_container(&self, name: &str, options: &[&str]) -> Result<String, String> {
        let fixed = ["run", "--detach", "--name", name];
        self.try_run(&[&fixed, options, &[IMAGE]].concat())
    }

    /// Returns what podman knows of a container's networks, by their names.
    #[track_caller]
    #[must_use]
    pub fn networks(&self, container: &str) -> Value {
        self.inspect(container)["Networks"].clone()
    }

    /// Runs `work` on this thread in a container's network namespace, with the node's files.
    #[track_caller]
    pub fn enter<T>(&self, container: &str, work: impl FnOnce() -> T) -> T {
        let inspected = self.inspect(container);
        let path = inspected["SandboxKey"].as_str().expect("a namespace");
        let path = PathBuf::from(path);
        self.node.enter(|| Space::open_net(&path).enter(work))
    }

    #[track_caller]
    fn inspect(&self, container: &str) -> Value {
        let format = "{{json .NetworkSettings}}";
        let text = self.run(&["container", "inspect", "--format", format, container]);
        serde_json::from_str(&text).expect("podman prints JSON")
    }

    /// Returns what keeps an unprivileged podman from running a container at all, with no plugin in it.
    fn obstacle(&self) -> Option<String> {
        if maps_everybody("uid_map") {
            return None;
        }
        let outcome = self.try_run_container("canary", &["--network", "none"]);
        let removed = outcome.and_then(|_| self.try_run(&["rm", "--force", "--time=0", "canary"]));
        let error = removed.err()?;
        Some(error.lines().last().unwrap_or_default().to_owned())
    }
}

fn write_files() {
    let directory = Path::new(DIRECTORY);
    let policies = directory.join("home/.config/containers");
    fs::create_dir_all(&policies).expect("make podman's directories");
    let policy = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
    fs::write(policies.join("policy.json"), policy).expect("write a policy");
    fs::write(directory.join("storage.conf"), STORAGE).expect("write podman's configuration");
    let engine = CONFIG.replace("CONMON", &program("conmon").display().to_string());
    fs::write(directory.join("containers.conf"), engine).expect("write podman's configuration");
    wrap_runtime("crun", &directory.join("crun"));
    symlink(suite().directory(), directory.join("plugins")).expect("link the plugins");
    image::write_busybox(
        Path::new(ARCHIVE),
        IMAGE,
        &["sleep"],
        &["/bin/sleep", "1000000"],
    );
}

/// Returns the directory of the libraries that were unpacked with podman.
fn libraries() -> PathBuf {
    let parent = unpacked().join("usr/lib");
    let found = fs::read_dir(&parent).into_iter().flatten().flatten();
    let mut found = found.map(|entry| entry.path());
    found
        .find(|path| path.display().to_string().ends_with("-linux-gnu"))
        .unwrap_or(parent)
}

const DIRECTORY: &str = "/run/podman";
const ARCHIVE: &str = "/run/podman/box.tar";
const IMAGE: &str = "localhost/box:1";
const PATIENCE: Duration = Duration::from_mins(1);

/// Enters the cgroup `$1`, where there is one, and the namespaces, and has the dynamic linker find the libraries in
/// `$2`: conmon starts programs without this environment. Mounts below `/run` stay the node's.
const LAUNCH: &str = "\
[ -z \"$1\" ] || echo $$ > \"$1/cgroup.procs\"
exec unshare --cgroup --mount --propagation unchanged --pid --fork --kill-child sh -ec '
read -r outside rest < /proc/self/stat
mount -t proc proc /proc
mount -t cgroup2 cgroup2 /sys/fs/cgroup
PATH=$PATH:/usr/sbin:/sbin
ldconfig -C /run/podman/ld.so.cache \"$1\"
mount --bind /run/podman/ld.so.cache /etc/ld.so.cache
echo \"ready $outside\"
while :; do sleep 1000; done
' init \"$2\"
";

const STORAGE: &str = "\
[storage]
driver = 'vfs'
graphroot = '/run/podman/root'
runroot = '/run/podman/run'
";

/// No cgroups, which crun can do without, no journal, and no `AppArmor`.
const CONFIG: &str = "\
[containers]
apparmor_profile = 'unconfined'
cgroups = 'disabled'
default_sysctls = []
log_driver = 'none'
seccomp_profile = 'unconfined'
[engine]
cgroup_manager = 'cgroupfs'
conmon_path = ['CONMON']
events_logger = 'none'
lock_type = 'file'
no_pivot_root = true
runtime = 'crun'
static_dir = '/run/podman/static'
tmp_dir = '/run/podman/tmp'
volume_path = '/run/podman/volumes'
[engine.runtimes]
crun = ['/run/podman/crun']
[network]
cni_plugin_dirs = ['/run/podman/plugins']
network_backend = 'cni'
network_config_dir = '/run/podman/net.d'
";
