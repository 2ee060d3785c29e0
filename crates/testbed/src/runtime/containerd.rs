//! containerd with its CRI plugin and runc, from Debian's packages.
//!
//! Its process, shims and pods are in a PID namespace and, for root, in a cgroup; both end with it. Its files are below
//! `/run/containerd` of the node, whose mounts it shares, as the lease daemon has to see the pods' namespaces.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::poll::poll;

use super::cgroup::Cgroup;
use super::cri::{Cri, CriError, PodSandbox};
use super::{image, maps_everybody, wrap_runtime};
use crate::deadline::Deadline;
use crate::log::Log;
use crate::mounts;
use crate::node::Node;
use crate::process::{Process, tied_to_this_thread};
use crate::program::program;
use crate::suite::{not_run, suite};

/// A running containerd, which uses the plugins under test. It is killed when this is dropped, with all its pods.
#[derive(Debug)]
pub struct Containerd {
    node: Node,
    cri: Cri,
    process: Process,
    // Behind the process, which ends first: what is left in the cgroup is killed.
    cgroup: Option<Cgroup>,
}

impl Containerd {
    /// Starts containerd on a node, with one network configuration list, and waits until it serves.
    ///
    /// Without root a pod may be more than this machine allows; then that is reported, and there is no containerd.
    #[track_caller]
    #[must_use]
    pub fn start(node: &Node, conflist: &str) -> Option<Self> {
        node.enter(|| {
            mounts::share_run();
            write_files(conflist);
        });
        let (process, cgroup) = launch(node);
        let containerd = Self {
            node: node.clone(),
            cri: Cri::new(node, Path::new(SOCKET)),
            process,
            cgroup,
        };
        containerd.await_service();
        node.enter(import_image);
        containerd.await_truth("the image", || containerd.cri.has_image(IMAGE));
        match containerd.obstacle() {
            None => Some(containerd),
            Some(why) => {
                not_run(&format!("without root, runc makes no pod here: {why}"));
                None
            }
        }
    }

    /// Kills containerd with everything that it has started, and starts it again on its files.
    #[track_caller]
    pub fn crash(&mut self) {
        self.process.kill();
        drop(self.cgroup.take());
        (self.process, self.cgroup) = launch(&self.node);
        self.await_service();
    }

    /// Replaces the plugins in containerd's plugin directory by those of another, while pods run.
    pub fn replace_plugins(&self, directory: &Path) {
        self.node.enter(|| install_plugins(directory));
    }

    /// Runs a pod, and asserts that it can be run.
    #[track_caller]
    #[must_use]
    pub fn run_pod(&self, name: &str) -> PodSandbox {
        let pod = self.try_run_pod(name);
        pod.unwrap_or_else(|error| panic!("run a pod: {error}; containerd's log:\n{}", self.log()))
    }

    /// Runs a pod.
    pub fn try_run_pod(&self, name: &str) -> Result<PodSandbox, CriError> {
        self.cri.run_pod(name, true)
    }

    /// Returns the identities of all pods, in whatever state they are.
    #[track_caller]
    #[must_use]
    pub fn pods(&self) -> Vec<String> {
        self.cri.pods().expect("list the pods")
    }

    /// Returns why containerd tells kubelet that the network is not ready; `None` where it is.
    #[track_caller]
    #[must_use]
    pub fn network_obstacle(&self) -> Option<String> {
        self.cri
            .missing("NetworkReady")
            .expect("ask for the status")
    }

    /// Returns containerd's version.
    #[track_caller]
    #[must_use]
    pub fn version(&self) -> String {
        self.cri.version().expect("ask for the version")
    }

    /// Returns what containerd writes.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.process.log()
    }

    #[track_caller]
    fn await_service(&self) {
        self.await_truth("its service", || {
            self.cri.missing("RuntimeReady").map(|why| why.is_none())
        });
    }

    /// Waits for what containerd has no event for; it is asked again at short intervals.
    #[track_caller]
    fn await_truth(&self, what: &str, ask: impl Fn() -> Result<bool, CriError>) {
        let deadline = Deadline::secs(30);
        loop {
            let answer = ask();
            if answer == Ok(true) {
                return;
            }
            assert!(
                self.process.is_running() && !deadline.passed(),
                "containerd has not {what}: {answer:?}; its log:\n{}",
                self.log()
            );
            let turn = Deadline::after(Duration::from_millis(5));
            let _ = poll(&mut [], turn.poll_timeout());
        }
    }

    /// Returns what keeps an unprivileged runc from making a pod at all, with no plugin in it.
    fn obstacle(&self) -> Option<String> {
        if maps_everybody("uid_map") {
            return None;
        }
        match self.cri.run_pod("canary", false) {
            Ok(pod) => pod.remove().err().map(|error| error.message),
            Err(error) => Some(error.message),
        }
    }
}

/// Starts containerd in its namespaces, and in a cgroup where there can be one.
fn launch(node: &Node) -> (Process, Option<Cgroup>) {
    let cgroup = Cgroup::make(node);
    let mut command = tied_to_this_thread("/bin/sh");
    command
        .env_clear()
        .env("PATH", search_path())
        .args(["-ec", LAUNCH, "launch"])
        .arg(cgroup.as_ref().map_or(Path::new(""), Cgroup::path));
    (node.enter(|| Process::spawn(command)), cgroup)
}

fn search_path() -> String {
    let directories = ["containerd", "runc"].map(|name| {
        let program = program(name);
        let directory = program.parent().expect("a program is in a directory");
        directory.display().to_string()
    });
    format!("{}:{SYSTEM_PATH}", directories.join(":"))
}

fn write_files(conflist: &str) {
    let directory = Path::new(DIRECTORY);
    fs::create_dir_all(directory.join("net.d")).expect("make containerd's directories");
    fs::write(directory.join("net.d/10-lan.conflist"), conflist).expect("write the network");
    wrap_runtime("runc", &directory.join("runc-wrapper"));
    fs::write(directory.join("config.toml"), CONFIG).expect("write containerd's configuration");
    install_plugins(suite().directory());
}

/// Lets containerd's plugin directory be this one, at once, as a package manager replaces files.
fn install_plugins(directory: &Path) {
    let new = Path::new(DIRECTORY).join("plugins.new");
    symlink(directory, &new).expect("link the plugins");
    fs::rename(new, Path::new(DIRECTORY).join("plugins")).expect("put the plugins in place");
}

fn import_image() {
    let archive = Path::new(DIRECTORY).join("pause.tar");
    image::write_busybox(&archive, IMAGE, &["sleep"], &["/bin/sleep", "1000000"]);
    let mut command = Command::new(program("ctr"));
    command
        .args(["--address", SOCKET, "--namespace", "k8s.io"])
        .args(["images", "import", "--snapshotter", "native"])
        .arg(archive);
    let output = command.output().expect("run ctr");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

const DIRECTORY: &str = "/run/containerd";
const SOCKET: &str = "/run/containerd/containerd.sock";
const IMAGE: &str = "localhost/pause:1";
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Enters the cgroup `$1`, where there is one, and the namespaces. Mounts below `/run` stay the node's; `/proc` and
/// the cgroups are those of the namespaces.
const LAUNCH: &str = "\
[ -z \"$1\" ] || echo $$ > \"$1/cgroup.procs\"
exec unshare --cgroup --mount --propagation unchanged --pid --fork --kill-child sh -ec '
mount -t proc proc /proc
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec containerd --config /run/containerd/config.toml
'
";

/// Limits of processor and memory need controllers, which cgroup v2 may not have here, and lowering the OOM score needs
/// `CAP_SYS_RESOURCE`.
const CONFIG: &str = "\
version = 2
root = '/run/containerd/root'
state = '/run/containerd/state'
disabled_plugins = [
  'io.containerd.internal.v1.opt',
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
]
[debug]
level = 'warn'
[grpc]
address = '/run/containerd/containerd.sock'
[plugins.'io.containerd.grpc.v1.cri']
sandbox_image = 'localhost/pause:1'
restrict_oom_score_adj = true
disable_apparmor = true
disable_cgroup = true
[plugins.'io.containerd.grpc.v1.cri'.cni]
bin_dir = '/run/containerd/plugins'
conf_dir = '/run/containerd/net.d'
[plugins.'io.containerd.grpc.v1.cri'.containerd]
snapshotter = 'native'
[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc.options]
BinaryName = '/run/containerd/runc-wrapper'
";
