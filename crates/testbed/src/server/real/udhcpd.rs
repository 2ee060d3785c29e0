//! A plan as busybox's udhcpd has it, and its binary file of leases.

use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::Signal;

use super::plan::{hex, list};
use super::{Dialect, Files, Identity, LeaseState, RealLease, ServerPlan, command};
use crate::deadline::Deadline;
use crate::process::Process;

#[derive(Debug)]
pub(super) struct Udhcpd;

impl Dialect for Udhcpd {
    #[track_caller]
    fn launch(&self, plan: &ServerPlan, files: &Files) -> Process {
        files.write_config(&config(plan, files));
        let mut command = command("busybox");
        // By default an address is looked for with ARP for two seconds before it is offered.
        command
            .args(["udhcpd", "-f", "-a", "1"])
            .arg(files.config());
        let process = Process::spawn(command);
        await_socket(&process, Deadline::secs(10));
        process
    }

    fn leases(&self, files: &Files, process: &Process) -> Vec<RealLease> {
        if process.is_running() {
            have_written(files, process, Deadline::secs(10));
        }
        let bytes = fs::read(files.leases()).expect("read udhcpd's leases");
        parse_leases(&bytes)
    }

    fn decline_line(&self, _address: Ipv4Addr) -> Option<Vec<String>> {
        None
    }

    fn asking_interval(&self) -> Option<Duration> {
        Some(Duration::from_millis(20))
    }
}

fn config(plan: &ServerPlan, files: &Files) -> String {
    let mut text = format!(
        "start {}\nend {}\ninterface {}\nmin_lease 1\nauto_time 0\nlease_file {}\npidfile {}\n\
         opt lease {}\nopt subnet {}\n",
        plan.range.0,
        plan.range.1,
        plan.interface,
        files.leases().display(),
        files.directory.join("pid").display(),
        plan.lease,
        plan.netmask,
    );
    let mut option = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "opt {name} {value}");
        }
    };
    option("router", list(&plan.routers, " "));
    option("dns", list(&plan.dns, " "));
    option(
        "mtu",
        plan.mtu.map(|mtu| mtu.to_string()).unwrap_or_default(),
    );
    option("0x79", hex(&plan.classless_bytes(), ""));
    if let Some((renewal, rebinding)) = plan.times {
        option("0x3a", hex(&renewal.to_be_bytes(), ""));
        option("0x3b", hex(&rebinding.to_be_bytes(), ""));
    }
    for (identity, address) in &plan.reservations {
        let Identity::Mac(mac) = identity else {
            panic!("udhcpd has no reservations by client identifier")
        };
        let _ = writeln!(text, "static_lease {} {address}", hex(mac, ":"));
    }
    text
}

/// Waits until udhcpd has bound its socket, of which it says nothing.
#[track_caller]
fn await_socket(process: &Process, deadline: Deadline) {
    let table = format!("/proc/{}/net/udp", process.pid());
    let bound = || fs::read_to_string(&table).is_ok_and(|sockets| sockets.contains(":0043 "));
    while !bound() {
        assert!(
            process.is_running() && !deadline.passed(),
            "udhcpd does not serve; its log:\n{}",
            process.log()
        );
        let turn = Deadline::after(Duration::from_millis(2));
        let _ = poll(&mut [], turn.poll_timeout());
    }
}

/// Has udhcpd write its leases, which it does by itself only when it ends.
#[track_caller]
fn have_written(files: &Files, process: &Process, deadline: Deadline) {
    let inotify =
        Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).expect("make an inotify");
    inotify
        .add_watch(&files.leases(), AddWatchFlags::IN_CLOSE_WRITE)
        .expect("watch the lease file");
    process.signal(Signal::SIGUSR1);
    match poll(
        &mut [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)],
        deadline.poll_timeout(),
    ) {
        Ok(0) => panic!("udhcpd wrote no leases; its log:\n{}", process.log()),
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => panic!("poll: {error}"),
    }
}

/// The time of writing, in 8 bytes; then for each lease the seconds left, the address, the hardware address, and 22
/// bytes of host name.
fn parse_leases(bytes: &[u8]) -> Vec<RealLease> {
    let Some((written, records)) = bytes.split_at_checked(8) else {
        return Vec::new();
    };
    let written = u64::from_be_bytes(written.try_into().expect("eight bytes"));
    records
        .chunks_exact(36)
        .map(|record| {
            let word = |at: usize| u32::from_be_bytes(record[at..at + 4].try_into().expect("four"));
            let (left, mac) = (word(0), &record[8..14]);
            RealLease {
                address: word(4).into(),
                state: match left {
                    0 => LeaseState::Free,
                    _ if mac == [0; 6] => LeaseState::Declined,
                    _ => LeaseState::Active,
                },
                mac: Some(hex(mac, ":")),
                client_id: None,
                expiry: written + u64::from(left),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_what_became_of_an_address() {
        let record = |left: u32, mac: [u8; 6]| {
            let mut record = left.to_be_bytes().to_vec();
            record.extend([192, 168, 50, 100]);
            record.extend(mac);
            record.extend([0; 22]);
            record
        };
        let mut bytes = 1_000_000_000_u64.to_be_bytes().to_vec();
        for (left, mac) in [(60, [2; 6]), (0, [2; 6]), (60, [0; 6])] {
            bytes.extend(record(left, mac));
        }
        let leases = parse_leases(&bytes);
        let states: Vec<_> = leases.iter().map(|lease| lease.state).collect();
        assert_eq!(
            states,
            [LeaseState::Active, LeaseState::Free, LeaseState::Declined]
        );
        assert_eq!(leases[0].expiry, 1_000_000_060);
        assert_eq!(leases[0].address, Ipv4Addr::new(192, 168, 50, 100));
        assert_eq!(parse_leases(&bytes[..5]), []);
    }
}
