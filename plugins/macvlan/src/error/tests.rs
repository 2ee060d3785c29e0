//! What is read about each fault: reviewed as text, and held to its length and form.

use std::path::PathBuf;

use super::*;
use cni::MacAddr;
use netlink::{KernelRoute, MacvlanMode, NewRoute, compare};
use testbed::{Text, assert_texts, variants};

variants!(Error {
    Error::Cni(_),
    Error::Unsupported { .. },
    Error::InvalidMac { fault: MacFault::Malformed, .. },
    Error::InvalidMac { fault: MacFault::Multicast, .. },
    Error::InvalidMac { fault: MacFault::Zero, .. },
    Error::NoDefaultRoute { .. },
    Error::ParentMissing { .. },
    Error::ParentNotEthernet { .. },
    Error::MtuOutOfRange { .. },
    Error::MtuBelowIpv6 { .. },
    Error::ParentDown { .. },
    Error::ParentWireless { .. },
    Error::NameTaken { .. },
    Error::Obstructed { obstacle: Obstacle::Occupant { .. }, .. },
    Error::Obstructed { obstacle: Obstacle::NotAlone, .. },
    Error::Obstructed { obstacle: Obstacle::TakenByPassthru, .. },
    Error::Obstructed { obstacle: Obstacle::Mac { .. }, .. },
    Error::ParentMac { .. },
    Error::NoAddress { .. },
    Error::Netns(_),
    Error::Netlink(_),
    Error::Differs(Difference::NetnsGone { .. }),
    Error::Differs(Difference::NotPromised { .. }),
    Error::Differs(Difference::OtherNetns { .. }),
    Error::Differs(Difference::Kind { .. }),
    Error::Differs(Difference::Mode { .. }),
    Error::Differs(Difference::Parent { .. }),
    Error::DiffersFromResult(compare::Difference::NotPromised { .. }),
    Error::DiffersFromResult(compare::Difference::LinkGone { .. }),
    Error::DiffersFromResult(compare::Difference::Down { .. }),
    Error::DiffersFromResult(compare::Difference::Mac { .. }),
    Error::DiffersFromResult(compare::Difference::Mtu { .. }),
    Error::DiffersFromResult(compare::Difference::Address { .. }),
    Error::DiffersFromResult(compare::Difference::Duplicate { .. }),
    Error::DiffersFromResult(compare::Difference::Route { .. }),
    Error::DiffersFromResult(compare::Difference::Unknown(_)),
});

#[test]
fn each_fault_has_its_code_message_and_advice() {
    assert_texts(VARIANTS, &table());
}

type Expected = (u32, &'static str, &'static str);

fn table() -> Vec<Text> {
    [
        configuration(),
        node(),
        kernel(),
        differences(),
        differences_from_result(),
    ]
    .into_iter()
    .flatten()
    .map(|(error, expected)| {
        let variant = variant(&error);
        let cni::Error { code, msg, details } = error.into();
        Text {
            variant,
            found: (code.number(), msg, details),
            expected,
        }
    })
    .collect()
}

fn configuration() -> Vec<(Error, Expected)> {
    let mac = |key, text: &str, fault| Error::InvalidMac {
        key,
        text: text.to_owned(),
        fault,
    };
    let unicast = "a link needs a unicast MAC, such as 02:00:5e:00:53:01";
    vec![
        (
            Error::Unsupported {
                key: "mode",
                value: "source".to_owned(),
                supported: "bridge, private".to_owned(),
            },
            (
                2,
                r#"mode: "source" is not supported, only bridge, private"#,
                "",
            ),
        ),
        (
            mac("mac", "02:00", MacFault::Malformed),
            (7, r#"mac: "02:00" is not a MAC address"#, unicast),
        ),
        (
            mac(
                "runtimeConfig.mac",
                "33:33:00:00:00:01",
                MacFault::Multicast,
            ),
            (
                7,
                r#"runtimeConfig.mac: "33:33:00:00:00:01" is a multicast MAC address"#,
                unicast,
            ),
        ),
        (
            mac(MAC_IN_CNI_ARGS, "00:00:00:00:00:00", MacFault::Zero),
            (
                4,
                r#"MAC in CNI_ARGS: "00:00:00:00:00:00" is the MAC address of all zeros"#,
                unicast,
            ),
        ),
        (
            Error::MtuOutOfRange {
                mtu: 9000,
                parent: "eth1".to_owned(),
                parent_mtu: 1500,
            },
            (
                7,
                r#"mtu: 9000 is not from 68 to 1500, the MTU of the parent "eth1""#,
                "0 takes the MTU of the parent; a larger one has to be set on the parent first",
            ),
        ),
        (
            Error::MtuBelowIpv6 {
                mtu: 1200,
                address: "fd00::7/64".parse().expect("an address"),
            },
            (
                7,
                "mtu: 1200 is below 1280, which the IPv6 address fd00::7/64 needs",
                r#"set "mtu" to 1280 or more, or to 0"#,
            ),
        ),
        (
            Error::NoAddress {
                ipam: "static".to_owned(),
            },
            (
                103,
                r#"plugin "static" returned no address"#,
                r#"correct its configuration; a network without addresses has no "ipam""#,
            ),
        ),
        (
            Error::Cni(cni::Error::new(Code::Other(177), "no luck").with_details("try again")),
            (177, "no luck", "try again"),
        ),
    ]
}

fn node() -> Vec<(Error, Expected)> {
    let name = "eth1".to_owned();
    vec![
        (
            Error::NoDefaultRoute { place: Place::Host },
            (
                7,
                "master: not set, and on the host there is no default route to take it from",
                r#"set "master" to the device of the LAN"#,
            ),
        ),
        (
            Error::ParentMissing {
                name: "eth9".to_owned(),
                place: Place::Host,
                candidates: vec!["eth0".to_owned(), "bond0".to_owned()],
            },
            (
                7,
                r#"master: there is no link "eth9" on the host"#,
                r#"set "master" to one of: eth0, bond0"#,
            ),
        ),
        (
            Error::ParentMissing {
                name: name.clone(),
                place: Place::Container,
                candidates: vec![],
            },
            (7, r#"master: there is no link "eth1" in the container"#, ""),
        ),
        (
            Error::ParentNotEthernet {
                name: "lo".to_owned(),
            },
            (
                7,
                r#"master: "lo" is not an Ethernet device"#,
                "a macvlan needs a parent that carries Ethernet frames",
            ),
        ),
        (
            Error::ParentDown {
                name: name.clone(),
                place: Place::Host,
            },
            (
                100,
                r#"the parent "eth1" is down on the host"#,
                "`ip link set eth1 up`, and let the node's network configuration do so at boot",
            ),
        ),
        (
            Error::ParentWireless {
                name: "wlan0".to_owned(),
            },
            (
                100,
                r#"the parent "wlan0" is a Wi-Fi device, whose access point drops frames from any other MAC"#,
                "use an ipvlan, which shares the MAC of its parent, or a wired parent",
            ),
        ),
        (
            Error::NameTaken {
                ifname: "net1".to_owned(),
                netns: "/run/netns/p".to_owned(),
            },
            (
                4,
                r#"CNI_IFNAME: the name "net1" is taken in the network namespace "/run/netns/p""#,
                "remove the link that has it, or ask for another interface name",
            ),
        ),
        (
            Error::Netns(netns::Error::NotFound {
                path: "/run/netns/p".into(),
            }),
            (
                3,
                "CNI_NETNS: no network namespace at /run/netns/p: no such file",
                "",
            ),
        ),
        (
            Error::Netns(netns::Error::NotANamespace {
                path: "/run/netns/p".into(),
            }),
            (4, "CNI_NETNS: /run/netns/p is not a network namespace", ""),
        ),
    ]
}

fn kernel() -> Vec<(Error, Expected)> {
    let refused = |errno| netlink::Error::Kernel {
        operation: "create macvlan",
        object: "\"net1\"".to_owned(),
        errno,
        extack: Some("no".to_owned()),
    };
    let obstructed = |obstacle, errno| Error::Obstructed {
        ifname: "net1".to_owned(),
        parent: "eth1".to_owned(),
        obstacle,
        errno,
    };
    vec![
        (
            refused(Errno::EPERM).into(),
            (
                100,
                r#"cannot create macvlan "net1": EPERM: Operation not permitted; kernel says "no""#,
                "",
            ),
        ),
        (
            Error::ParentMac {
                parent: "eth1".to_owned(),
                mac: MacAddr::new([2, 0, 0, 0, 0, 7]),
                source: refused(Errno::EBUSY),
            },
            (
                100,
                r#"cannot give the parent "eth1" the MAC 02:00:00:00:00:07, which mode passthru shares: cannot create macvlan "net1": EBUSY: Device or resource busy; kernel says "no""#,
                r#"leave "mac" out to use the parent's own, or use another "mode""#,
            ),
        ),
        (
            netlink::Error::DuplicateAddress {
                address: "fd00::7".parse().expect("an address"),
            }
            .into(),
            (
                105,
                "address fd00::7 is in use by another host on the link",
                "find the host that has it, or give the pod another address",
            ),
        ),
        (
            obstructed(
                Obstacle::Occupant {
                    occupant: Some("bridge \"br0\"".to_owned()),
                },
                Errno::EBUSY,
            ),
            (
                100,
                r#"cannot create macvlan "net1" on "eth1": it is in use by bridge "br0" (EBUSY)"#,
                OCCUPIED,
            ),
        ),
        (
            obstructed(Obstacle::Occupant { occupant: None }, Errno::EBUSY),
            (
                100,
                r#"cannot create macvlan "net1" on "eth1": it is in use by a bridge, a bond or an ipvlan (EBUSY)"#,
                OCCUPIED,
            ),
        ),
        (
            obstructed(Obstacle::NotAlone, Errno::EINVAL),
            (
                100,
                r#"cannot create macvlan "net1" on "eth1": mode passthru needs it alone, and it has other macvlans (EINVAL)"#,
                r#"use a parent without other macvlans, or another "mode""#,
            ),
        ),
        (
            obstructed(Obstacle::TakenByPassthru, Errno::EINVAL),
            (
                100,
                r#"cannot create macvlan "net1" on "eth1": a macvlan in mode passthru has it for itself (EINVAL)"#,
                "use another parent, or first remove the pod that has this one for itself",
            ),
        ),
        (
            obstructed(
                Obstacle::Mac {
                    mac: Some(MacAddr::new([2, 0, 0, 0, 0, 7])),
                },
                Errno::EADDRINUSE,
            ),
            (
                100,
                r#"cannot create macvlan "net1" on "eth1": the MAC 02:00:00:00:00:07 is in use on it (EADDRINUSE)"#,
                "give the pod another MAC, or wait until the pod that had it is gone",
            ),
        ),
    ]
}

const OCCUPIED: &str = "set \"master\" to the bridge or bond itself; a parent of ipvlans takes no macvlan, in whatever namespace they are";

fn differences() -> Vec<(Error, Expected)> {
    let ifname = || "net1".to_owned();
    let netns = || PathBuf::from("/run/netns/p");
    let anew = "delete the pod, so that it is made anew";
    let result = "the runtime must pass on the result of this attachment's ADD";
    [
        (
            Difference::NetnsGone { netns: netns() },
            r#"the network namespace "/run/netns/p" is gone"#,
            anew,
        ),
        (
            Difference::NotPromised { ifname: ifname() },
            r#"prevResult.interfaces: there is no "net1" with a sandbox"#,
            result,
        ),
        (
            Difference::OtherNetns {
                ifname: ifname(),
                sandbox: "/run/netns/q".to_owned(),
                netns: netns(),
            },
            r#"prevResult.interfaces: "net1" is in the sandbox "/run/netns/q", which is not CNI_NETNS "/run/netns/p""#,
            result,
        ),
        (
            Difference::Kind {
                ifname: ifname(),
                kind: Some("veth".to_owned()),
            },
            r#"the link "net1" is not a macvlan, but veth"#,
            anew,
        ),
        (
            Difference::Kind {
                ifname: ifname(),
                kind: None,
            },
            r#"the link "net1" is not a macvlan, but a device"#,
            anew,
        ),
        (
            Difference::Mode {
                ifname: ifname(),
                found: Some(MacvlanMode::Vepa),
                promised: MacvlanMode::Bridge,
            },
            r#"the link "net1" has mode vepa, expected bridge"#,
            anew,
        ),
        (
            Difference::Parent {
                ifname: ifname(),
                promised: "eth1".to_owned(),
            },
            r#"the link "net1" has another parent than "eth1""#,
            anew,
        ),
    ]
    .map(|(difference, msg, advice)| (difference.into(), (104, msg, advice)))
    .into()
}

fn differences_from_result() -> Vec<(Error, Expected)> {
    let ifname = || "net1".to_owned();
    let anew = "delete the pod, so that it is made anew";
    let net = |text: &str| text.parse().expect("a network");
    let expected = NewRoute::new(net("10.0.0.0/8"), None, 7);
    let found = KernelRoute {
        dst: net("10.0.0.0/8"),
        gw: Some("192.0.2.1".parse().expect("an address")),
        ifindex: Some(2),
        table: 254,
        scope: 0,
        priority: 0,
        mtu: None,
        advmss: None,
        protocol: 3,
        onlink: false,
        kind: 1,
    };
    let route = |elsewhere| compare::Difference::Route {
        ifname: ifname(),
        expected: Box::new(expected),
        found: vec![],
        elsewhere,
    };
    [
        (
            compare::Difference::NotPromised { ifname: ifname() },
            (104, r#"the result has no interface "net1""#, anew),
        ),
        (
            compare::Difference::LinkGone { ifname: ifname() },
            (104, r#"there is no link "net1""#, anew),
        ),
        (
            compare::Difference::Down { ifname: ifname() },
            (104, r#"link "net1" is down"#, anew),
        ),
        (
            compare::Difference::Mac {
                ifname: ifname(),
                expected: "02:00:00:00:00:07".to_owned(),
                found: None,
            },
            (104, r#"link "net1" has MAC none, not 02:00:00:00:00:07"#, anew),
        ),
        (
            compare::Difference::Mtu {
                ifname: ifname(),
                expected: 1500,
                found: 1400,
            },
            (104, r#"link "net1" has MTU 1400, not 1500"#, anew),
        ),
        (
            compare::Difference::Address {
                ifname: ifname(),
                expected: net("192.0.2.5/24"),
                found: vec![net("192.0.2.6/24")],
            },
            (104, r#"link "net1" has no address 192.0.2.5/24, but 192.0.2.6/24"#, anew),
        ),
        (
            compare::Difference::Duplicate {
                ifname: ifname(),
                address: net("fd00::7/64"),
            },
            (
                105,
                r#"address fd00::7/64 of link "net1" is in use by another host"#,
                "find the host that has it, or give the pod another address",
            ),
        ),
        (
            route(None),
            (104, r#"link "net1" has no route 10.0.0.0/8, nor any like it"#, anew),
        ),
        (
            route(Some(Box::new(("eth0".to_owned(), found)))),
            (
                104,
                r#"link "net1" has no route 10.0.0.0/8, but link "eth0" has 10.0.0.0/8 via 192.0.2.1"#,
                anew,
            ),
        ),
        (
            compare::Difference::Unknown(netlink::Error::Malformed {
                operation: "list",
                object: "routes".to_owned(),
            }),
            (100, "cannot list routes: the kernel's reply is malformed", ""),
        ),
    ]
    .map(|(difference, expected)| (difference.into(), expected))
    .into()
}
