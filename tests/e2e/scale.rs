//! A node full of pods: what their leases cost, and whether a small server gets through their start.
//!
//! `make soak` sets `LANYARD_LEASES` to make more of them than `make test` has time for.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;
use testbed::server::{Message, MessageType, Reply, ScriptedServer};
use testbed::{Bed, Daemon, Deadline, Invocation, LanAddresses, Pod, not_run, suite, wiring};

fn reference_cannot() -> bool {
    if suite().is_reference() {
        not_run("the Go daemon has a thread and a namespace for each lease, and no pace");
    }
    suite().is_reference()
}

/// A LAN with room for all.
fn wide_bed() -> Bed {
    Bed::with_lan(LanAddresses {
        ipv4: (Ipv4Addr::new(10, 60, 0, 1), 16),
        ipv6: None,
    })
}

fn count() -> usize {
    let given = std::env::var("LANYARD_LEASES").ok();
    given.map_or(300, |text| {
        text.parse().expect("LANYARD_LEASES is a number")
    })
}

/// Gives everybody an address for an hour. With a limit it takes so many messages a second, drops the
/// others, and answers by unicast; without one it answers by broadcast, since a kernel has 1024 neighbors
/// at most.
fn server(bed: &Bed, per_second: Option<u32>) -> ScriptedServer {
    let deliver = if per_second.is_some() {
        Reply::unicast
    } else {
        Reply::broadcast
    };
    let (router, netmask) = (bed.lan.router(), bed.lan.netmask());
    let base = u32::from(bed.lan.address(256));
    let mut addresses = BTreeMap::new();
    let start = Deadline::after(LONG);
    let mut taken = Duration::ZERO;
    ScriptedServer::start(&bed.lan, move |message| {
        if let Some(per_second) = per_second {
            let now = LONG.saturating_sub(start.remaining());
            taken =
                taken.max(now.saturating_sub(SMALL_BUFFER)) + Duration::from_secs(1) / per_second;
            if taken > now {
                taken -= Duration::from_secs(1) / per_second;
                return Vec::new();
            }
        }
        let next = base + u32::try_from(addresses.len()).unwrap();
        let address = *addresses.entry(message.mac()).or_insert(next);
        answer(message, Ipv4Addr::from(address), router, netmask)
            .iter()
            .map(deliver)
            .collect()
    })
}

fn answer(
    message: &Message,
    address: Ipv4Addr,
    server: Ipv4Addr,
    netmask: Ipv4Addr,
) -> Option<Message> {
    let kind = match message.kind()? {
        MessageType::Discover => MessageType::Offer,
        MessageType::Request => MessageType::Ack,
        MessageType::Offer
        | MessageType::Decline
        | MessageType::Ack
        | MessageType::Nak
        | MessageType::Release
        | MessageType::Inform => return None,
    };
    let reply = message
        .reply(kind)
        .yiaddr(address)
        .with_addresses(54, &[server])
        .with_addresses(1, &[netmask])
        .with_addresses(3, &[server])
        .with_addresses(6, &[server])
        .with(15, *b"example.net")
        .with_seconds(51, 3600);
    Some(reply)
}

#[test]
fn a_storm_of_starts_is_paced_so_that_a_small_server_answers_all() {
    if reference_cannot() {
        return;
    }
    let bed = wide_bed();
    let server = server(&bed, Some(100));
    let daemon = Daemon::start(&bed.node, &[]);
    let pods = pods(&bed, 300);
    let start = Deadline::after(LONG);
    let running: Vec<_> = pods.iter().map(|pod| ipam(pod, "ADD").start()).collect();
    let mut addresses: Vec<_> = running
        .into_iter()
        .map(|run| run.finish().ok()["ips"][0]["address"].to_string())
        .collect();
    let took = LONG.saturating_sub(start.remaining());
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), pods.len());
    let sent = server.received().len();
    let sent_per_lease = f64::from(u32::try_from(sent).unwrap()) / 300.0;
    eprintln!("storm: 300 leases in {took:.1?}, {sent_per_lease:.2} messages a lease");
    assert!(took < Duration::from_secs(50), "{took:?}");
    assert!(sent_per_lease < 4.0, "{sent_per_lease}");
    drop(daemon);
}

#[test]
fn a_bound_lease_costs_memory_alone_and_little_of_that() {
    if reference_cannot() {
        return;
    }
    let bed = wide_bed();
    let _server = server(&bed, None);
    let daemon = Daemon::start(&bed.node, &[]);
    let pods = pods(&bed, count());
    ipam(&pods[0], "DEL").run().ok();
    let (threads, files) = (daemon.threads(), daemon.open_files());
    // What a first lease makes the daemon load and set up stays, and is no lease's.
    for verb in ["ADD", "DEL"] {
        ipam(&pods[0], verb).run().ok();
    }
    daemon.wait_for_open_files(files, Deadline::secs(30));
    let empty = daemon.resident_kb();
    let start = Deadline::after(LONG);
    for some in pods.chunks(16) {
        let running: Vec<_> = some.iter().map(|pod| ipam(pod, "ADD").start()).collect();
        for run in running {
            run.finish().ok();
        }
    }
    let took = LONG.saturating_sub(start.remaining());
    daemon.wait_for_open_files(files, Deadline::secs(30));
    assert_eq!(daemon.threads(), threads);
    // Each address is looked for a few times, at ever longer intervals, since nobody sets it here.
    let leases = u64::try_from(pods.len()).unwrap();
    let each = (daemon.resident_kb() - empty) * 1024 / leases;
    let ticks = idle_ticks(&daemon);
    eprintln!(
        "scale: {leases} leases in {took:.1?}, {threads} threads, {files} descriptors, {empty} kB \
         and {each} bytes a lease, {ticks} ticks of processor time in {IDLE:?}"
    );
    assert!(each <= 4096, "{each} bytes a lease");
    assert!(ticks <= 1, "{ticks} ticks");
}

/// The processor time that the daemon takes while nothing happens, in hundredths of a second.
fn idle_ticks(daemon: &Daemon) -> u64 {
    let used = || {
        let path = format!("/proc/{}/stat", daemon.process().pid());
        let stat = fs::read_to_string(path).unwrap();
        let fields: Vec<_> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let before = used();
    assert!(
        daemon.process().wait(Deadline::after(IDLE)).is_none(),
        "the daemon has ended"
    );
    used() - before
}

fn pods(bed: &Bed, count: usize) -> Vec<Pod> {
    let pods = (0..count).map(|number| bed.node.pod(&format!("pod{number}")));
    pods.inspect(link_in).collect()
}

/// Makes the link that an interface plugin would have made.
fn link_in(pod: &Pod) {
    pod.node().enter(|| {
        wiring::create_macvlan("parked", "eth1");
        wiring::move_to("parked", pod.path());
    });
    pod.enter(|| wiring::rename("parked", "net1"));
}

fn ipam(pod: &Pod, verb: &str) -> Invocation {
    let config = json!({
        "cniVersion": "1.0.0", "name": "lan", "type": "dhcp",
        "ipam": {"type": "dhcp", "onAddressChange": "keep"},
    });
    Invocation::new(pod.node(), "dhcp", verb)
        .config(&config)
        .container_id(&format!("{}-0123456789abcdef0123456789abcdef", pod.name()))
        .ifname("net1")
        .netns(pod.path())
        .args("IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=a-pod")
}

/// Longer than any test.
const LONG: Duration = Duration::from_hours(1);

/// What a small server can put off.
const SMALL_BUFFER: Duration = Duration::from_millis(100);

/// More than a round of the daemon.
const IDLE: Duration = Duration::from_secs(6);
