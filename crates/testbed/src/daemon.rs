//! The lease daemon of the plugins under test, on a node.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::deadline::Deadline;
use crate::log::Log;
use crate::node::Node;
use crate::process::{Process, tied_to_this_thread};
use crate::suite::suite;
use crate::trace::Tracing;

/// A running `dhcp daemon`. It is killed when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    node: Node,
    executable: PathBuf,
    flags: Vec<String>,
    process: Process,
}

impl Daemon {
    /// Starts the daemon of the plugins under test with these flags, and waits until it answers on its socket.
    #[track_caller]
    #[must_use]
    pub fn start(node: &Node, flags: &[&str]) -> Self {
        Self::start_of(suite().directory(), node, flags)
    }

    /// Starts the daemon of another plugin directory.
    #[track_caller]
    #[must_use]
    pub fn start_of(directory: &Path, node: &Node, flags: &[&str]) -> Self {
        let executable = directory.join("dhcp");
        assert!(
            executable.is_file(),
            "{} is not built: run `make build` first",
            executable.display()
        );
        let flags: Vec<_> = flags.iter().map(ToString::to_string).collect();
        let process = launch(node, &executable, &flags);
        let daemon = Self {
            node: node.clone(),
            executable,
            flags,
            process,
        };
        daemon.await_socket(Deadline::secs(10));
        daemon
    }

    /// Starts the daemon with every step of it seen, until it is started again.
    #[track_caller]
    #[must_use]
    pub fn start_traced(node: &Node, flags: &[&str]) -> (Self, Tracing) {
        let executable = suite().directory().join("dhcp");
        let flags: Vec<_> = flags.iter().map(ToString::to_string).collect();
        let tracing = Tracing::default();
        let process = node.enter(|| {
            // It goes on when it is traced.
            let mut command = tied_to_this_thread("/bin/sh");
            command.args(["-c", "kill -STOP $$; exec \"$0\" daemon \"$@\""]);
            command.arg(&executable).args(&flags);
            Process::spawn_traced(command, tracing.clone())
        });
        let daemon = Self {
            node: node.clone(),
            executable,
            flags,
            process,
        };
        daemon.await_socket(Deadline::secs(10));
        (daemon, tracing)
    }

    /// Starts the daemon without waiting for its socket, for those that are to fail.
    #[must_use]
    pub fn launch(node: &Node, flags: &[&str]) -> Process {
        let flags: Vec<_> = flags.iter().map(ToString::to_string).collect();
        launch(node, &suite().directory().join("dhcp"), &flags)
    }

    /// Ends the daemon by SIGTERM and returns how it ended.
    #[track_caller]
    pub fn stop(&self) -> ExitStatus {
        self.process.stop()
    }

    /// Ends the daemon by SIGKILL.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Starts the daemon again, with the same flags, after [`Daemon::stop`] or [`Daemon::kill`].
    #[track_caller]
    pub fn restart(&mut self) {
        self.process = launch(&self.node, &self.executable, &self.flags);
        self.await_socket(Deadline::secs(10));
    }

    /// Returns what the daemon writes.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.process.log()
    }

    /// Returns the process, for signals and waiting.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Returns where the daemon listens, as seen on the node.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        let given = self.flags.iter().enumerate().find_map(|(at, flag)| {
            let flag = flag.trim_start_matches('-');
            match flag.strip_prefix("socketpath")? {
                "" => self.flags.get(at + 1).cloned(),
                value => value.strip_prefix('=').map(str::to_owned),
            }
        });
        given.unwrap_or_else(|| DEFAULT_SOCKET.to_owned()).into()
    }

    /// Counts the file descriptors that the daemon has open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        fs::read_dir(self.proc("fd"))
            .expect("list the daemon's file descriptors")
            .count()
    }

    /// Returns what each of the daemon's file descriptors refers to.
    #[must_use]
    pub fn file_targets(&self) -> Vec<String> {
        let entries = fs::read_dir(self.proc("fd")).expect("list the daemon's file descriptors");
        entries
            .flatten()
            .filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.display().to_string()))
            .collect()
    }

    /// Waits until the daemon has no more than so many file descriptors open.
    ///
    /// The kernel closes some sockets late and has no event for it, so this looks again at short intervals.
    #[track_caller]
    pub fn wait_for_open_files(&self, at_most: usize, deadline: Deadline) {
        while self.open_files() > at_most {
            assert!(
                !deadline.passed(),
                "the daemon keeps open: {:?}",
                self.file_targets()
            );
            let turn = Deadline::after(Duration::from_millis(5));
            let _ = poll(&mut [], turn.poll_timeout());
        }
    }

    /// Counts the daemon's threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        fs::read_dir(self.proc("task"))
            .expect("list the daemon's threads")
            .count()
    }

    /// Returns the memory that the daemon has resident, in kilobytes.
    #[must_use]
    pub fn resident_kb(&self) -> u64 {
        let status = fs::read_to_string(self.proc("status")).expect("read the daemon's status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("a process has memory");
        line.trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a size in kilobytes")
    }

    fn proc(&self, entry: &str) -> PathBuf {
        format!("/proc/{}/{entry}", self.process.pid()).into()
    }

    /// Waits until a connection succeeds. What is watched for is the socket's file; between its appearance and
    /// listen(2) there is no event, so a connection is tried again at short intervals too.
    #[track_caller]
    fn await_socket(&self, deadline: Deadline) {
        let socket = self.socket();
        let directory = socket.parent().expect("a socket is in a directory");
        self.node.enter(|| {
            let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)
                .expect("make an inotify");
            loop {
                let watched = directory
                    .ancestors()
                    .find(|path| path.is_dir())
                    .expect("there is a root directory");
                inotify
                    .add_watch(watched, AddWatchFlags::IN_CREATE)
                    .expect("watch a directory");
                match UnixStream::connect(&socket) {
                    Ok(stream) => return see_off(stream),
                    Err(error)
                        if matches!(
                            error.kind(),
                            ErrorKind::NotFound | ErrorKind::ConnectionRefused
                        ) => {}
                    Err(error) => panic!("connect to {}: {error}", socket.display()),
                }
                let log = self.log();
                assert!(
                    self.process.is_running(),
                    "the daemon ended instead of listening; its log:\n{log}"
                );
                assert!(
                    !deadline.passed(),
                    "no daemon on {} in time; its log:\n{log}",
                    socket.display()
                );
                let mut fds = [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)];
                let turn = Deadline::after(deadline.remaining().min(Duration::from_millis(5)));
                match poll(&mut fds, turn.poll_timeout()) {
                    Ok(_) | Err(Errno::EINTR) => drop(inotify.read_events()),
                    Err(error) => panic!("poll: {error}"),
                }
            }
        });
    }
}

/// Ends a connection without a request, and waits until the daemon is through with it.
fn see_off(mut stream: UnixStream) {
    let _ = stream.shutdown(Shutdown::Write);
    // A daemon that ends or complains meanwhile shows in what the test does next.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = stream.read_to_end(&mut Vec::new());
}

fn launch(node: &Node, executable: &Path, flags: &[String]) -> Process {
    node.enter(|| Process::spawn(command(executable, flags)))
}

fn command(executable: &Path, flags: &[String]) -> Command {
    let mut command = tied_to_this_thread(&executable.display().to_string());
    command.arg("daemon").args(flags);
    command
}

const DEFAULT_SOCKET: &str = "/run/cni/dhcp.sock";
