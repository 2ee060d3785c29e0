//! The steps, in the order in which a cluster would take them.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use testbed::server::MessageType;
use testbed::{Attachment, Bed, Daemon, Echo, Frame, Mark, Pod, Sniffer, echo, suite};

use crate::dhcp_server::{DhcpServer, RENEWAL, essence};
use crate::narration::Narration;
use crate::pod_view;

/// Takes every step; panics at the first that does not hold.
pub(crate) fn tell(mut on: Narration, built_in_server: bool) {
    let bed = Bed::new();
    on.step("A LAN with a DHCP server, in a network namespace of its own");
    let server = DhcpServer::start(&bed.lan, built_in_server);
    on.show(&format!(
        "{} serves 192.168.50.0/24 from {}",
        server.name(),
        bed.lan.router()
    ));
    on.show(&format!(
        "leases last two minutes and are to be renewed after {RENEWAL} s, so that it can be watched"
    ));

    on.step("A node whose eth1 is on that LAN, and its lease daemon");
    bed.node.add_default_route(&bed.lan);
    on.command(&format!("{}/dhcp daemon", suite().directory().display()));
    let daemon = Daemon::start(&bed.node, &[]);
    on.show(&format!(
        "listens on {}, process {}",
        daemon.socket().display(),
        daemon.process().pid()
    ));

    let network = network();
    let cable = Sniffer::start(&bed.lan.space());
    let mut blue = Guest::new(&bed, "blue", &network);
    let mut green = Guest::new(&bed, "green", &network);
    on.step("Pod blue: ADD of conf/cni/macvlan-dhcp.conflist");
    blue.add(&on, &server);
    on.step("Pod green: ADD of the same network");
    green.add(&on, &server);

    on.step("The pods reach the gateway and each other");
    for (from, name, to) in [
        (&blue, "the gateway", bed.lan.router()),
        (&blue, "green", green.address),
        (&green, "blue", blue.address),
    ] {
        from.ping(&on, name, to);
    }

    on.step("The lease of blue is renewed, by unicast from its own address");
    let is_renewal = |line: &str| is_about(line, "DHCPACK", blue.address);
    let renewal = server
        .log()
        .wait_after(blue.bound, is_renewal, on.patience());
    let (source, destination) =
        cable.wait_for(|frame| request_of(frame, blue.address), on.patience());
    expect(
        (source, destination) == (blue.address, bed.lan.router()),
        "the renewal is no unicast to the server",
    );
    on.show(&format!(
        "on the cable: DHCPREQUEST from {source} to {destination}"
    ));
    on.show(&format!("server log: {}", essence(&renewal)));

    on.step("CHECK: both attachments are as ADD promised");
    blue.check(&on);
    green.check(&on);

    on.step("DEL: the leases go back to the server, the links go");
    for guest in [&blue, &green] {
        guest.del(&on);
        let is_release = |line: &str| is_about(line, "DHCPRELEASE", guest.address);
        let release = server.log().wait_for(is_release, on.patience());
        on.show(&format!("server log: {}", essence(&release)));
    }
    drop(cable);
    on.show(server.wait_until_unused(on.patience()));

    on.step("The daemon stops, and everything made for this is gone with its namespaces");
    let status = daemon.stop();
    expect(
        status.success(),
        &format!("the daemon ended by {status}; its log:\n{}", daemon.log()),
    );
    drop(bed);
    on.end("Every step held");
}

/// A pod with one attachment to the network.
struct Guest {
    pod: Pod,
    attachment: Attachment,
    address: Ipv4Addr,
    /// The place in the server's log at which the pod had its lease.
    bound: Mark,
}

impl Guest {
    fn new(bed: &Bed, name: &str, network: &Value) -> Self {
        let pod = bed.node.pod(name);
        let attachment = Attachment::new(&pod, network.clone()).ifname("eth0");
        Self {
            pod,
            attachment,
            address: Ipv4Addr::UNSPECIFIED,
            bound: Mark::default(),
        }
    }

    fn add(&mut self, on: &Narration, server: &DhcpServer) {
        on.command(&format!(
            "CNI_COMMAND=ADD CNI_NETNS={} CNI_IFNAME=eth0 macvlan",
            self.pod.path().display()
        ));
        let result = self.attachment.add();
        on.json(&result);
        let address = result
            .pointer("/ips/0/address")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let address = address
            .split('/')
            .next()
            .and_then(|address| address.parse().ok());
        self.address = address.unwrap_or_else(|| fail("the result has no address"));
        let view = pod_view::describe(&self.pod);
        on.show("the kernel has, in the pod:");
        on.show(&view);
        expect(
            view.contains(&format!("address  {}/", self.address)),
            "the pod lacks the address of the result",
        );
        let is_ack = |line: &str| is_about(line, "DHCPACK", self.address);
        on.show(&format!(
            "server log: {}",
            essence(&server.log().wait_for(is_ack, on.patience()))
        ));
        self.bound = server.log().mark();
    }

    fn ping(&self, on: &Narration, name: &str, target: Ipv4Addr) {
        match self.pod.enter(|| echo(target, Duration::from_secs(5))) {
            Echo::Answered(after) => {
                on.show(&format!(
                    "{} -> {name} ({target}): answered after {} us",
                    self.pod.name(),
                    after.as_micros()
                ));
            }
            silent @ (Echo::Silent | Echo::Refused(_)) => fail(&format!(
                "{} does not reach {name} ({target}): {silent:?}",
                self.pod.name()
            )),
        }
    }

    fn check(&self, on: &Narration) {
        on.command(&format!(
            "CNI_COMMAND=CHECK CNI_NETNS={} CNI_IFNAME=eth0 macvlan",
            self.pod.path().display()
        ));
        self.attachment.check();
        on.show("holds");
    }

    fn del(&self, on: &Narration) {
        on.command(&format!(
            "CNI_COMMAND=DEL CNI_NETNS={} CNI_IFNAME=eth0 macvlan",
            self.pod.path().display()
        ));
        self.attachment.del();
        let view = pod_view::describe(&self.pod);
        on.show(&format!("the kernel has, in the pod: {view}"));
        expect(view == pod_view::NOTHING, "DEL left something in the pod");
    }
}

/// The plugin configuration of the sample list, as a runtime passes it on.
fn network() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf/cni/macvlan-dhcp.conflist");
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|error| fail(&format!("cannot read {}: {error}", path.display())));
    let list: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| fail(&format!("{} is not JSON: {error}", path.display())));
    let mut plugin = list.pointer("/plugins/0").cloned().unwrap_or_default();
    for key in ["name", "cniVersion"] {
        if let (Some(object), Some(value)) = (plugin.as_object_mut(), list.get(key)) {
            object.insert(key.to_owned(), value.clone());
        }
    }
    plugin
}

fn is_about(line: &str, message: &str, address: Ipv4Addr) -> bool {
    line.contains(message)
        && line
            .split_whitespace()
            .any(|word| word == address.to_string())
}

/// Returns source and destination of a DHCPREQUEST of a client that has this address.
fn request_of(frame: &Frame, address: Ipv4Addr) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let (source, destination, message) = frame.dhcp()?;
    let is_request = message.kind() == Some(MessageType::Request) && message.ciaddr == address;
    is_request.then_some((source, destination))
}

fn expect(holds: bool, otherwise: &str) {
    if !holds {
        fail(otherwise);
    }
}

#[expect(
    clippy::panic,
    reason = "a step that does not hold ends the story as a failed expectation of the testbed does"
)]
fn fail(why: &str) -> ! {
    panic!("{why}")
}
