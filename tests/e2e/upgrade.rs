//! Plugins replaced in place while pods run: those of the reference by these, and these by those of the reference.

use std::path::Path;

use serde_json::{Value, json};
use testbed::server::{Dnsmasq, DnsmasqOptions, MessageType, ScriptedServer};
use testbed::{Attachment, Bed, Daemon, Deadline, Outcome, Pod, not_run, observe, suite};

use crate::dhcp_daemon::address_of;
use crate::networks::{macvlan_dhcp, macvlan_host_local, macvlan_static, with};
use crate::traces;

/// The Go plugins, unless they are not there or are what is under test.
fn reference() -> Option<&'static Path> {
    let directory = Path::new("/usr/lib/cni");
    if suite().is_reference() {
        return None;
    }
    if !directory.join("dhcp").is_file() {
        not_run("the Go plugins are not installed (containernetworking-plugins)");
        return None;
    }
    Some(directory)
}

/// Runs a verb with the plugins of a directory.
fn run(directory: &Path, attachment: &Attachment, verb: &str) -> Outcome {
    attachment.invocation(verb).directory(directory).run()
}

/// ADD with the plugins of a directory.
fn made_by(directory: &Path, pod: &Pod, network: Value) -> Attachment {
    let attachment = Attachment::new(pod, network);
    let result = run(directory, &attachment, "ADD").ok();
    attachment.prev_result(Some(result))
}

fn assert_gone(pod: &Pod) {
    assert_eq!(pod.enter(observe::link_names), [""; 0]);
}

#[test]
fn pods_of_either_suite_are_checked_and_deleted_by_the_other() {
    let Some(go) = reference() else { return };
    for (makers, heirs) in [(go, suite().directory()), (suite().directory(), go)] {
        let bed = Bed::new();
        let networks = [macvlan_static(), macvlan_host_local(), macvlan_host_local()];
        let pods: Vec<_> = (0..networks.len())
            .map(|number| bed.node.pod(&format!("pod{number}")))
            .collect();
        let attachments: Vec<_> = pods
            .iter()
            .zip(networks)
            .map(|(pod, network)| made_by(makers, pod, network))
            .collect();
        assert_eq!(traces::reservations(&bed.node, "lan").len(), 2);
        for attachment in &attachments {
            run(heirs, attachment, "CHECK").ok();
        }
        for number in [0, 1] {
            run(heirs, &attachments[number], "DEL").ok();
            assert_gone(&pods[number]);
        }
        // The one that goes on running is not disturbed.
        assert_eq!(
            pods[2].enter(|| observe::addresses("net1")),
            ["10.10.20.3/24"]
        );
        assert_eq!(traces::reservations(&bed.node, "lan"), ["10.10.20.3"]);
        run(makers, &attachments[2], "CHECK").ok();
        run(heirs, &attachments[2], "DEL").ok();
        traces::assert_none(&pods[2]);
    }
}

#[test]
fn what_the_reference_left_is_collected() {
    let Some(go) = reference() else { return };
    let bed = Bed::new();
    let (lost, kept) = (bed.node.pod("lost"), bed.node.pod("kept"));
    let _ = made_by(go, &lost, macvlan_host_local());
    let kept_attachment = made_by(go, &kept, macvlan_host_local());
    lost.destroy();
    let network = with(macvlan_host_local(), json!({"cniVersion": "1.1.0"}));
    let valid = [(kept_attachment.id(), "net1")];
    Attachment::new(&kept, network).try_gc(&valid).ok();
    assert_eq!(traces::reservations(&bed.node, "lan"), ["10.10.20.3"]);
    run(suite().directory(), &kept_attachment, "CHECK").ok();
}

/// A node on which the Go daemon has leased addresses to two pods, and has been replaced.
struct Replaced {
    attachments: Vec<Attachment>,
    daemon: Daemon,
    pods: Vec<Pod>,
    dnsmasq: Dnsmasq,
    bed: Bed,
}

impl Replaced {
    fn new(go: &Path) -> Self {
        let bed = Bed::new();
        let dnsmasq = Dnsmasq::start_with(
            &bed.lan,
            DnsmasqOptions::new(&bed.lan)
                .lease("2m")
                .forced_option("option:T1,4")
                .forced_option("option:T2,60"),
        );
        let pods: Vec<_> = ["one", "two"].map(|name| bed.node.pod(name)).into();
        let old = Daemon::start_of(go, &bed.node, &[]);
        let attachments = pods
            .iter()
            .map(|pod| made_by(go, pod, macvlan_dhcp()))
            .collect();
        dnsmasq.wait_for_leases(|leases| leases.len() == 2, Deadline::secs(5));
        old.stop();
        Self {
            attachments,
            daemon: Daemon::start(&bed.node, &[]),
            pods,
            dnsmasq,
            bed,
        }
    }

    fn address(&self, number: usize) -> String {
        let addresses = self.pods[number].enter(|| observe::addresses("net1"));
        addresses[0].trim_end_matches("/24").to_owned()
    }

    fn discovers(&self) -> usize {
        self.dnsmasq
            .log()
            .count(|line| line.contains("DHCPDISCOVER"))
    }

    fn records(&self) -> Vec<String> {
        self.bed.node.list("/run/cni/dhcp")
    }
}

#[test]
fn the_first_check_takes_over_the_lease_of_a_go_daemons_pod() {
    let Some(go) = reference() else { return };
    let node = Replaced::new(go);
    let (address, discovers) = (node.address(0), node.discovers());
    let routes = node.pods[0].enter(observe::routes);
    let mark = node.dnsmasq.log().mark();
    node.attachments[0].check();
    let taking_over =
        |line: &str| line.contains(&address) && line.contains("which another daemon leased");
    assert_eq!(node.daemon.log().count(taking_over), 1);
    let named = |what: &str| {
        let (what, address) = (what.to_owned(), address.clone());
        move |line: &str| line.contains(&what) && line.contains(&address)
    };
    node.dnsmasq
        .log()
        .wait_after(mark, named("DHCPACK"), Deadline::secs(5));
    assert_eq!(node.pods[0].enter(observe::routes), routes);
    assert_eq!(node.records().len(), 1, "{:?}", node.records());
    // From now on it is a lease like any other: known to CHECK, renewed, and released.
    node.attachments[0].check();
    assert_eq!(node.daemon.log().count(taking_over), 1);
    node.daemon
        .log()
        .wait_for(named("renewed"), Deadline::secs(10));
    node.attachments[0].del();
    node.dnsmasq
        .wait_for(&["DHCPRELEASE", &address], Deadline::secs(5));
    assert_gone(&node.pods[0]);
    let left = node
        .dnsmasq
        .wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5));
    assert_eq!(left[0].address.to_string(), node.address(1));
    assert_eq!(node.discovers(), discovers);
}

#[test]
fn del_takes_over_the_lease_of_a_go_daemons_pod_to_release_it() {
    let Some(go) = reference() else { return };
    let node = Replaced::new(go);
    let (address, discovers) = (node.address(1), node.discovers());
    node.attachments[1].del();
    assert_gone(&node.pods[1]);
    node.dnsmasq
        .wait_for(&["DHCPRELEASE", &address], Deadline::secs(5));
    assert_eq!(node.discovers(), discovers);
    assert_eq!(node.records(), [""; 0]);
    node.attachments[1].del();
    node.attachments[0].check();
}

#[test]
fn a_go_daemons_pod_stays_as_it_is_when_no_server_confirms_its_address() {
    let Some(go) = reference() else { return };
    let mut node = Replaced::new(go);
    let address = node.address(0);
    node.dnsmasq.stop();
    let silent = ScriptedServer::start(&node.bed.lan, |_| Vec::new());
    let error = node.attachments[0].try_check().error();
    assert_eq!(error.code, 11, "{error:?}");
    assert!(
        error.msg.contains(&address) && error.msg.contains("no DHCP server"),
        "{error:?}"
    );
    let kinds: Vec<_> = silent
        .received()
        .iter()
        .filter_map(testbed::server::Message::kind)
        .collect();
    assert!(
        !kinds.is_empty() && kinds.iter().all(|kind| *kind == MessageType::Request),
        "{kinds:?}"
    );
    assert_eq!(node.address(0), address);
    assert_eq!(node.records(), [""; 0]);
    // Nor does DEL wait for long, or fail.
    node.attachments[1].del();
    assert_gone(&node.pods[1]);
    drop(silent);
    node.dnsmasq.restart(None);
    node.attachments[0].check();
}

#[test]
fn a_go_daemons_pod_whose_address_is_refused_is_reported_and_left_alone() {
    let Some(go) = reference() else { return };
    let mut node = Replaced::new(go);
    let (address, discovers) = (node.address(0), node.discovers());
    node.dnsmasq.kill_and_forget();
    let elsewhere = DnsmasqOptions::new(&node.bed.lan)
        .range(node.bed.lan.address(10), node.bed.lan.address(20));
    node.dnsmasq.restart(Some(elsewhere));
    let error = node.attachments[0].try_check().error();
    assert_eq!(error.code, 102, "{error:?}");
    assert!(
        error.msg.contains(&address) && error.msg.contains("192.168.50.1 refused"),
        "{error:?}"
    );
    assert_eq!(node.address(0), address);
    assert!(node.discovers() <= discovers);
    assert_eq!(node.records(), [""; 0]);
}

#[test]
fn a_pod_that_lost_its_address_is_not_taken_over() {
    let Some(go) = reference() else { return };
    let node = Replaced::new(go);
    let address: std::net::IpAddr = node.address(0).parse().unwrap();
    node.pods[0].enter(|| testbed::wiring::delete_address("net1", address, 24));
    let mut config = macvlan_dhcp();
    config["type"] = json!("dhcp");
    // The IPAM alone: macvlan itself would have missed the address first.
    let error = node.attachments[0]
        .clone()
        .config(config)
        .try_check()
        .error();
    assert_eq!(error.code, 102, "{error:?}");
    assert_eq!(
        node.daemon
            .log()
            .count(|line| line.contains("another daemon leased")),
        0
    );
}

#[test]
fn the_go_daemon_and_its_plugins_delete_pods_of_these() {
    let Some(go) = reference() else { return };
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let pod = bed.node.pod("pod");
    let daemon = Daemon::start(&bed.node, &[]);
    let attachment = made_by(suite().directory(), &pod, macvlan_dhcp());
    daemon.stop();
    let _old = Daemon::start_of(go, &bed.node, &[]);
    // The Go daemon's CHECK asks for a lease anew; the server gives the same one to the same client.
    run(go, &attachment, "CHECK").ok();
    assert_eq!(dnsmasq.leases().len(), 1);
    run(go, &attachment, "DEL").ok();
    traces::assert_none(&pod);
    let address = address_of(attachment.result().unwrap());
    dnsmasq.wait_for(&["DHCPRELEASE", &address], Deadline::secs(5));
}
