//! The pod's link under a lease: its routes, its MTU, its carrier, and what others do to it.

use serde_json::json;
use testbed::server::{Dnsmasq, DnsmasqOptions, Message, MessageType};
use testbed::{Attachment, Bed, Daemon, Deadline, Pod, Sniffer, not_run, observe, suite, wiring};

use crate::granting::Granting;
use crate::networks::{macvlan_dhcp, with};

fn reference_does_not() -> bool {
    if suite().is_reference() {
        not_run("the Go daemon never looks at a pod's link after ADD");
    }
    suite().is_reference()
}

fn routes(pod: &Pod) -> Vec<observe::Route> {
    pod.enter(|| observe::configured_routes("net1"))
}

fn addresses(pod: &Pod) -> Vec<String> {
    pod.enter(|| observe::addresses("net1"))
}

#[test]
fn what_was_flushed_is_put_back_as_add_made_it_and_announced() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let granting = Granting::start(&bed, [600, 4, 300]);
    // On the link; behind a router on that; a default route off the subnet; the subnet itself; twice.
    granting.grant().options.push((
        121,
        [
            &[24, 198, 51, 100, 0, 0, 0, 0][..],
            &[8, 10, 198, 51, 100, 9],
            &[8, 10, 198, 51, 100, 9],
            &[24, 192, 168, 50, 192, 168, 50, 1],
            &[0, 203, 0, 113, 1],
        ]
        .concat(),
    ));
    let keys = json!({"ipam": {"priority": 70, "routes": [
        {"dst": "172.20.1.5/16"},
        {"dst": "172.21.0.0/16", "gw": "192.168.50.9", "mtu": 1300},
        {"dst": "172.22.0.0/16", "scope": 253},
        {"dst": "172.23.0.0/16", "table": 99},
    ]}});
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    Attachment::new(&pod, with(macvlan_dhcp(), keys)).add();
    let made_by_add = routes(&pod);
    assert_eq!(made_by_add.len(), 7, "{made_by_add:?}");
    daemon
        .log()
        .wait_for(|line| line.contains("renewed"), Deadline::secs(20));
    assert_eq!(routes(&pod), made_by_add);
    let sniffer = Sniffer::start(&bed.lan.space());
    let address = bed.lan.address(77);
    pod.enter(|| wiring::delete_address("net1", address.into(), 24));
    sniffer.wait_for(
        |frame| {
            frame
                .arp()
                .filter(|(_, sender, target)| *sender == address && *target == address)
        },
        Deadline::secs(20),
    );
    assert_eq!(addresses(&pod), ["192.168.50.77/24"]);
    assert_eq!(routes(&pod), made_by_add);
}

#[test]
fn another_address_of_the_same_subnet_at_renewal_replaces_the_old_one() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let granting = Granting::start(&bed, [600, 3, 300]);
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    // The kernel takes a subnet's further addresses along when the first one goes.
    pod.enter(|| {
        std::fs::write("/proc/sys/net/ipv4/conf/all/promote_secondaries", "0").unwrap();
        std::fs::write("/proc/sys/net/ipv4/conf/default/promote_secondaries", "0").unwrap();
    });
    Attachment::new(&pod, macvlan_dhcp()).add();
    let made_by_add = routes(&pod);
    {
        let mut grant = granting.grant();
        (grant.address, grant.moves) = (bed.lan.address(88), true);
    }
    daemon
        .log()
        .wait_for(|line| line.contains("is now"), Deadline::secs(20));
    assert_eq!(addresses(&pod), ["192.168.50.88/24"]);
    assert_eq!(routes(&pod), made_by_add);
}

fn mtu(pod: &Pod) -> u64 {
    pod.enter(|| observe::link("net1")).unwrap().mtu
}

#[test]
fn the_servers_mtu_is_in_the_result_and_followed_at_renewals() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let serving = |mtu: Option<&str>| {
        let options = DnsmasqOptions::new(&bed.lan)
            .lease("2m")
            .forced_option("option:T1,3")
            .forced_option("option:T2,60");
        match mtu {
            Some(mtu) => options.option(&format!("26,{mtu}")),
            None => options.option("26"),
        }
    };
    let mut dnsmasq = Dnsmasq::start_with(&bed.lan, serving(Some("1400")));
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let config = with(macvlan_dhcp(), json!({"cniVersion": "1.1.0"}));
    let mut attachment = Attachment::new(&pod, config);
    let result = attachment.add();
    assert_eq!(result["interfaces"][0]["mtu"], 1400);
    assert_eq!(mtu(&pod), 1400);
    attachment.check();
    let mark = daemon.log().mark();
    dnsmasq.restart(Some(serving(Some("1300"))));
    let changed = |line: &str| line.contains("is now");
    daemon.log().wait_after(mark, changed, Deadline::secs(20));
    assert_eq!(mtu(&pod), 1300);
    let error = attachment.try_check().error();
    assert_eq!(error.code, 104, "{error:?}");
    let mark = daemon.log().mark();
    dnsmasq.restart(Some(serving(Some("9000"))));
    daemon.log().wait_after(mark, changed, Deadline::secs(20));
    assert_eq!(mtu(&pod), 1500, "the parent's is the limit");
    attachment.del();
}

#[test]
fn an_mtu_that_is_unwanted_or_absurd_is_ignored() {
    if reference_does_not() {
        return;
    }
    for (given, keys, expected) in [
        (1400_u16, json!({"ipam": {"suppress": ["mtu"]}}), 1500),
        (
            1400,
            json!({"ipam": {"request": [{"skipDefault": true, "option": "3"}]}}),
            1500,
        ),
        (1400, json!({"mtu": 1350}), 1350),
        (1300, json!({"mtu": 1350}), 1300),
        (68, json!({}), 1500),
        (9000, json!({}), 1500),
    ] {
        let bed = Bed::new();
        let granting = Granting::start(&bed, [600, 300, 500]);
        granting
            .grant()
            .options
            .push((26, given.to_be_bytes().to_vec()));
        let _daemon = Daemon::start(&bed.node, &[]);
        let pod = bed.node.pod("pod");
        let mut attachment = Attachment::new(&pod, with(macvlan_dhcp(), keys.clone()));
        attachment.add();
        assert_eq!(mtu(&pod), expected, "{given} {keys}");
        attachment.check();
    }
}

#[test]
fn a_flushed_address_comes_back_long_before_the_renewal() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let _granting = Granting::start(&bed, [7200, 3600, 6300]);
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    Attachment::new(&pod, macvlan_dhcp()).add();
    let made_by_add = routes(&pod);
    await_lifetime(&pod);
    pod.enter(|| wiring::delete_address("net1", bed.lan.address(77).into(), 24));
    assert!(routes(&pod).is_empty());
    daemon
        .log()
        .wait_for(|line| line.contains("putting it back"), Deadline::secs(10));
    await_true("the address is back", || {
        addresses(&pod) == ["192.168.50.77/24"] && routes(&pod) == made_by_add
    });
}

#[test]
fn a_carrier_that_was_away_has_the_lease_verified_at_once() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let granting = Granting::start(&bed, [7200, 3600, 6300]);
    let daemon = Daemon::start(&bed.node, &[]);
    let pods: Vec<_> = ["kept", "moved"].map(|name| bed.node.pod(name)).into();
    let mut attachments: Vec<_> = pods
        .iter()
        .map(|pod| Attachment::new(pod, macvlan_dhcp()))
        .collect();
    attachments[0].add();
    granting.grant().address = bed.lan.address(78);
    attachments[1].add();
    for pod in &pods {
        await_lifetime(pod);
    }
    let verified = |message: &Message| {
        message.kind() == Some(MessageType::Request)
            && message.ciaddr.is_unspecified()
            && message.option(54).is_none()
    };
    bed.lan.unplug(bed.node.port());
    daemon.log().wait_for(
        |line| line.contains("carrier lost") && line.contains("leases=2"),
        Deadline::secs(5),
    );
    assert!(!granting.server.received().iter().any(verified));
    let mark = daemon.log().mark();
    bed.lan.replug(bed.node.port());
    let back = Deadline::secs(2);
    let _both = granting.server.wait_until(verified, 2, back);
    // The server has .78 for everybody now.
    daemon
        .log()
        .wait_after(mark, |line| line.contains("renewed 192.168.50.78/24"), back);
    daemon
        .log()
        .wait_after(mark, |line| line.contains("lost 192.168.50.77/24"), back);
    attachments[1].check();
}

#[test]
fn a_link_that_was_deleted_is_noticed_and_its_lease_released() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let granting = Granting::start(&bed, [7200, 3600, 6300]);
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    Attachment::new(&pod, macvlan_dhcp()).add();
    pod.enter(|| wiring::delete("net1"));
    let release = granting
        .server
        .wait_for(MessageType::Release, 1, Deadline::secs(12));
    assert_eq!(release.ciaddr, bed.lan.address(77));
}

/// Waits until the daemon has told the kernel how long the address lasts.
fn await_lifetime(pod: &Pod) {
    await_true("the address has a lifetime", || {
        let objects = pod.enter(|| observe::address_objects("net1"));
        let valid = objects
            .first()
            .and_then(|address| address["valid_life_time"].as_u64());
        valid.is_some_and(|seconds| seconds < u64::from(u32::MAX))
    });
}

/// Looks again and again: nothing tells of what is waited for.
#[track_caller]
fn await_true(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Deadline::secs(10);
    while !is_so() {
        assert!(!deadline.passed(), "not in time: {what}");
    }
}
