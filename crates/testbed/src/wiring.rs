//! Links, addresses and routes made in the current network namespace, by rtnetlink messages built here by hand.
//!
//! Neither `ip` nor the project's own netlink crate is used: the demonstration must run without the one, and tests
//! must not trust the other.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

use crate::space::Space;

/// Creates a bridge, up.
pub fn create_bridge(name: &str) {
    request(
        RTM_NEWLINK,
        CREATE,
        &link(0, true)
            .text(IFLA_IFNAME, name)
            .nest(IFLA_LINKINFO, |info| info.text(INFO_KIND, "bridge")),
    );
}

/// Creates a pair of veth links, up: `name` here, `peer` in the network namespace of `far`.
pub fn create_veth(name: &str, peer: &str, far: &Space) {
    let there = link(0, false)
        .text(IFLA_IFNAME, peer)
        .fd(IFLA_NET_NS_FD, far.net());
    let info = |info: Message| {
        info.text(INFO_KIND, "veth")
            .nest(INFO_DATA, |data| data.bytes(VETH_INFO_PEER, &there.0))
    };
    request(
        RTM_NEWLINK,
        CREATE,
        &link(0, false)
            .text(IFLA_IFNAME, name)
            .nest(IFLA_LINKINFO, info),
    );
    // A veth link cannot be up before its peer is there.
    set_up(name);
    far.enter(|| set_up(peer));
}

/// Creates a macvlan link in bridge mode, not up.
pub fn create_macvlan(name: &str, parent: &str) {
    let info = |info: Message| {
        info.text(INFO_KIND, "macvlan").nest(INFO_DATA, |data| {
            data.u32(IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE)
        })
    };
    request(
        RTM_NEWLINK,
        CREATE,
        &link(0, false)
            .text(IFLA_IFNAME, name)
            .u32(IFLA_LINK, index(parent))
            .nest(IFLA_LINKINFO, info),
    );
}

/// Deletes a link.
pub fn delete(name: &str) {
    request(RTM_DELLINK, 0, &link(index(name), false));
}

/// Changes the mode of a macvlan link, by its number in the kernel.
pub fn set_macvlan_mode(name: &str, mode: u32) {
    let info = |info: Message| {
        info.text(INFO_KIND, "macvlan")
            .nest(INFO_DATA, |data| data.u32(IFLA_MACVLAN_MODE, mode))
    };
    request(
        RTM_NEWLINK,
        0,
        &link_flags(index(name), 0, 0).nest(IFLA_LINKINFO, info),
    );
}

/// Sets a link up.
pub fn set_up(name: &str) {
    request(RTM_NEWLINK, 0, &link(index(name), true));
}

/// Sets a link down.
pub fn set_down(name: &str) {
    request(RTM_NEWLINK, 0, &link_flags(index(name), 0, IFF_UP));
}

/// Sets a link's MTU.
pub fn set_mtu(name: &str, mtu: u32) {
    request(
        RTM_NEWLINK,
        0,
        &link_flags(index(name), 0, 0).u32(IFLA_MTU, mtu),
    );
}

/// Sets a link's hardware address.
pub fn set_mac(name: &str, mac: [u8; 6]) {
    request(
        RTM_NEWLINK,
        0,
        &link_flags(index(name), 0, 0).bytes(IFLA_ADDRESS, &mac),
    );
}

/// Renames a link.
pub fn rename(name: &str, new_name: &str) {
    request(
        RTM_NEWLINK,
        0,
        &link_flags(index(name), 0, 0).text(IFLA_IFNAME, new_name),
    );
}

/// Moves a link into the network namespace that the file at `netns` is.
pub fn move_to(name: &str, netns: &Path) {
    let netns = File::open(netns).expect("open the namespace file");
    request(
        RTM_NEWLINK,
        0,
        &link_flags(index(name), 0, 0).fd(IFLA_NET_NS_FD, netns.as_fd()),
    );
}

/// Makes a link a port of a bridge.
pub fn attach(port: &str, bridge: &str) {
    request(
        RTM_NEWLINK,
        0,
        &link_flags(index(port), 0, 0).u32(IFLA_MASTER, index(bridge)),
    );
}

/// Adds an address. An IPv6 address is usable at once: duplicates are not looked for.
pub fn add_address(name: &str, address: IpAddr, prefix_len: u8) {
    request(
        RTM_NEWADDR,
        CREATE,
        &address_message(name, address, prefix_len),
    );
}

/// Deletes an address.
pub fn delete_address(name: &str, address: IpAddr, prefix_len: u8) {
    request(RTM_DELADDR, 0, &address_message(name, address, prefix_len));
}

/// Adds a default route, of IPv4 in front of those that are there.
pub fn add_default_route(name: &str, gateway: IpAddr) {
    let everything: IpAddr = match gateway {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    request(
        RTM_NEWROUTE,
        NLM_F_CREATE,
        &route_message(everything, 0)
            .address(RTA_GATEWAY, gateway)
            .u32(RTA_OIF, index(name)),
    );
}

/// Adds a route, unless there is one to that destination.
pub fn add_route(name: &str, destination: IpAddr, prefix_len: u8, gateway: IpAddr) {
    request(
        RTM_NEWROUTE,
        CREATE,
        &route_message(destination, prefix_len)
            .address(RTA_GATEWAY, gateway)
            .u32(RTA_OIF, index(name)),
    );
}

/// Deletes the route through a link to that destination.
pub fn delete_route(name: &str, destination: IpAddr, prefix_len: u8) {
    request(
        RTM_DELROUTE,
        0,
        &of_route(destination, prefix_len, RTPROT_UNSPEC, RT_SCOPE_NOWHERE)
            .u32(RTA_OIF, index(name)),
    );
}

/// Pins the hardware address of an IPv4 neighbor, so that it is reached without ARP.
pub fn pin_neighbor(name: &str, address: Ipv4Addr, mac: [u8; 6]) {
    let mut header = vec![AF_INET, 0, 0, 0];
    header.extend(index(name).to_ne_bytes());
    header.extend(NUD_REACHABLE.to_ne_bytes());
    header.extend([0, RTN_UNICAST]);
    let message = Message(header)
        .address(NDA_DST, address.into())
        .bytes(NDA_LLADDR, &mac);
    request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &message);
}

/// Returns the index of a link.
#[must_use]
pub fn index(name: &str) -> u32 {
    if_nametoindex(name)
        .unwrap_or_else(|error| panic!("no link {name:?} in this namespace: {error}"))
}

/// Says whether there is a link of this name.
#[must_use]
pub fn exists(name: &str) -> bool {
    if_nametoindex(name).is_ok()
}

fn address_message(name: &str, address: IpAddr, prefix_len: u8) -> Message {
    let mut header = vec![family(address), prefix_len, IFA_F_NODAD, 0];
    header.extend(index(name).to_ne_bytes());
    Message(header)
        .address(IFA_LOCAL, address)
        .address(IFA_ADDRESS, address)
}

fn route_message(destination: IpAddr, prefix_len: u8) -> Message {
    of_route(destination, prefix_len, RTPROT_STATIC, RT_SCOPE_UNIVERSE)
}

fn of_route(destination: IpAddr, prefix_len: u8, protocol: u8, scope: u8) -> Message {
    let mut header = vec![family(destination), prefix_len, 0, 0];
    header.extend([RT_TABLE_MAIN, protocol, scope, RTN_UNICAST]);
    header.extend([0; 4]);
    Message(header).address(RTA_DST, destination)
}

fn link(index: u32, up: bool) -> Message {
    if up {
        link_flags(index, IFF_UP, IFF_UP)
    } else {
        link_flags(index, 0, 0)
    }
}

fn link_flags(index: u32, flags: u32, change: u32) -> Message {
    let mut header = vec![0, 0, 0, 0];
    header.extend(index.to_ne_bytes());
    header.extend(flags.to_ne_bytes());
    header.extend(change.to_ne_bytes());
    Message(header)
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { AF_INET } else { AF_INET6 }
}

/// The family's header and its attributes.
struct Message(Vec<u8>);

impl Message {
    fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len() + 4).expect("an attribute is short");
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    fn text(self, kind: u16, value: &str) -> Self {
        self.bytes(kind, &[value.as_bytes(), b"\0"].concat())
    }

    fn u32(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    fn fd(self, kind: u16, value: BorrowedFd<'_>) -> Self {
        self.bytes(kind, &value.as_raw_fd().to_ne_bytes())
    }

    fn address(self, kind: u16, value: IpAddr) -> Self {
        match value {
            IpAddr::V4(v4) => self.bytes(kind, &v4.octets()),
            IpAddr::V6(v6) => self.bytes(kind, &v6.octets()),
        }
    }

    fn nest(self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let inner = fill(Self(Vec::new()));
        self.bytes(kind, &inner.0)
    }
}

#[track_caller]
fn request(kind: u16, flags: u16, message: &Message) {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )
    .expect("open a netlink socket");
    let length = u32::try_from(NLMSG_HEADER + message.0.len()).expect("a request is short");
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((flags | NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(&message.0);
    send(socket.as_raw_fd(), &bytes, MsgFlags::empty()).expect("send a netlink request");
    let mut answer = [0; 4096];
    recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).expect("receive a netlink answer");
    let errno = i32::from_ne_bytes(
        answer[NLMSG_HEADER..NLMSG_HEADER + 4]
            .try_into()
            .expect("four bytes"),
    );
    assert!(
        errno == 0,
        "the kernel refused netlink request {kind}: {}",
        Errno::from_raw(-errno)
    );
}

const NLMSG_HEADER: usize = 16;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_REPLACE: u16 = 0x100;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const CREATE: u16 = NLM_F_CREATE | NLM_F_EXCL;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_NEWNEIGH: u16 = 28;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IFF_UP: u32 = 1;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_MACVLAN_MODE: u16 = 1;
const MACVLAN_MODE_BRIDGE: u32 = 4;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_F_NODAD: u8 = 2;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_UNSPEC: u8 = 0;
const RTPROT_STATIC: u8 = 4;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_NOWHERE: u8 = 255;
const RTN_UNICAST: u8 = 1;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NUD_REACHABLE: u16 = 2;
