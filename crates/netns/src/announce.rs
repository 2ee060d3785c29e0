//! Telling the link that an address has a new home: an ARP announcement (RFC 5227 §3) and an unsolicited neighbor
//! advertisement (RFC 4861 §7.2.6).
//!
//! Both act in the namespace that the calling thread is in. A link whose sysctls `arp_notify` and `ndisc_notify` are on
//! is announced by the kernel itself when its address is set (`netlink::apply` does that), which costs no packet
//! socket; these are for announcing again, or one address alone.

use std::io::IoSlice;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    self, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn6, sendmsg, sendto,
    setsockopt, sockopt,
};

use crate::Error;
use crate::link_address::link_address;
use crate::packet::{BROADCAST, Sent};

/// Broadcasts an ARP announcement of `address` at `mac` on the link `ifindex`.
///
/// Returns the used socket, because to close it blocks for 13–16 ms: drop it where that does no harm.
pub fn gratuitous_arp(
    ifindex: u32,
    mac: [u8; 6],
    address: Ipv4Addr,
) -> Result<(Sent, OwnedFd), Error> {
    const OPERATION: &str = "send an ARP announcement";
    let socket = socket::socket(
        AddressFamily::Packet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .map_err(Error::system(OPERATION))?;
    let to = link_address(ifindex, ETHERTYPE_ARP, BROADCAST).map_err(Error::system(OPERATION))?;
    let message = arp_announcement(mac, address);
    let sent = sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(&message)],
        &[],
        MsgFlags::empty(),
        Some(&to),
    );
    Ok((outcome(sent, OPERATION)?, socket))
}

/// Sends an unsolicited neighbor advertisement of `address` at `mac`, with the override flag, to all nodes of the link
/// `ifindex`.
pub fn unsolicited_advertisement(
    ifindex: u32,
    mac: [u8; 6],
    address: Ipv6Addr,
) -> Result<Sent, Error> {
    const OPERATION: &str = "send an unsolicited neighbor advertisement";
    let socket = socket::socket(
        AddressFamily::Inet6,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::IcmpV6,
    )
    .map_err(Error::system(OPERATION))?;
    // RFC 4861 §7.1.2: receivers discard what has passed a router, which any other hop limit would show.
    setsockopt(&socket, sockopt::Ipv6MulticastHops, &255).map_err(Error::system(OPERATION))?;
    socket::bind(
        socket.as_raw_fd(),
        &SockaddrIn6::from(SocketAddrV6::new(address, 0, 0, ifindex)),
    )
    .map_err(Error::system(OPERATION))?;
    let to = SockaddrIn6::from(SocketAddrV6::new(ALL_NODES, 0, 0, ifindex));
    let sent = sendto(
        socket.as_raw_fd(),
        &advertisement(mac, address),
        &to,
        MsgFlags::empty(),
    );
    outcome(sent, OPERATION)
}

fn outcome(sent: nix::Result<usize>, operation: &'static str) -> Result<Sent, Error> {
    match sent {
        Ok(_) => Ok(Sent::Whole),
        Err(Errno::ENOBUFS) => Ok(Sent::Lost),
        Err(Errno::ENETDOWN) => Err(Error::LinkDown { operation }),
        Err(errno) => Err(Error::System { operation, errno }),
    }
}

/// RFC 5227 §3: a request whose sender and target addresses are both the announced one.
fn arp_announcement(mac: [u8; 6], address: Ipv4Addr) -> Vec<u8> {
    const ETHERNET_IPV4: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];
    const REQUEST: [u8; 2] = [0, 1];
    [
        &ETHERNET_IPV4[..],
        &REQUEST,
        &mac,
        &address.octets(),
        &[0; 6],
        &address.octets(),
    ]
    .concat()
}

/// RFC 4861 §4.4, with the target link-layer address option; the kernel fills in the checksum.
fn advertisement(mac: [u8; 6], address: Ipv6Addr) -> Vec<u8> {
    const TYPE_CODE_CHECKSUM: [u8; 4] = [136, 0, 0, 0];
    const OVERRIDE: [u8; 4] = [0x20, 0, 0, 0];
    const TARGET_LINK_LAYER_ADDRESS: [u8; 2] = [2, 1];
    [
        &TYPE_CODE_CHECKSUM[..],
        &OVERRIDE,
        &address.octets(),
        &TARGET_LINK_LAYER_ADDRESS,
        &mac,
    ]
    .concat()
}

const ETHERTYPE_ARP: u16 = 0x0806;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
