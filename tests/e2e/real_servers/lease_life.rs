//! From ADD to DEL, with everything that befalls a lease in between.

use std::net::Ipv4Addr;
use std::time::Duration;

use testbed::server::{LeaseState, MessageType, Software};
use testbed::{Attachment, Deadline, Echo, differs, echo, observe};

use super::{Stage, address_of, short};
use crate::networks::macvlan_dhcp;

pub(super) fn acquire(software: Software) {
    let stage = Stage::new(software, |bed, plan| {
        let router = bed.lan.router();
        plan.dns(&[bed.lan.address(3), bed.lan.address(4)])
            .classless_route(Ipv4Addr::UNSPECIFIED, 0, router)
            .classless_route(Ipv4Addr::new(10, 16, 0, 0), 12, bed.lan.address(3))
    });
    let pod = stage.bed.node.pod("pod");
    let result = Attachment::new(&pod, macvlan_dhcp()).add();
    let address = address_of(&result);
    let lease = stage.server.wait_for_active(address, Deadline::secs(5));
    assert_eq!(
        result["interfaces"][0]["mac"].as_str(),
        lease.mac.as_deref()
    );
    assert_eq!(result["ips"][0]["gateway"], "192.168.50.1");
    assert_eq!(
        pod.enter(|| observe::addresses("net1")),
        [format!("{address}/24")]
    );
    let answer = pod.enter(|| echo(stage.bed.lan.router(), Duration::from_secs(5)));
    assert!(matches!(answer, Echo::Answered(_)), "{answer:?}");
    differs("Go: only subnet mask and router are asked for", || {
        let servers = result["dns"]["nameservers"].as_array().unwrap();
        assert_eq!(servers, &["192.168.50.3", "192.168.50.4"]);
        let routes = pod.enter(|| observe::configured_routes("net1"));
        let routes: Vec<_> = routes
            .iter()
            .map(|route| (route.dst.as_str(), route.gateway.as_deref()))
            .collect();
        assert_eq!(
            routes,
            [
                ("default", Some("192.168.50.1")),
                ("10.16.0.0/12", Some("192.168.50.3"))
            ]
        );
    });
}

pub(super) fn renew(software: Software) {
    let stage = Stage::new(software, |_, plan| short(software, plan));
    let mut attachment = Attachment::new(&stage.bed.node.pod("pod"), macvlan_dhcp());
    let address = address_of(&attachment.add());
    let lease = stage.server.wait_for_active(address, Deadline::secs(5));
    differs("Go: renewals are broadcast from 0.0.0.0", || {
        await_renewal(&stage, address, stage.bed.lan.router());
    });
    let renewed = stage
        .server
        .wait_for_renewed(address, lease.expiry, Deadline::secs(10));
    assert_eq!(
        (renewed.mac, renewed.client_id),
        (lease.mac, lease.client_id)
    );
    attachment.check();
}

pub(super) fn rebind(software: Software) {
    let mut stage = Stage::new(software, |_, plan| short(software, plan));
    let mut attachment = Attachment::new(&stage.bed.node.pod("pod"), macvlan_dhcp());
    let address = address_of(&attachment.add());
    let lease = stage.server.wait_for_active(address, Deadline::secs(5));
    let (lan, moved) = (&stage.bed.lan, stage.bed.lan.address(2));
    stage.server.stop();
    lan.delete_address(lan.router().into(), lan.prefix_len());
    lan.add_address(moved.into(), lan.prefix_len());
    stage.server.restart(None);
    differs("Go: rebinding is a new DISCOVER and REQUEST", || {
        await_request(&stage, address, |_, to| to.is_broadcast());
    });
    stage
        .server
        .wait_for_renewed(address, lease.expiry, Deadline::secs(10));
    differs("Go: renewals are broadcast from 0.0.0.0", || {
        await_renewal(&stage, address, moved);
    });
    attachment.check();
}

pub(super) fn release(software: Software) {
    let stage = Stage::new(software, |_, plan| plan);
    let mut attachment = Attachment::new(&stage.bed.node.pod("pod"), macvlan_dhcp());
    let address = address_of(&attachment.add());
    stage.server.wait_for_active(address, Deadline::secs(5));
    attachment.del();
    stage.server.wait_for_release(address, Deadline::secs(5));
    attachment.del();
}

pub(super) fn restart(software: Software) {
    let mut stage = Stage::new(software, |_, plan| short(software, plan));
    let pod = stage.bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    let address = address_of(&attachment.add());
    let lease = stage.server.wait_for_active(address, Deadline::secs(5));
    match software {
        Software::Udhcpd => stage.server.stop(),
        Software::Dnsmasq | Software::Kea | Software::Isc => stage.server.kill(),
    }
    stage.server.restart(None);
    let renewed = stage
        .server
        .wait_for_renewed(address, lease.expiry, Deadline::secs(10));
    assert_eq!(
        (renewed.mac, renewed.client_id),
        (lease.mac, lease.client_id)
    );
    let active = |lease: &testbed::server::RealLease| lease.state == LeaseState::Active;
    assert_eq!(
        stage
            .server
            .leases()
            .iter()
            .filter(|lease| active(lease))
            .count(),
        1
    );
    attachment.check();
    let answer = pod.enter(|| echo(stage.bed.lan.router(), Duration::from_secs(5)));
    assert!(matches!(answer, Echo::Answered(_)), "{answer:?}");
}

/// Waits for a renewal by unicast, from the pod to this server.
#[track_caller]
fn await_renewal(stage: &Stage, address: Ipv4Addr, server: Ipv4Addr) {
    await_request(stage, address, |from, to| (from, to) == (address, server));
}

/// Waits for a REQUEST for more time (RFC 2131 §4.3.2: `ciaddr`, neither option 50 nor 54).
#[track_caller]
fn await_request(stage: &Stage, ciaddr: Ipv4Addr, path: impl Fn(Ipv4Addr, Ipv4Addr) -> bool) {
    stage.sniffer.wait_for(
        |frame| {
            let (source, destination, message) = frame.dhcp()?;
            let more_time = message.kind() == Some(MessageType::Request)
                && message.ciaddr == ciaddr
                && message.option(50).is_none()
                && message.option(54).is_none();
            (more_time && path(source, destination)).then_some(())
        },
        Deadline::secs(10),
    );
}
