//! dnsmasq as the LAN's DHCP server.

use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::deadline::Deadline;
use crate::lan::Lan;
use crate::log::Log;
use crate::process::{Process, tied_to_this_thread};
use crate::space::Space;

/// How dnsmasq is to serve; by default addresses `.100` to `.199` of the LAN for an hour.
#[derive(Clone, Debug)]
#[must_use]
pub struct DnsmasqOptions {
    range: (Ipv4Addr, Ipv4Addr),
    lease: String,
    more: Vec<String>,
    interface: String,
}

impl DnsmasqOptions {
    /// Starts from the defaults for a LAN.
    pub fn new(lan: &Lan) -> Self {
        Self::on(lan.bridge(), (lan.address(100), lan.address(199)))
    }

    pub(super) fn on(interface: &str, range: (Ipv4Addr, Ipv4Addr)) -> Self {
        Self {
            range,
            lease: "1h".to_owned(),
            more: Vec::new(),
            interface: interface.to_owned(),
        }
    }

    /// Serves the addresses from `first` to `last`.
    pub fn range(mut self, first: Ipv4Addr, last: Ipv4Addr) -> Self {
        self.range = (first, last);
        self
    }

    /// Sets the lease time as dnsmasq writes it: `1h`, `infinite`, `2m`, which is the shortest it gives.
    pub fn lease(mut self, time: &str) -> Self {
        time.clone_into(&mut self.lease);
        self
    }

    /// Adds a DHCP option as `--dhcp-option` takes it: `option:router,192.168.50.1`, or `121,…`.
    pub fn option(self, option: &str) -> Self {
        self.argument(&format!("--dhcp-option={option}"))
    }

    /// Adds an option that is sent even to clients that do not ask for it.
    pub fn forced_option(self, option: &str) -> Self {
        self.argument(&format!("--dhcp-option-force={option}"))
    }

    /// Adds a host entry as `--dhcp-host` takes it.
    pub fn host(self, host: &str) -> Self {
        self.argument(&format!("--dhcp-host={host}"))
    }

    /// Adds any argument.
    pub fn argument(mut self, argument: &str) -> Self {
        self.more.push(argument.to_owned());
        self
    }
}

/// A line of dnsmasq's lease file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsmasqLease {
    /// When the lease ends, in seconds since 1970; 0 for never.
    pub expiry: u64,
    /// The hardware address.
    pub mac: String,
    /// The address.
    pub address: Ipv4Addr,
    /// The host name, where the client sent one.
    pub hostname: Option<String>,
    /// The client identifier in hexadecimal bytes with colons, where the client sent one.
    pub client_id: Option<String>,
}

/// A running dnsmasq. It is killed when this is dropped.
#[derive(Debug)]
pub struct Dnsmasq {
    space: Arc<Space>,
    options: DnsmasqOptions,
    lease_file: PathBuf,
    process: Process,
}

impl Dnsmasq {
    /// Starts dnsmasq on a LAN with the default options, and waits until it serves.
    #[track_caller]
    #[must_use]
    pub fn start(lan: &Lan) -> Self {
        Self::start_with(lan, DnsmasqOptions::new(lan))
    }

    /// Starts dnsmasq with these options.
    #[track_caller]
    #[must_use]
    pub fn start_with(lan: &Lan, options: DnsmasqOptions) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let lease_file = PathBuf::from(format!("/run/lan/dnsmasq-{number}.leases"));
        fs::write(&lease_file, "").expect("make a lease file");
        let process = lan.enter(|| launch(&options, &lease_file));
        Self {
            space: lan.space(),
            options,
            lease_file,
            process,
        }
    }

    /// Says whether dnsmasq is installed.
    #[must_use]
    pub fn is_installed() -> bool {
        executable().is_some()
    }

    /// Returns dnsmasq's log, which names each message: `DHCPDISCOVER(br0) MAC`, `DHCPACK(br0) ADDRESS MAC`, ….
    #[must_use]
    pub fn log(&self) -> &Log {
        self.process.log()
    }

    /// Waits for a log line that contains every one of `parts`, and returns it.
    #[track_caller]
    pub fn wait_for(&self, parts: &[&str], deadline: Deadline) -> String {
        self.log().wait_for(
            |line| parts.iter().all(|part| line.contains(part)),
            deadline,
        )
    }

    /// Ends dnsmasq by SIGTERM. It keeps its leases in its file.
    #[track_caller]
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Starts dnsmasq again, with other options where some are given, on the leases it had.
    #[track_caller]
    pub fn restart(&mut self, options: Option<DnsmasqOptions>) {
        if let Some(options) = options {
            self.options = options;
        }
        self.process.kill();
        self.process = self.space.enter(|| launch(&self.options, &self.lease_file));
    }

    /// Ends dnsmasq and makes it forget every lease.
    pub fn kill_and_forget(&self) {
        self.process.kill();
        fs::write(&self.lease_file, "").expect("empty the lease file");
    }

    /// Returns the IPv4 leases in dnsmasq's file.
    #[must_use]
    pub fn leases(&self) -> Vec<DnsmasqLease> {
        let text = fs::read_to_string(&self.lease_file).expect("read the lease file");
        text.lines().filter_map(parse_lease).collect()
    }

    /// Waits until the leases in dnsmasq's file are as `wanted`, and returns them.
    #[track_caller]
    pub fn wait_for_leases(
        &self,
        wanted: impl Fn(&[DnsmasqLease]) -> bool,
        deadline: Deadline,
    ) -> Vec<DnsmasqLease> {
        let inotify =
            Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).expect("make an inotify");
        inotify
            .add_watch(
                &self.lease_file,
                AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE,
            )
            .expect("watch the lease file");
        loop {
            let leases = self.leases();
            if wanted(&leases) {
                return leases;
            }
            assert!(
                !deadline.passed(),
                "dnsmasq's leases are not as expected: {leases:?}; its log:\n{}",
                self.log()
            );
            match poll(
                &mut [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)],
                deadline.poll_timeout(),
            ) {
                Ok(_) | Err(Errno::EINTR) => drop(inotify.read_events()),
                Err(error) => panic!("poll: {error}"),
            }
        }
    }
}

/// Starts dnsmasq in the network namespace that the thread is in, and waits until it serves.
#[track_caller]
pub(super) fn launch(options: &DnsmasqOptions, lease_file: &Path) -> Process {
    let Some(executable) = executable() else {
        panic!("dnsmasq is not installed; on Debian: apt-get install dnsmasq-base");
    };
    let mut command = tied_to_this_thread(executable);
    command.args([
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--port=0",
        "--pid-file=",
        // With a name for either, dnsmasq would change its groups, which a user namespace forbids.
        "--user=",
        "--group=",
        "--log-facility=-",
        "--log-dhcp",
        // Without this an address is pinged for three seconds before it is offered.
        "--no-ping",
        "--dhcp-authoritative",
    ]);
    command.arg(format!("--interface={}", options.interface));
    command.arg(format!("--dhcp-leasefile={}", lease_file.display()));
    command.arg(format!(
        "--dhcp-range={},{},{}",
        options.range.0, options.range.1, options.lease
    ));
    command.args(&options.more);
    let process = Process::spawn(command);
    process.log().wait_for(
        |line| line.contains("sockets bound") || line.contains("DHCP, IP range"),
        Deadline::secs(10),
    );
    process
}

fn executable() -> Option<&'static str> {
    [
        "/usr/sbin/dnsmasq",
        "/usr/bin/dnsmasq",
        "/usr/local/sbin/dnsmasq",
    ]
    .into_iter()
    .find(|path| Path::new(path).is_file())
}

/// Reads a line of the lease file; `None` where it is not an IPv4 lease.
pub(super) fn parse_lease(line: &str) -> Option<DnsmasqLease> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [expiry, mac, address, hostname, client_id] = fields[..] else {
        return None;
    };
    let known = |field: &str| (field != "*").then(|| field.to_owned());
    Some(DnsmasqLease {
        expiry: expiry.parse().ok()?,
        mac: mac.to_owned(),
        address: address.parse().ok()?,
        hostname: known(hostname),
        client_id: known(client_id),
    })
}
