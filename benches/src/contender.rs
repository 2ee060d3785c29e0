//! One set of plugins on a node of its own.

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use serde_json::Value;
use testbed::{Bed, Daemon, Node, Pod};

use crate::statistics::Samples;

/// A plugin directory, its node, and what was measured there.
#[derive(Debug)]
pub(crate) struct Contender {
    directory: PathBuf,
    node: Node,
    daemon: Option<Daemon>,
    /// The samples of each of [`VERBS`].
    pub(crate) samples: [Samples; 4],
}

/// The verbs in the order in which each round runs them.
pub(crate) const VERBS: [&str; 4] = ["VERSION", "ADD", "CHECK", "DEL"];

impl Contender {
    /// Gives the plugins a node on the LAN of `bed`, with their own daemon where leases are needed.
    pub(crate) fn new(directory: PathBuf, bed: &Bed, leases: bool) -> Self {
        let node = bed.add_node();
        let daemon = leases.then(|| Daemon::start_of(&directory, &node, &[]));
        Self {
            directory,
            node,
            daemon,
            samples: Default::default(),
        }
    }

    /// Runs each verb once for a new pod, and keeps the times if they count.
    pub(crate) fn round(
        &mut self,
        number: usize,
        config: &Value,
        counts: bool,
    ) -> Result<(), String> {
        let pod = self.node.pod(&format!("pod{number}"));
        let mut config = config.clone();
        for (at, verb) in VERBS.into_iter().enumerate() {
            let run = self.run(verb, &pod, &config)?;
            if verb == "ADD" {
                let result: Value =
                    serde_json::from_slice(&run.stdout).map_err(|error| format!("ADD: {error}"))?;
                if let Some(config) = config.as_object_mut() {
                    config.insert("prevResult".to_owned(), result);
                }
            }
            if let Some(samples) = self.samples.get_mut(at).filter(|_| counts) {
                samples.push(run.wall, run.cpu);
            }
        }
        pod.destroy();
        Ok(())
    }

    /// Returns the CPU time that the daemon has used.
    pub(crate) fn daemon_cpu(&self) -> Option<Duration> {
        let pid = self.daemon.as_ref()?.process().pid();
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let nanoseconds = tasks.flatten().filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Some(Duration::from_nanos(nanoseconds.sum()))
    }

    fn run(&self, verb: &str, pod: &Pod, config: &Value) -> Result<Run, String> {
        let mut command = Command::new(self.directory.join("macvlan"));
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("CNI_COMMAND", verb)
            .env("CNI_CONTAINERID", pod.name())
            .env("CNI_NETNS", pod.path())
            .env("CNI_IFNAME", "net1")
            .env("CNI_PATH", &self.directory);
        self.node
            .enter(|| timed(command, config))
            .map_err(|error| format!("{verb} of {}: {error}", self.directory.display()))
    }
}

struct Run {
    wall: Duration,
    cpu: Duration,
    stdout: Vec<u8>,
}

fn timed(mut command: Command, config: &Value) -> io::Result<Run> {
    let (stdin, mut config_writer) = io::pipe()?;
    // A configuration fits into the pipe's buffer, so that no thread is needed to write it.
    config_writer.write_all(config.to_string().as_bytes())?;
    drop(config_writer);
    command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let cpu_before = children_cpu()?;
    let start = now()?;
    let mut child = command.spawn()?;
    let mut stdout = Vec::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_end(&mut stdout)?;
    }
    let status = child.wait()?;
    let wall = now()?.saturating_sub(start);
    let cpu = children_cpu()?.saturating_sub(cpu_before);
    if status.success() {
        Ok(Run { wall, cpu, stdout })
    } else {
        Err(io::Error::other(format!(
            "{status}: {}",
            String::from_utf8_lossy(&stdout)
        )))
    }
}

fn children_cpu() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    Ok(Duration::from_micros(
        micros.iter().sum::<i64>().unsigned_abs(),
    ))
}

fn now() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC)?.into())
}
