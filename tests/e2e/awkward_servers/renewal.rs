//! Servers that are odd when a lease is renewed (RFC 2131 §4.4.5).

use std::net::Ipv4Addr;

use testbed::server::{Message, MessageType, Reply, ScriptedServer};
use testbed::{Attachment, Bed, Daemon, Deadline, differs};

use super::outcome::assert_routes;
use super::server::{LEASED, deliver, ordinary, replace, without};
use crate::networks::macvlan_dhcp;

#[test]
fn a_renewal_without_the_options_of_the_first_ack_changes_nothing() {
    hold_after_renewal(|request, reply| {
        deliver(request, &without(without(without(reply, 1), 3), 6))
    });
}

#[test]
fn a_renewal_without_a_lease_time_is_one() {
    hold_after_renewal(|request, reply| deliver(request, &without(without(reply, 51), 58)));
}

#[test]
fn a_renewal_answered_by_broadcast_is_heard() {
    hold_after_renewal(|_, reply| Reply::broadcast(&reply));
}

#[test]
fn a_renewal_answered_without_the_leased_address_in_ciaddr_is_heard() {
    hold_after_renewal(|_, mut reply| {
        reply.ciaddr = [0; 4].into();
        Reply::unicast(&reply)
    });
}

#[test]
fn renewals_and_the_release_go_to_a_server_behind_a_relay() {
    let bed = Bed::new();
    let behind = Ipv4Addr::new(10, 66, 0, 1);
    bed.lan.add_address(behind.into(), 32);
    let server = ScriptedServer::start(&bed.lan, move |request| {
        let reply = ordinary(request).map(|mut reply| {
            reply.giaddr = [192, 168, 50, 1].into();
            short(replace(reply, 54, behind.octets()))
        });
        reply
            .map(|reply| deliver(request, &reply))
            .into_iter()
            .collect()
    });
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    attachment.add();
    let _ = server.wait_until(is_renewal, 2, Deadline::secs(10));
    attachment.del();
    let release = server.wait_for(MessageType::Release, 1, Deadline::secs(5));
    assert_eq!(
        (release.ciaddr, release.address(54)),
        (LEASED, Some(behind))
    );
}

/// Has a lease renewed after a second, by an answer that is changed, and holds that the pod is as before.
#[track_caller]
fn hold_after_renewal(change: impl Fn(&Message, Message) -> Reply + Send + 'static) {
    let bed = Bed::new();
    let _server = ScriptedServer::start(&bed.lan, move |request| {
        let reply = ordinary(request).map(short);
        let reply = reply.map(|reply| {
            if is_renewal(request) {
                change(request, reply)
            } else {
                deliver(request, &reply)
            }
        });
        reply.into_iter().collect()
    });
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    attachment.add();
    differs("Go: the daemon does not say what it renews", || {
        let renewed = |line: &str| line.contains("renewed 192.168.50.77/24");
        daemon.log().wait_for(renewed, Deadline::secs(10));
        let routes = ["default via 192.168.50.1".to_owned()];
        assert_routes(&pod, "192.168.50.77/24", &routes);
        attachment.check();
    });
}

/// Makes a lease to be renewed after a second.
fn short(reply: Message) -> Message {
    let reply = replace(reply, 51, 100_u32.to_be_bytes());
    reply
        .with_seconds(58, 1)
        .with(3, [192, 168, 50, 1])
        .with(6, [9, 9, 9, 9])
}

fn is_renewal(message: &Message) -> bool {
    message.kind() == Some(MessageType::Request) && !message.ciaddr.is_unspecified()
}
