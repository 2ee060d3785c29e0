//! The daemon's own life: who may serve a socket, what systemd is told, upgrades, and a disk that is full.

use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use testbed::server::{Dnsmasq, DnsmasqOptions};
use testbed::{Attachment, Bed, Daemon, Deadline, Invocation, Running, suite};

use crate::dhcp_daemon::{address_of, ipam, link_in, network, records, reference_cannot};
use crate::networks::macvlan_dhcp;

#[test]
fn of_two_daemons_started_at_once_one_serves_and_the_other_ends() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    for _ in 0..10 {
        let two = [(); 2].map(|()| Daemon::launch(&bed.node, &[]));
        let refused = two
            .iter()
            .map(testbed::Process::log)
            .map(|log| {
                let told = |line: &str| line.contains("ready") || line.contains("already serves");
                log.wait_for(told, Deadline::secs(10))
                    .contains("already serves")
            })
            .collect::<Vec<_>>();
        assert!(
            refused == [true, false] || refused == [false, true],
            "{refused:?}"
        );
        for (daemon, refused) in two.iter().zip(refused) {
            let code = if refused {
                daemon.wait(Deadline::secs(10)).unwrap().code()
            } else {
                daemon.kill();
                None
            };
            assert_eq!(code, refused.then_some(1));
        }
    }
}

#[test]
fn systemd_passes_the_socket_and_is_told_of_start_and_stop() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let _dnsmasq = Dnsmasq::start(&bed.lan);
    let pod = bed.node.pod("pod");
    link_in(&pod);
    let program = suite().directory().join("dhcp");
    let (notify, mut daemon) = bed.node.enter(|| {
        std::fs::create_dir("/run/cni").unwrap();
        let socket = UnixListener::bind("/run/cni/dhcp.sock").unwrap();
        let notify = UnixDatagram::bind("/run/notify").unwrap();
        let daemon = Command::new("/bin/sh")
            .args(["-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" daemon 3<&0"])
            .arg(program)
            .env("NOTIFY_SOCKET", "/run/notify")
            .stdin(OwnedFd::from(socket))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        (notify, daemon)
    });
    notify
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut buffer = [0; 64];
    let mut told = || {
        let length = notify.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
    };
    assert_eq!(told(), "READY=1");
    ipam(&pod, "ADD").run().ok();
    kill(Pid::from_raw(daemon.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(told(), "STOPPING=1");
    assert!(daemon.wait().unwrap().success());
    assert!(bed.node.list("/run/cni").contains(&"dhcp.sock".to_owned()));
    assert_eq!(records(&bed.node).len(), 1);
}

#[test]
fn an_executable_replaced_under_a_running_daemon_loses_nothing() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let directory = tempfile::tempdir().unwrap();
    let install = || {
        let new = directory.path().join("new");
        std::fs::copy(suite().directory().join("dhcp"), &new).unwrap();
        std::fs::rename(new, directory.path().join("dhcp")).unwrap();
    };
    install();
    let flags = ["-pidfile", "/run/dhcp.pid"];
    let mut daemon = Daemon::start_of(directory.path(), &bed.node, &flags);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    let address = address_of(&attachment.add());
    install();
    attachment.check();
    let pid = bed.node.read("/run/dhcp.pid").unwrap();
    assert_eq!(pid, daemon.process().pid().to_string());
    assert!(daemon.stop().success());
    assert_eq!(bed.node.read("/run/dhcp.pid"), None);
    assert_eq!(dnsmasq.log().count(|line| line.contains("DHCPRELEASE")), 0);
    daemon.restart();
    attachment.check();
    attachment.del();
    dnsmasq.wait_for(&["DHCPRELEASE", &address], Deadline::secs(10));
}

#[test]
fn on_a_full_disk_add_fails_and_the_lease_is_given_back() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    bed.node.enter(|| {
        let at = Path::new("/run/leases");
        std::fs::create_dir(at).unwrap();
        mount(
            Some("tmpfs"),
            at,
            Some("tmpfs"),
            MsFlags::empty(),
            Some("size=8k"),
        )
        .unwrap();
        std::fs::write(at.join("fill"), [0; 8192]).unwrap();
    });
    let _daemon = Daemon::start(&bed.node, &["-statedir", "/run/leases"]);
    let pod = bed.node.pod("pod");
    link_in(&pod);
    let error = ipam(&pod, "ADD").run().error();
    assert_eq!(error.code, 5, "{error:?}");
    assert!(error.msg.contains("No space left"), "{error:?}");
    assert!(error.details.contains("make room"), "{error:?}");
    dnsmasq.wait_for(&["DHCPRELEASE"], Deadline::secs(10));
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
    assert_eq!(bed.node.list("/run/leases"), ["fill"]);
    bed.node
        .enter(|| std::fs::remove_file("/run/leases/fill").unwrap());
    ipam(&pod, "ADD").run().ok();
    dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(10));
}

#[test]
fn two_hundred_pods_outlive_the_daemon_and_leave_nothing() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let range = DnsmasqOptions::new(&bed.lan).range(bed.lan.address(10), bed.lan.address(240));
    let dnsmasq = Dnsmasq::start_with(&bed.lan, range.argument("--dhcp-lease-max=300"));
    let mut daemon = Daemon::start(&bed.node, &[]);
    daemon
        .log()
        .wait_for(|line| line.contains("ready"), Deadline::secs(10));
    let empty = (daemon.threads(), daemon.open_files(), daemon.resident_kb());
    let pods: Vec<_> = (0..PODS)
        .map(|number| bed.node.pod(&format!("pod{number}")))
        .collect();
    pods.iter().for_each(link_in);
    let all = |call: &dyn Fn(usize) -> Invocation| -> Vec<_> {
        let numbers: Vec<_> = (0..PODS).collect();
        let waves = numbers.chunks(WAVE).flat_map(|wave| {
            let running: Vec<_> = wave.iter().map(|pod| call(*pod).start()).collect();
            running.into_iter().map(Running::finish).collect::<Vec<_>>()
        });
        waves.map(|outcome| outcome.ok()).collect()
    };
    let results = all(&|pod| ipam(&pods[pod], "ADD"));
    dnsmasq.wait_for_leases(|leases| leases.len() == PODS, Deadline::secs(10));
    let check = |pod: usize| {
        let mut config = network("lan", json!({}));
        config["prevResult"] = results[pod].clone();
        ipam(&pods[pod], "CHECK").config(&config)
    };
    all(&check);
    daemon.wait_for_open_files(empty.1, Deadline::secs(15));
    let full = (daemon.threads(), daemon.open_files(), daemon.resident_kb());
    daemon.kill();
    daemon.restart();
    all(&check);
    assert_eq!(daemon.threads(), empty.0);
    dnsmasq.wait_for_leases(|leases| leases.len() == PODS, Deadline::secs(10));
    all(&|pod| ipam(&pods[pod], "DEL"));
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
    assert_eq!(records(&bed.node), [""; 0]);
    daemon.wait_for_open_files(empty.1, Deadline::secs(15));
    let after = (daemon.threads(), daemon.open_files(), daemon.resident_kb());
    assert_eq!((full.0, after.0), (empty.0, empty.0));
    eprintln!(
        "threads, descriptors, kB: empty {empty:?}, with {PODS} leases {full:?}, after {after:?}; discovers {}, naks {}",
        dnsmasq.log().count(|line| line.contains("DHCPDISCOVER")),
        dnsmasq.log().count(|line| line.contains("DHCPNAK")),
    );
}

const PODS: usize = 200;
const WAVE: usize = 50;
