//! What a lease that changes, ends or comes back does to its pod.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use serde_json::json;
use testbed::server::{Message, MessageType, PlainServer, Reply, ScriptedServer};
use testbed::{Attachment, Bed, Daemon, Deadline, Lan, Pod, Sniffer, not_run, observe, suite};

use crate::networks::{macvlan_dhcp, with};

/// A server whose answers follow what a test sets.
#[derive(Clone)]
pub(crate) struct Changing {
    /// Offset in the LAN of the address it gives.
    address: Arc<AtomicU32>,
    /// Offset in the LAN of the router it names.
    pub(crate) router: Arc<AtomicU32>,
    pub(crate) silent: Arc<AtomicBool>,
    deaf_to_unicast: Arc<AtomicBool>,
    lease: u32,
    renewal: u32,
    rebinding: u32,
}

impl Changing {
    pub(crate) fn new(lease: u32, renewal: u32, rebinding: u32) -> Self {
        Self {
            address: Arc::new(AtomicU32::new(77)),
            router: Arc::new(AtomicU32::new(1)),
            silent: Arc::default(),
            deaf_to_unicast: Arc::default(),
            lease,
            renewal,
            rebinding,
        }
    }

    pub(crate) fn start(&self, bed: &Bed) -> ScriptedServer {
        let (this, server, netmask) = (self.clone(), bed.lan.router(), bed.lan.netmask());
        let offsets = offsets(&bed.lan);
        ScriptedServer::start(&bed.lan, move |message| {
            this.answer(message, server, netmask, &offsets)
        })
    }

    fn answer(
        &self,
        message: &Message,
        server: Ipv4Addr,
        netmask: Ipv4Addr,
        lan: &impl Fn(u32) -> Ipv4Addr,
    ) -> Vec<Reply> {
        if self.silent.load(Ordering::SeqCst) {
            return Vec::new();
        }
        let address = lan(self.address.load(Ordering::SeqCst));
        let kind = match message.kind() {
            Some(MessageType::Discover) => MessageType::Offer,
            Some(MessageType::Request) => {
                let renewing = !message.ciaddr.is_unspecified();
                let wanted = message.address(50).unwrap_or(message.ciaddr);
                if renewing && self.deaf_to_unicast.load(Ordering::SeqCst) {
                    return Vec::new();
                }
                if wanted == address {
                    MessageType::Ack
                } else {
                    MessageType::Nak
                }
            }
            _ => return Vec::new(),
        };
        let reply = message.reply(kind).with_addresses(54, &[server]);
        if kind == MessageType::Nak {
            return vec![Reply::broadcast(&reply)];
        }
        let reply = reply
            .yiaddr(address)
            .with_addresses(1, &[netmask])
            .with_addresses(3, &[lan(self.router.load(Ordering::SeqCst))])
            .with_seconds(51, self.lease)
            .with_seconds(58, self.renewal)
            .with_seconds(59, self.rebinding);
        vec![Reply::broadcast(&reply)]
    }
}

fn offsets(lan: &Lan) -> impl Fn(u32) -> Ipv4Addr + Send + use<> {
    let base = u32::from(lan.address(0));
    move |offset| Ipv4Addr::from(base + offset)
}

fn addresses(pod: &Pod) -> Vec<String> {
    pod.enter(|| observe::addresses("net1"))
}

fn gateways(pod: &Pod) -> Vec<Option<String>> {
    let routes = pod.enter(|| observe::configured_routes("net1"));
    routes.into_iter().map(|route| route.gateway).collect()
}

fn reference_does_not() -> bool {
    if suite().is_reference() {
        not_run("the Go daemon never changes a pod after ADD");
    }
    suite().is_reference()
}

#[test]
fn another_address_after_a_nak_replaces_the_old_one_and_is_announced() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let server = Changing::new(600, 3, 300);
    let _serving = server.start(&bed);
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    attachment.add();
    assert_eq!(addresses(&pod), ["192.168.50.77/24"]);
    let sniffer = Sniffer::start(&bed.lan.space());
    server.address.store(88, Ordering::SeqCst);
    daemon.log().wait_for(
        |line| line.contains("bound 192.168.50.88/24"),
        Deadline::secs(20),
    );
    let new = bed.lan.address(88);
    sniffer.wait_for(
        |frame| {
            frame
                .arp()
                .filter(|(_, sender, target)| *sender == new && *target == new)
        },
        Deadline::secs(5),
    );
    assert_eq!(addresses(&pod), ["192.168.50.88/24"]);
    assert_eq!(gateways(&pod), [Some("192.168.50.1".to_owned())]);
    let error = attachment.try_check().error();
    assert_eq!(error.code, 104, "{error:?}");
}

#[test]
fn another_router_at_renewal_replaces_the_route() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let server = Changing::new(600, 3, 300);
    let _serving = server.start(&bed);
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    attachment.add();
    server.router.store(9, Ordering::SeqCst);
    daemon
        .log()
        .wait_for(|line| line.contains("is now"), Deadline::secs(20));
    assert_eq!(addresses(&pod), ["192.168.50.77/24"]);
    assert_eq!(gateways(&pod), [Some("192.168.50.9".to_owned())]);
}

#[test]
fn a_pod_that_keeps_what_it_has_is_left_alone() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let server = Changing::new(600, 3, 300);
    let _serving = server.start(&bed);
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let config = with(macvlan_dhcp(), json!({"ipam": {"onAddressChange": "keep"}}));
    Attachment::new(&pod, config).add();
    server.router.store(9, Ordering::SeqCst);
    daemon
        .log()
        .wait_for(|line| line.contains("stays as it is"), Deadline::secs(20));
    assert_eq!(gateways(&pod), [Some("192.168.50.1".to_owned())]);
}

#[test]
fn an_expired_lease_takes_the_address_and_its_return_brings_it_back() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let server = Changing::new(6, 2, 4);
    let _serving = server.start(&bed);
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    attachment.add();
    server.silent.store(true, Ordering::SeqCst);
    daemon.log().wait_for(
        |line| line.contains("lost 192.168.50.77/24"),
        Deadline::secs(20),
    );
    assert!(addresses(&pod).is_empty());
    assert!(pod.enter(|| observe::link("net1")).unwrap().up);
    assert_eq!(attachment.try_check().error().code, 102);
    let mark = daemon.log().mark();
    server.silent.store(false, Ordering::SeqCst);
    daemon.log().wait_after(
        mark,
        |line| line.contains("bound 192.168.50.77/24"),
        Deadline::secs(30),
    );
    assert_eq!(addresses(&pod), ["192.168.50.77/24"]);
    assert_eq!(gateways(&pod), [Some("192.168.50.1".to_owned())]);
    attachment.check();
}

#[test]
fn the_kernel_knows_when_the_address_ends() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let (_server, _log) = PlainServer::new(&bed.lan)
        .lease(8)
        .renewal(7)
        .start(&bed.lan);
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    Attachment::new(&pod, macvlan_dhcp()).add();
    let valid = || {
        let objects = pod.enter(|| observe::address_objects("net1"));
        objects
            .first()
            .and_then(|address| address["valid_life_time"].as_u64())
    };
    let deadline = Deadline::secs(10);
    while valid().is_none_or(|seconds| seconds > 8) {
        assert!(
            !deadline.passed(),
            "the address has {:?} s to live",
            valid()
        );
    }
    daemon.kill();
    let deadline = Deadline::secs(15);
    while !addresses(&pod).is_empty() {
        assert!(
            !deadline.passed(),
            "the address outlived its lease and its daemon"
        );
    }
}

#[test]
fn an_address_taken_off_by_somebody_is_put_back_at_the_next_renewal() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let server = Changing::new(600, 4, 300);
    let _serving = server.start(&bed);
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    attachment.add();
    daemon
        .log()
        .wait_for(|line| line.contains("renewed"), Deadline::secs(20));
    pod.enter(|| testbed::wiring::delete_address("net1", bed.lan.address(77).into(), 24));
    let mark = daemon.log().mark();
    daemon.log().wait_after(
        mark,
        |line| line.contains("putting it back"),
        Deadline::secs(20),
    );
    daemon
        .log()
        .wait_after(mark, |line| line.contains("renewed"), Deadline::secs(20));
    assert_eq!(addresses(&pod), ["192.168.50.77/24"]);
    assert_eq!(gateways(&pod), [Some("192.168.50.1".to_owned())]);
}

#[test]
fn a_silent_server_is_asked_again_by_broadcast_and_the_address_kept() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let server = Changing::new(100, 2, 4);
    let serving = server.start(&bed);
    let sniffer = Sniffer::start(&bed.lan.space());
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    Attachment::new(&pod, macvlan_dhcp()).add();
    server.deaf_to_unicast.store(true, Ordering::SeqCst);
    let rebinding = sniffer.wait_for(
        |frame| {
            frame.dhcp().filter(|(_, destination, message)| {
                destination.is_broadcast() && message.ciaddr == bed.lan.address(77)
            })
        },
        Deadline::secs(20),
    );
    assert_eq!(
        rebinding.2.option(54),
        None,
        "a rebinding names no server (RFC 2131 §4.3.2)"
    );
    assert_eq!(addresses(&pod), ["192.168.50.77/24"]);
    drop(serving);
}
