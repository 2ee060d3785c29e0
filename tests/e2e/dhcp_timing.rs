//! How soon things happen, against what the best of the general clients need on the same servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testbed::server::{MessageType, Reply, ScriptedServer};
use testbed::{Attachment, Bed, Daemon, Deadline, Pod, Sniffer, not_run, observe, suite};

use crate::granting::Granting;
use crate::networks::macvlan_dhcp;

fn reference_is_slow() -> bool {
    if suite().is_reference() {
        not_run("the Go daemon has other times, and no expiry");
    }
    suite().is_reference()
}

fn addresses(pod: &Pod) -> Vec<String> {
    pod.enter(|| observe::addresses("net1"))
}

/// A server that treats the messages of the numbers in `lost` as if they had not come, and those in
/// `refused` with a NAK; both count from 1.
fn server(bed: &Bed, lost: &'static [usize], refused: &'static [usize]) -> ScriptedServer {
    let (address, router, netmask) = (bed.lan.address(77), bed.lan.router(), bed.lan.netmask());
    let count = Arc::new(AtomicUsize::new(0));
    ScriptedServer::start(&bed.lan, move |message| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let kind = match message.kind() {
            _ if lost.contains(&number) => return Vec::new(),
            _ if refused.contains(&number) => MessageType::Nak,
            Some(MessageType::Discover) => MessageType::Offer,
            Some(MessageType::Request) => MessageType::Ack,
            _ => return Vec::new(),
        };
        let reply = message.reply(kind).with_addresses(54, &[router]);
        if kind == MessageType::Nak {
            return vec![Reply::broadcast(&reply)];
        }
        let reply = reply.yiaddr(address).with_seconds(51, 3600);
        vec![Reply::broadcast(&reply.with_addresses(1, &[netmask]))]
    })
}

/// How long `work` takes.
fn time<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Deadline::after(LONG);
    let result = work();
    (result, LONG.saturating_sub(start.remaining()))
}

#[test]
fn a_nak_costs_less_than_a_second() {
    if reference_is_slow() {
        return;
    }
    let bed = Bed::new();
    let _server = server(&bed, &[], &[2]);
    let _daemon = Daemon::start(&bed.node, &[]);
    let (_, took) = time(|| Attachment::new(&bed.node.pod("pod"), macvlan_dhcp()).add());
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn two_discovers_and_an_ack_lost_cost_less_than_six_seconds() {
    if reference_is_slow() {
        return;
    }
    let bed = Bed::new();
    let _server = server(&bed, &[1, 2, 4], &[]);
    let _daemon = Daemon::start(&bed.node, &[]);
    let (_, took) = time(|| Attachment::new(&bed.node.pod("pod"), macvlan_dhcp()).add());
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[test]
fn an_expired_address_goes_in_time_and_is_back_soon_after_the_server() {
    if reference_is_slow() {
        return;
    }
    let bed = Bed::new();
    let granting = Granting::start(&bed, [6, 2, 4]);
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    attachment.add();
    let routes = || pod.enter(|| observe::configured_routes("net1"));
    let made_by_add = routes();
    let renewed = daemon
        .log()
        .wait_for(|line| line.contains("renewed"), Deadline::secs(10));
    granting.grant().silent = true;
    let ((), took) = time(|| {
        let gone = Deadline::secs(10);
        while !addresses(&pod).is_empty() {
            assert!(!gone.passed(), "the address is still there: {renewed}");
        }
    });
    // The lease began with the REQUEST; the kernel may be the first to remove the address, by its seconds.
    let in_time = Duration::from_millis(4900)..Duration::from_millis(6500);
    assert!(in_time.contains(&took), "{took:?}");
    daemon.log().wait_for(
        |line| line.contains("lost 192.168.50.77/24"),
        Deadline::secs(3),
    );
    let sniffer = Sniffer::start(&bed.lan.space());
    granting.grant().silent = false;
    let address = bed.lan.address(77);
    let announced = |frame: &testbed::Frame| {
        frame
            .arp()
            .filter(|(_, sender, target)| *sender == address && *target == address)
    };
    sniffer.wait_for(announced, Deadline::secs(5));
    assert_eq!(addresses(&pod), ["192.168.50.77/24"]);
    assert_eq!(routes(), made_by_add);
    attachment.check();
}

#[test]
fn a_lease_of_a_second_is_kept_with_two_requests_a_second() {
    if reference_is_slow() {
        return;
    }
    let bed = Bed::new();
    let granting = Granting::start(&bed, [1, 0, 0]);
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    Attachment::new(&pod, macvlan_dhcp()).add();
    let nth = |nth| {
        let _request = granting
            .server
            .wait_for(MessageType::Request, nth, Deadline::secs(20));
    };
    nth(2);
    let ((), took) = time(|| nth(10));
    assert!(
        took >= Duration::from_millis(3400),
        "8 REQUESTs in {took:?}"
    );
    assert_eq!(addresses(&pod), ["192.168.50.77/24"]);
}

/// Longer than any test.
const LONG: Duration = Duration::from_hours(1);
