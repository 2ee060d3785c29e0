//! The DHCP servers that people run, as one: dnsmasq, Kea, ISC dhcpd and busybox's udhcpd.
//!
//! A [`ServerPlan`] is written in the configuration language of each, and what each keeps of its leases is read back
//! from its own file, so that one test holds on all four.

mod dnsmasq;
mod isc;
mod kea;
mod plan;
mod udhcpd;

use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

pub use plan::{Identity, ServerPlan};

use crate::deadline::Deadline;
use crate::lan::Lan;
use crate::log::Log;
use crate::process::{Process, tied_to_this_thread};
use crate::program::program;
use crate::space::Space;

/// The servers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Software {
    /// dnsmasq.
    Dnsmasq,
    /// ISC Kea.
    Kea,
    /// ISC dhcpd.
    Isc,
    /// busybox's udhcpd, which tells clients apart by their hardware address alone.
    Udhcpd,
}

impl Software {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Dnsmasq, Self::Kea, Self::Isc, Self::Udhcpd];

    fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::Dnsmasq => &dnsmasq::Dnsmasq,
            Self::Kea => &kea::Kea,
            Self::Isc => &isc::Isc,
            Self::Udhcpd => &udhcpd::Udhcpd,
        }
    }
}

/// What a server's file says of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealLease {
    /// The address.
    pub address: Ipv4Addr,
    /// Whether it is taken.
    pub state: LeaseState,
    /// The hardware address, where the server keeps one.
    pub mac: Option<String>,
    /// The client identifier in hexadecimal bytes with colons, where the server keeps one.
    pub client_id: Option<String>,
    /// When the lease ends or ended, in seconds since 1970.
    pub expiry: u64,
}

/// Whether an address is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// A client has it.
    Active,
    /// It was given back, or has expired.
    Free,
    /// A client has found it in use by another host.
    Declined,
}

/// A running server on a LAN. It is killed when this is dropped.
#[derive(Debug)]
pub struct RealServer {
    software: Software,
    space: Arc<Space>,
    plan: ServerPlan,
    files: Files,
    process: Process,
}

impl RealServer {
    /// Starts a server and waits until it serves.
    #[track_caller]
    #[must_use]
    pub fn start(software: Software, lan: &Lan, plan: ServerPlan) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let files = Files::make(format!("/run/lan/server-{number}").into());
        let space = lan.space();
        let process = space.enter(|| software.dialect().launch(&plan, &files));
        Self {
            software,
            space,
            plan,
            files,
            process,
        }
    }

    /// Returns which server it is.
    #[must_use]
    pub fn software(&self) -> Software {
        self.software
    }

    /// Returns what the server writes to its log.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.process.log()
    }

    /// Ends the server by SIGTERM. It keeps its leases in its file.
    #[track_caller]
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Ends the server by SIGKILL. udhcpd forgets what it has not written; the others write as they go.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Starts the server again, by another plan where one is given, on the leases in its file.
    #[track_caller]
    pub fn restart(&mut self, plan: Option<ServerPlan>) {
        if let Some(plan) = plan {
            self.plan = plan;
        }
        self.process.kill();
        let dialect = self.software.dialect();
        self.process = self.space.enter(|| dialect.launch(&self.plan, &self.files));
    }

    /// Returns what the server's file says now, one entry for each address it knows of.
    #[must_use]
    pub fn leases(&self) -> Vec<RealLease> {
        self.software.dialect().leases(&self.files, &self.process)
    }

    /// Returns the lease of an address, whatever its state.
    #[must_use]
    pub fn lease(&self, address: Ipv4Addr) -> Option<RealLease> {
        let mut leases = self.leases().into_iter();
        leases.find(|lease| lease.address == address)
    }

    /// Waits until the server's file says that a client has the address, and returns the lease.
    #[track_caller]
    pub fn wait_for_active(&self, address: Ipv4Addr, deadline: Deadline) -> RealLease {
        self.wait_for_renewed(address, 0, deadline)
    }

    /// Waits until the server's file says that a client has the address until after `expiry`.
    #[track_caller]
    pub fn wait_for_renewed(
        &self,
        address: Ipv4Addr,
        expiry: u64,
        deadline: Deadline,
    ) -> RealLease {
        let lease = self.wait_for("is leased", address, deadline, |lease| {
            lease.is_some_and(|lease| lease.state == LeaseState::Active && lease.expiry > expiry)
        });
        lease.expect("there is such a lease")
    }

    /// Waits until the server's file says that the address is free again.
    #[track_caller]
    pub fn wait_for_release(&self, address: Ipv4Addr, deadline: Deadline) {
        self.wait_for("is free", address, deadline, |lease| {
            lease.is_none_or(|lease| lease.state == LeaseState::Free)
        });
    }

    /// Waits until the server has taken note that the address is in use by a host that is no client of its own.
    #[track_caller]
    pub fn wait_for_decline(&self, address: Ipv4Addr, deadline: Deadline) {
        match self.software.dialect().decline_line(address) {
            Some(parts) => {
                self.log().wait_for(
                    |line| parts.iter().all(|part| line.contains(part)),
                    deadline,
                );
            }
            None => {
                self.wait_for("is declined", address, deadline, |lease| {
                    lease.is_some_and(|lease| lease.state == LeaseState::Declined)
                });
            }
        }
    }

    #[track_caller]
    fn wait_for(
        &self,
        what: &str,
        address: Ipv4Addr,
        deadline: Deadline,
        wanted: impl Fn(Option<&RealLease>) -> bool,
    ) -> Option<RealLease> {
        let inotify =
            Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).expect("make an inotify");
        let events =
            AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MOVED_TO;
        inotify
            .add_watch(&self.files.directory, events)
            .expect("watch the server's files");
        loop {
            let lease = self.lease(address);
            if wanted(lease.as_ref()) {
                return lease;
            }
            assert!(
                !deadline.passed(),
                "not in time: {address} {what} at {:?}, which has {:?}; its log:\n{}",
                self.software,
                self.leases(),
                self.log()
            );
            let mut fds = [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)];
            // A server that writes only when it is asked to has to be asked again.
            let (fds, turn) = match self.software.dialect().asking_interval() {
                None => (&mut fds[..], deadline.remaining()),
                Some(interval) => (&mut fds[..0], interval.min(deadline.remaining())),
            };
            match poll(fds, Deadline::after(turn).poll_timeout()) {
                Ok(_) | Err(Errno::EINTR) => drop(inotify.read_events()),
                Err(error) => panic!("poll: {error}"),
            }
        }
    }
}

/// How one server is told what to do, and how it tells what it has done.
trait Dialect {
    /// Starts the server in the namespace that the thread is in, and returns once it serves.
    fn launch(&self, plan: &ServerPlan, files: &Files) -> Process;

    /// Reads the server's leases, the newest word on each address.
    fn leases(&self, files: &Files, process: &Process) -> Vec<RealLease>;

    /// Returns what the log line of a DECLINE contains; `None` where only the lease file tells of it.
    fn decline_line(&self, address: Ipv4Addr) -> Option<Vec<String>>;

    /// Returns how often to ask for the leases, of a server that does not write them as they change.
    fn asking_interval(&self) -> Option<Duration> {
        None
    }
}

/// The private files of one server.
#[derive(Debug)]
struct Files {
    directory: PathBuf,
}

impl Files {
    fn make(directory: PathBuf) -> Self {
        fs::create_dir(&directory).expect("make a directory for the server");
        let files = Self { directory };
        fs::write(files.leases(), "").expect("make a lease file");
        files
    }

    fn config(&self) -> PathBuf {
        self.directory.join("config")
    }

    fn leases(&self) -> PathBuf {
        self.directory.join("leases")
    }

    fn write_config(&self, text: &str) {
        fs::write(self.config(), text).expect("write the server's configuration");
    }

    fn read_leases(&self) -> String {
        fs::read_to_string(self.leases()).expect("read the server's leases")
    }
}

/// Returns a command for a server: of those unpacked for the tests, or else of the machine's.
#[track_caller]
fn command(name: &str) -> Command {
    tied_to_this_thread(&program(name).display().to_string())
}
