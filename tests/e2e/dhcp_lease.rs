//! A lease's life: from ADD to the release that a real server acts on.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use testbed::server::{
    Dnsmasq, DnsmasqOptions, Message, MessageType, PlainServer, Reply, ScriptedServer,
};
use testbed::{
    Attachment, Bed, Daemon, Deadline, Echo, Frame, Sniffer, differs, echo, observe, suite,
};

use crate::networks::{macvlan_dhcp, with};
use crate::traces;

#[test]
fn the_pod_has_what_the_server_leased() {
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    let result = attachment.add();
    let lease = dnsmasq
        .wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5))
        .remove(0);
    let address = format!("{}/24", lease.address);
    assert_eq!(
        result["ips"],
        json!([{"interface": 0, "address": address, "gateway": "192.168.50.1"}])
    );
    assert_eq!(result["interfaces"][0]["mac"], lease.mac);
    assert_eq!(pod.enter(|| observe::addresses("net1")), [address]);
    let routes = pod.enter(|| observe::configured_routes("net1"));
    assert_eq!(routes.len(), 1);
    assert_eq!(
        (routes[0].dst.as_str(), routes[0].gateway.as_deref()),
        ("default", Some("192.168.50.1"))
    );
    let answer = pod.enter(|| echo(bed.lan.router(), Duration::from_secs(5)));
    assert!(matches!(answer, Echo::Answered(_)), "{answer:?}");
}

#[test]
fn the_client_identifier_is_that_of_the_reference() {
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let mut attachment = Attachment::new(&bed.node.pod("pod"), macvlan_dhcp()).container_id("c1");
    attachment.add();
    let lease = dnsmasq
        .wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5))
        .remove(0);
    let bytes: Vec<_> = b"\0c1/lan/net1"
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(lease.client_id, Some(bytes.join(":")));
}

#[test]
fn del_releases_the_lease_and_the_server_acts_on_it() {
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    let result = attachment.add();
    dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5));
    attachment.del();
    traces::assert_none(&pod);
    attachment.del();
    let address = result["ips"][0]["address"]
        .as_str()
        .unwrap()
        .trim_end_matches("/24")
        .to_owned();
    dnsmasq.wait_for(&["DHCPRELEASE", &address], Deadline::secs(10));
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
}

#[test]
fn the_servers_dns_is_in_the_result_after_the_networks_own() {
    let bed = Bed::new();
    let options = DnsmasqOptions::new(&bed.lan)
        .option("option:dns-server,192.168.50.1,9.9.9.9")
        .option("option:domain-search,pods.example.net,example.net")
        .argument("--domain=example.net");
    let _dnsmasq = Dnsmasq::start_with(&bed.lan, options);
    let _daemon = Daemon::start(&bed.node, &[]);
    let config = with(macvlan_dhcp(), json!({"dns": {"nameservers": ["4.4.4.4"]}}));
    let result = Attachment::new(&bed.node.pod("pod"), config).add();
    differs("Go: the server's DNS is neither asked for nor kept", || {
        assert_eq!(
            result["dns"]["nameservers"],
            json!(["4.4.4.4", "192.168.50.1", "9.9.9.9"])
        );
        assert_eq!(result["dns"]["domain"], "example.net");
        assert_eq!(
            result["dns"]["search"],
            json!(["pods.example.net", "example.net"])
        );
    });
}

#[test]
fn classless_routes_replace_the_router() {
    let bed = Bed::new();
    let options = DnsmasqOptions::new(&bed.lan).option("option:router,192.168.50.1").option(
        "option:classless-static-route,0.0.0.0/0,192.168.50.254,10.0.0.0/8,192.168.50.253,192.168.60.0/24,0.0.0.0",
    );
    let _dnsmasq = Dnsmasq::start_with(&bed.lan, options);
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    Attachment::new(&pod, macvlan_dhcp()).add();
    let routes = pod.enter(|| observe::configured_routes("net1"));
    let mut seen: Vec<_> = routes
        .iter()
        .map(|route| (route.dst.as_str(), route.gateway.as_deref()))
        .collect();
    seen.sort_unstable();
    differs(
        "Go: option 121 is not asked for, so the router option is used",
        || {
            let expected = [
                ("10.0.0.0/8", Some("192.168.50.253")),
                ("192.168.60.0/24", None),
                ("default", Some("192.168.50.254")),
            ];
            assert_eq!(seen, expected);
        },
    );
}

#[test]
fn a_renewal_is_unicast_from_the_leased_address() {
    let bed = Bed::new();
    let (server, _log) = PlainServer::new(&bed.lan)
        .lease(600)
        .renewal(2)
        .start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let sniffer = Sniffer::start(&bed.lan.space());
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    attachment.add();
    let renewal = server.wait_until(
        |message| message.kind() == Some(MessageType::Request) && !message.ciaddr.is_unspecified(),
        1,
        Deadline::secs(20),
    );
    let (source, destination, _) = sniffer.wait_for(
        |frame| frame.dhcp().filter(|(_, _, message)| *message == renewal),
        Deadline::secs(5),
    );
    differs(
        "Go: renewals are broadcast from 0.0.0.0, with options that RFC 2131 §4.3.2 forbids",
        || {
            assert_eq!((source, destination), (renewal.ciaddr, bed.lan.router()));
            assert_eq!((renewal.option(50), renewal.option(54)), (None, None));
        },
    );
    attachment.check();
}

#[test]
fn a_server_that_ignores_renewals_is_followed_by_a_rebinding_with_any() {
    let bed = Bed::new();
    let (address, router, other) = (bed.lan.address(77), bed.lan.router(), bed.lan.address(9));
    bed.lan.add_address(other.into(), 24);
    let is_bound = |message: &Message| !message.ciaddr.is_unspecified();
    let rebinding = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&rebinding);
    let server = ScriptedServer::start(&bed.lan, move |message| {
        let (kind, id) = match message.kind() {
            Some(MessageType::Discover) => (MessageType::Offer, router),
            Some(MessageType::Request) if !is_bound(message) => (MessageType::Ack, router),
            Some(MessageType::Request) if answers.load(Ordering::SeqCst) => {
                (MessageType::Ack, other)
            }
            _ => return Vec::new(),
        };
        let reply = message
            .reply(kind)
            .yiaddr(address)
            .with_addresses(54, &[id]);
        let reply = reply
            .with_seconds(51, 60)
            .with_seconds(58, 1)
            .with_seconds(59, 2);
        vec![Reply::broadcast(&reply.with(1, [255, 255, 255, 0])).from(id)]
    });
    let sniffer = Sniffer::start(&bed.lan.space());
    let _daemon = Daemon::start(&bed.node, &[]);
    let mut attachment = Attachment::new(&bed.node.pod("pod"), macvlan_dhcp());
    attachment.add();
    let renewal_to = |target| {
        let request = |frame: &Frame| {
            let (_, destination, message) = frame.dhcp()?;
            let is_renewal = message.kind() == Some(MessageType::Request) && is_bound(&message);
            (is_renewal && destination == target).then_some(())
        };
        sniffer.wait_for(request, Deadline::secs(20));
    };
    if suite().is_reference() {
        return testbed::not_run("the Go daemon takes 208 s to stop renewing");
    }
    renewal_to(router);
    renewal_to(Ipv4Addr::BROADCAST);
    rebinding.store(true, Ordering::SeqCst);
    // The server that answered is the one that later renewals go to.
    renewal_to(other);
    attachment.check();
    assert!(
        server
            .received()
            .iter()
            .all(|message| message.kind() != Some(MessageType::Decline))
    );
}

#[test]
fn many_leases_take_no_thread_and_no_file_each() {
    let bed = Bed::new();
    let _dnsmasq = Dnsmasq::start(&bed.lan);
    let daemon = Daemon::start(&bed.node, &[]);
    let add = |number: usize| {
        let mut attachment =
            Attachment::new(&bed.node.pod(&format!("pod{number}")), macvlan_dhcp());
        attachment.add();
        attachment
    };
    let mut attachments = vec![add(0)];
    // What a first exchange starts stays; the next ones must not add to it.
    let threads = daemon.threads();
    let files = daemon.open_files();
    attachments.extend((1..16).map(add));
    differs("Go: each lease keeps a thread", || {
        assert!(daemon.threads() <= threads);
    });
    differs("Go: each lease keeps a namespace open", || {
        daemon.wait_for_open_files(files, Deadline::secs(5));
    });
    for attachment in &attachments {
        attachment.check();
        attachment.del();
    }
}

#[test]
fn adds_at_the_same_time_all_get_an_address_of_their_own() {
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let attachments: Vec<_> = (0..8)
        .map(|number| Attachment::new(&bed.node.pod(&format!("pod{number}")), macvlan_dhcp()))
        .collect();
    let running: Vec<_> = attachments
        .iter()
        .map(|attachment| attachment.invocation("ADD").start())
        .collect();
    let mut addresses: Vec<_> = running
        .into_iter()
        .map(|run| {
            run.finish().ok()["ips"][0]["address"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 8);
    assert_eq!(
        dnsmasq
            .wait_for_leases(|leases| leases.len() == 8, Deadline::secs(5))
            .len(),
        8
    );
    let running: Vec<_> = attachments
        .iter()
        .map(|attachment| attachment.invocation("DEL").start())
        .collect();
    for run in running {
        run.finish().ok();
    }
}

#[test]
fn a_second_add_of_an_attachment_keeps_the_lease() {
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    let first = attachment.add();
    let ipam = with(macvlan_dhcp(), json!({"type": "dhcp"}));
    let second = attachment.clone().config(ipam).try_add().ok();
    assert_eq!(second["ips"][0]["address"], first["ips"][0]["address"]);
    assert_eq!(dnsmasq.leases().len(), 1);
}

#[test]
fn the_daemon_ends_on_sigterm_and_takes_its_socket_along() {
    let bed = Bed::new();
    let mut daemon = Daemon::start(&bed.node, &["-pidfile", "/run/dhcp.pid"]);
    assert_eq!(
        bed.node.read("/run/dhcp.pid"),
        Some(daemon.process().pid().to_string())
    );
    let status = daemon.stop();
    differs(
        "Go: the daemon of this release dies of SIGTERM and leaves its socket",
        || {
            assert!(status.success());
            let files = bed.node.list("/run/cni");
            assert!(!files.contains(&"dhcp.sock".to_owned()), "{files:?}");
            daemon.restart();
        },
    );
}

#[test]
fn a_socket_that_a_killed_daemon_left_is_taken_over() {
    let bed = Bed::new();
    let daemon = Daemon::start(&bed.node, &[]);
    daemon.kill();
    assert!(bed.node.list("/run/cni").contains(&"dhcp.sock".to_owned()));
    differs("Go: the daemon does not start over a stale socket", || {
        let _second = Daemon::start(&bed.node, &[]);
    });
}

#[test]
fn a_daemon_does_not_take_the_socket_of_a_living_one() {
    let bed = Bed::new();
    let daemon = Daemon::start(&bed.node, &[]);
    let second = Daemon::launch(&bed.node, &[]);
    let status = second
        .wait(Deadline::secs(10))
        .expect("the second daemon ends");
    assert!(!status.success());
    assert!(daemon.process().is_running());
    second.log().wait_for(
        |line| line.contains("/run/cni/dhcp.sock"),
        Deadline::secs(5),
    );
}
