//! Renewals where the pod itself cannot reach its server.

use std::fs;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use testbed::server::{Message, MessageType, Reply, ScriptedServer};
use testbed::{Attachment, Bed, Daemon, Deadline, Pod, Sniffer, not_run, suite};

use crate::networks::macvlan_dhcp;

/// A server that answers under the address `id`.
fn serve(bed: &Bed, id: Ipv4Addr, [lease, t1, t2]: [u32; 3]) -> ScriptedServer {
    let (address, netmask) = (bed.lan.address(77), bed.lan.netmask());
    ScriptedServer::start(&bed.lan, move |message: &Message| {
        let kind = match message.kind() {
            Some(MessageType::Discover) => MessageType::Offer,
            Some(MessageType::Request) => MessageType::Ack,
            _ => return Vec::new(),
        };
        let reply = message
            .reply(kind)
            .with_addresses(54, &[id])
            .yiaddr(address)
            .with_addresses(1, &[netmask])
            .with_seconds(51, lease)
            .with_seconds(58, t1)
            .with_seconds(59, t2);
        vec![Reply::broadcast(&reply)]
    })
}

/// Waits for a message of this kind that goes to `server` alone.
fn wait_for_unicast(sniffer: &Sniffer, kind: MessageType, server: Ipv4Addr) {
    sniffer.wait_for(
        |frame| {
            let (_, destination, message) = frame.dhcp()?;
            (message.kind() == Some(kind) && destination == server).then_some(())
        },
        Deadline::secs(20),
    );
}

#[test]
fn a_server_that_the_pod_has_no_way_to_is_asked_through_the_station_that_answered() {
    if suite().is_reference() {
        return not_run("the Go daemon broadcasts its renewals");
    }
    let bed = Bed::new();
    let id = Ipv4Addr::new(203, 0, 113, 9);
    bed.lan.add_address(id.into(), 32);
    // As with a relay: nobody on the LAN answers ARP for the server.
    let path = format!("/proc/sys/net/ipv4/conf/{}/arp_ignore", bed.lan.bridge());
    bed.lan.enter(|| fs::write(path, "2")).unwrap();
    let _server = serve(&bed, id, [24, 2, 14]);
    let daemon = Daemon::start(&bed.node, &[]);
    let sniffer = Sniffer::start(&bed.lan.space());
    let mut attachment = Attachment::new(&bed.node.pod("pod"), macvlan_dhcp());
    attachment.add();
    wait_for_unicast(&sniffer, MessageType::Request, id);
    daemon
        .log()
        .wait_for(|line| line.contains("renewed"), Deadline::secs(5));
    attachment.del();
}

#[test]
fn a_pod_whose_firewall_lets_nothing_out_keeps_and_releases_its_lease() {
    if suite().is_reference() {
        return not_run("the Go daemon broadcasts its renewals");
    }
    let bed = Bed::new();
    let router = bed.lan.router();
    let _server = serve(&bed, router, [600, 2, 500]);
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    attachment.add();
    if !shut(&pod) {
        return not_run("no nft, or a kernel without nf_tables");
    }
    let sniffer = Sniffer::start(&bed.lan.space());
    daemon
        .log()
        .wait_for(|line| line.contains("renewed"), Deadline::secs(20));
    wait_for_unicast(&sniffer, MessageType::Request, router);
    attachment.del();
    wait_for_unicast(&sniffer, MessageType::Release, router);
}

/// Makes the pod drop all that it sends; returns whether it does.
fn shut(pod: &Pod) -> bool {
    let rules = "add table ip shut; \
                 add chain ip shut out { type filter hook output priority 0; policy drop; }";
    let mut nft = Command::new("nft");
    let nft = nft.arg(rules).stdout(Stdio::null()).stderr(Stdio::null());
    pod.enter(|| nft.status())
        .is_ok_and(|status| status.success())
}
