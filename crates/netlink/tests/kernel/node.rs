//! A node with a parent link, and a pod, for one test.

use std::os::fd::AsFd as _;
use std::process::Command;

use cni::{AddResult, Interface, IpConfig, MacAddr};
use netlink::{Link, MacvlanMode, Netlink, NewMacvlan, Outside};
use netns::Netns;
use nix::sched::{CloneFlags, setns, unshare};

/// Two namespaces; the thread of the test is in the node's.
pub(crate) struct Node {
    pub(crate) host: Netns,
    pub(crate) pod: Netns,
    /// A connection to the node.
    pub(crate) netlink: Netlink,
    /// A connection to the pod.
    pub(crate) inside: Netlink,
}

impl Node {
    /// Makes a node whose `eth1` has carrier: it is one end of a veth whose other end, `lan`, is there too.
    pub(crate) fn new() -> Self {
        let host = new_netns();
        let pod = new_netns();
        enter(&host);
        ip("link add eth1 type veth peer name lan");
        ip("link set eth1 up");
        ip("link set lan up");
        let netlink = Netlink::open_in(&host).unwrap();
        let inside = Netlink::open_in(&pod).unwrap();
        Self {
            host,
            pod,
            netlink,
            inside,
        }
    }

    pub(crate) fn parent(&mut self) -> u32 {
        self.netlink.link("eth1").unwrap().index
    }

    /// Creates a macvlan in the pod, in bridge mode, and changes the order before it is sent.
    pub(crate) fn create(
        &mut self,
        name: &str,
        edit: impl FnOnce(&mut NewMacvlan<'_>),
    ) -> Result<Link, netlink::Error> {
        let parent = self.parent();
        let mut new = NewMacvlan {
            name,
            ..new(parent)
        };
        edit(&mut new);
        let outside = Outside {
            netlink: &mut self.netlink,
            target: &self.pod,
        };
        self.inside.create_macvlan(&new, Some(outside))
    }

    /// Creates `net1` in the pod.
    pub(crate) fn net1(&mut self) -> Link {
        self.create("net1", |_| {}).unwrap()
    }

    /// Makes another pod and takes it for the node's; returns the one before.
    pub(crate) fn change_pods(&mut self) -> Netns {
        let other = new_netns();
        enter(&self.host);
        self.inside = Netlink::open_in(&other).unwrap();
        std::mem::replace(&mut self.pod, other)
    }

    /// Runs `ip` in the pod.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        self.pod.run(|| ip(arguments)).unwrap()
    }
}

/// A `net1` in bridge mode.
pub(crate) fn new(parent: u32) -> NewMacvlan<'static> {
    NewMacvlan {
        name: "net1",
        parent,
        mode: MacvlanMode::Bridge,
        mtu: None,
        mac: None,
        bc_queue_len: None,
    }
}

/// A result for `net1` with these addresses, given as `ADDRESS[ GATEWAY]`.
pub(crate) fn result(addresses: &[&str]) -> AddResult {
    let ips = addresses.iter().map(|text| {
        let (address, gateway) = text.split_once(' ').unwrap_or((text, ""));
        IpConfig {
            interface: Some(0),
            address: address.parse().unwrap(),
            gateway: (!gateway.is_empty()).then(|| gateway.parse().unwrap()),
        }
    });
    let interface = Interface {
        name: "net1".to_owned(),
        sandbox: Some("/run/netns/pod".to_owned()),
        ..Interface::default()
    };
    AddResult {
        interfaces: vec![interface],
        ips: ips.collect(),
        ..AddResult::default()
    }
}

pub(crate) fn route(dst: &str, gw: &str) -> cni::Route {
    cni::Route::new(
        dst.parse().unwrap(),
        (!gw.is_empty()).then(|| gw.parse().unwrap()),
    )
}

pub(crate) fn mac(text: &str) -> MacAddr {
    MacAddr::parse(text).unwrap()
}

/// Runs `ip` in the namespace of the thread; it must succeed.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .expect("these tests need the program `ip` (Debian: iproute2)");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Leaves the thread in a new namespace.
fn new_netns() -> Netns {
    unshare(CloneFlags::CLONE_NEWNET)
        .expect("these tests need the privilege to make network namespaces (run as root)");
    let netns = Netns::current().unwrap();
    ip("link set lo up");
    netns
}

fn enter(netns: &Netns) {
    setns(netns.as_fd(), CloneFlags::CLONE_NEWNET).unwrap();
}
