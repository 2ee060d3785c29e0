//! CHECK of macvlan: it finds every difference from the result, tells it, and changes nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use testbed::server::PlainServer;
use testbed::{
    Attachment, Bed, Daemon, Deadline, Invocation, Pod, differs, not_run, observe, suite, wiring,
};

use crate::dhcp_changes::Changing;
use crate::networks::{macvlan, macvlan_dhcp, macvlan_host_local, with};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 0, 5));
const ROUTED: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0));

fn network() -> Value {
    macvlan(json!({
        "type": "static",
        "addresses": [{"address": "10.10.0.5/24", "gateway": "10.10.0.1"}],
        "routes": [{"dst": "172.16.0.0/12", "gw": "10.10.0.254"}],
    }))
}

fn added(bed: &Bed) -> (Pod, Attachment) {
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, network());
    attachment.add();
    (pod, attachment)
}

/// Asserts what CHECK says, once something was done to the pod.
#[track_caller]
fn told_after(damage: impl FnOnce(), msg: &str) {
    let bed = Bed::new();
    let (pod, attachment) = added(&bed);
    pod.enter(damage);
    told(&attachment, 104, msg);
}

#[track_caller]
fn told(attachment: &Attachment, code: u64, msg: &str) {
    let outcome = attachment.try_check();
    differs(
        &format!("Go: CHECK has no code and other words for: {msg}"),
        || {
            let error = outcome.error();
            assert_eq!((error.code, error.msg.as_str()), (code, msg));
            assert!(!error.details.is_empty(), "{error:?}");
        },
    );
}

#[test]
fn an_untouched_attachment_passes_again_and_again() {
    let bed = Bed::new();
    let (_pod, attachment) = added(&bed);
    attachment.check();
    attachment.check();
    let pod = bed.node.pod("other");
    let mut attachment = Attachment::new(&pod, macvlan_host_local());
    attachment.add();
    attachment.check();
}

#[test]
fn a_link_that_is_gone_is_told() {
    told_after(|| wiring::delete("net1"), "there is no link \"net1\"");
}

#[test]
fn another_kind_of_link_is_told() {
    told_after(
        || {
            wiring::delete("net1");
            wiring::create_bridge("net1");
        },
        "the link \"net1\" is not a macvlan, but bridge",
    );
}

#[test]
fn another_mode_is_told() {
    told_after(
        || wiring::set_macvlan_mode("net1", VEPA),
        "the link \"net1\" has mode vepa, expected bridge",
    );
}

#[test]
fn another_mode_in_the_configuration_is_told() {
    let bed = Bed::new();
    let (_pod, attachment) = added(&bed);
    told(
        &attachment.config(with(network(), json!({"mode": "vepa"}))),
        104,
        "the link \"net1\" has mode bridge, expected vepa",
    );
}

#[test]
fn another_parent_is_told() {
    let bed = Bed::new();
    let (pod, attachment) = added(&bed);
    let mac = pod.enter(|| observe::link("net1")).unwrap().mac;
    pod.enter(|| wiring::delete("net1"));
    bed.node.enter(|| {
        wiring::create_bridge("eth2");
        wiring::create_macvlan("net1", "eth2");
        wiring::move_to("net1", pod.path());
    });
    pod.enter(|| {
        let octets = mac
            .split(':')
            .map(|part| u8::from_str_radix(part, 16).unwrap());
        wiring::set_mac("net1", octets.collect::<Vec<_>>().try_into().unwrap());
        wiring::set_up("net1");
        wiring::add_address("net1", ADDRESS, 24);
        wiring::add_route("net1", ROUTED, 12, Ipv4Addr::new(10, 10, 0, 254).into());
    });
    told(
        &attachment,
        104,
        "the link \"net1\" has another parent than \"eth1\"",
    );
}

#[test]
fn another_mac_is_told() {
    let bed = Bed::new();
    let (pod, attachment) = added(&bed);
    let mac = pod.enter(|| observe::link("net1")).unwrap().mac;
    pod.enter(|| wiring::set_mac("net1", [2, 0, 0, 0, 0, 9]));
    let msg = format!("link \"net1\" has MAC 02:00:00:00:00:09, not {mac}");
    told(&attachment, 104, &msg);
}

#[test]
fn another_mtu_is_told() {
    told_after(
        || wiring::set_mtu("net1", 1300),
        "link \"net1\" has MTU 1300, not 1500",
    );
}

#[test]
fn a_link_that_is_down_is_told() {
    told_after(|| wiring::set_down("net1"), "link \"net1\" is down");
}

#[test]
fn a_missing_address_is_told() {
    told_after(
        || wiring::delete_address("net1", ADDRESS, 24),
        "link \"net1\" has no address 10.10.0.5/24, nor any like it",
    );
}

#[test]
fn another_prefix_length_is_told() {
    told_after(
        || {
            wiring::delete_address("net1", ADDRESS, 24);
            wiring::add_address("net1", ADDRESS, 25);
        },
        "link \"net1\" has no address 10.10.0.5/24, but 10.10.0.5/25",
    );
}

#[test]
fn a_missing_route_is_told() {
    told_after(
        || wiring::delete_route("net1", ROUTED, 12),
        "link \"net1\" has no route 172.16.0.0/12 via 10.10.0.254, nor any like it",
    );
}

#[test]
fn routes_that_went_with_the_link_down_are_told() {
    told_after(
        || {
            wiring::set_down("net1");
            wiring::set_up("net1");
        },
        "link \"net1\" has no route 172.16.0.0/12 via 10.10.0.254, nor any like it",
    );
}

#[test]
fn a_route_by_another_gateway_is_told() {
    told_after(
        || {
            wiring::delete_route("net1", ROUTED, 12);
            wiring::add_route("net1", ROUTED, 12, Ipv4Addr::new(10, 10, 0, 253).into());
        },
        "link \"net1\" has no route 172.16.0.0/12 via 10.10.0.254, but 172.16.0.0/12 via 10.10.0.253",
    );
}

#[test]
fn a_route_by_another_link_is_told() {
    let bed = Bed::new();
    let (pod, attachment) = added(&bed);
    pod.add_primary_network();
    pod.enter(|| {
        wiring::delete_route("net1", ROUTED, 12);
        wiring::add_route("eth0", ROUTED, 12, Ipv4Addr::new(10, 244, 0, 1).into());
    });
    told(
        &attachment,
        104,
        "link \"net1\" has no route 172.16.0.0/12 via 10.10.0.254, but link \"eth0\" has 172.16.0.0/12 via 10.244.0.1",
    );
}

#[test]
fn an_address_that_another_host_has_is_told() {
    if suite().is_reference() {
        return not_run("Go: the IPv6 addresses of this release go when the link goes down");
    }
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let ipam = json!({"type": "static", "addresses": [{"address": "fd00:10::5/64"}]});
    let mut attachment = Attachment::new(&pod, macvlan(ipam));
    attachment.add();
    attachment.check();
    let address = IpAddr::V6(Ipv6Addr::new(0xfd00, 0x10, 0, 0, 0, 0, 0, 5));
    bed.lan
        .enter(|| wiring::add_address(bed.lan.bridge(), address, 64));
    // The kernel looks for duplicates again when the link comes up.
    pod.enter(|| {
        wiring::set_down("net1");
        wiring::set_up("net1");
    });
    let has_failed = || {
        let objects = pod.enter(|| observe::address_objects("net1"));
        objects
            .iter()
            .any(|found| found["local"] == "fd00:10::5" && found["dadfailed"] == true)
    };
    let deadline = Deadline::secs(20);
    while !has_failed() {
        assert!(!deadline.passed(), "the kernel found no duplicate");
    }
    told(
        &attachment,
        105,
        "address fd00:10::5/64 of link \"net1\" is in use by another host",
    );
}

#[test]
fn a_lease_that_nobody_holds_is_told() {
    let bed = Bed::new();
    let (_server, _log) = PlainServer::new(&bed.lan).start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    let result = attachment.add();
    attachment.check();
    let ipam_alone = with(macvlan_dhcp(), json!({"type": "dhcp"}));
    attachment.clone().config(ipam_alone).del();
    // With the address there, a daemon that knows nothing of it would take it over.
    let address = result["ips"][0]["address"].as_str().unwrap();
    let address = address.split_once('/').unwrap().0.parse().unwrap();
    pod.enter(|| wiring::delete_address("net1", address, 24));
    let outcome = attachment.try_check();
    differs("Go: CHECK asks for another lease", || {
        let error = outcome.error();
        assert_eq!(error.code, 102, "{error:?}");
        assert!(
            error.msg.starts_with("the dhcp daemon holds no lease for "),
            "{error:?}"
        );
        assert!(error.msg.contains(attachment.id()), "{error:?}");
    });
}

#[test]
fn a_lease_that_has_ended_is_told() {
    if suite().is_reference() {
        return not_run("the Go daemon acts on the end of a lease up to 208 s late");
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
    let error = attachment.try_check().error();
    assert_eq!(error.code, 102, "{error:?}");
    assert!(
        error.msg.contains(attachment.id())
            && error
                .msg
                .ends_with(" has ended; a new one is being asked for"),
        "{error:?}"
    );
}

#[test]
fn what_others_added_is_no_difference() {
    let bed = Bed::new();
    let (pod, attachment) = added(&bed);
    pod.add_primary_network();
    pod.enter(|| {
        wiring::add_address("net1", Ipv4Addr::new(10, 10, 9, 9).into(), 24);
        wiring::add_address("net1", "fd00:9::9".parse().unwrap(), 64);
        wiring::add_route(
            "net1",
            Ipv4Addr::new(10, 99, 0, 0).into(),
            16,
            Ipv4Addr::new(10, 10, 0, 9).into(),
        );
        wiring::add_default_route("net1", Ipv4Addr::new(10, 10, 0, 1).into());
        wiring::create_bridge("br1");
        for (sysctl, value) in [
            ("ipv4/conf/net1/arp_ignore", "1"),
            ("ipv4/conf/net1/rp_filter", "2"),
            ("ipv6/conf/net1/accept_ra", "0"),
        ] {
            std::fs::write(format!("/proc/sys/net/{sysctl}"), value).unwrap();
        }
    });
    attachment.check();
}

#[test]
fn what_a_later_plugin_changed_and_told_is_no_difference() {
    let directory = Path::new("/usr/lib/cni");
    if !directory.join("tuning").exists() {
        return not_run("there is no /usr/lib/cni/tuning (containernetworking-plugins)");
    }
    let bed = Bed::new();
    let (pod, attachment) = added(&bed);
    let mut tuning = json!({
        "cniVersion": "1.0.0", "name": "lan", "type": "tuning",
        "mac": "02:00:00:00:00:77", "promisc": true,
        "sysctl": {"net.ipv4.conf.IFNAME.arp_announce": "2"},
    });
    tuning["prevResult"] = attachment.result().expect("an ADD").clone();
    let last = Invocation::new(&bed.node, "tuning", "ADD")
        .directory(directory)
        .config(&tuning)
        .container_id(attachment.id())
        .ifname("net1")
        .netns(pod.path())
        .run()
        .ok();
    assert_eq!(last["interfaces"][0]["mac"], "02:00:00:00:00:77");
    attachment.prev_result(Some(last)).check();
}

#[test]
fn check_changes_nothing() {
    let bed = Bed::new();
    let (pod, attachment) = added(&bed);
    let state = || {
        pod.enter(|| {
            (
                observe::link("net1").unwrap().all,
                observe::address_objects("net1"),
                observe::routes(),
            )
        })
    };
    let before = state();
    attachment.check();
    assert_eq!(state(), before);
}

#[test]
fn without_a_previous_result_there_is_nothing_to_compare() {
    let bed = Bed::new();
    let (_pod, attachment) = added(&bed);
    let error = attachment.prev_result(None).try_check().error();
    assert!(error.msg.to_lowercase().contains("prevresult"), "{error:?}");
    differs("Go: a missing prevResult has code 999", || {
        assert_eq!(error.code, 7);
    });
}

/// `MACVLAN_MODE_VEPA`.
const VEPA: u32 = 2;
