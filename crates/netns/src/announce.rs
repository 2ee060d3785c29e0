//! Telling the link that an address has a new home: an ARP announcement (RFC 5227 §3) and an unsolicited neighbor
//! advertisement (RFC 4861 §7.2.6).
//!
//! Both act in the namespace that the calling thread is in. A link whose sysctls `arp_notify` and `ndisc_notify` are on
//! is announced by the kernel itself when its address is set (`netlink::apply` does that), which costs no packet
//! socket; these are for announcing again, or one address alone.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    self, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn6, sendto,
    setsockopt, sockopt,
};

use crate::packet::Sent;
use crate::{Error, arp};

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
    // RFC 5227 §3: a request whose sender and target addresses are both the announced one.
    let message = arp::request(mac, address, address);
    let sent = arp::broadcast(&socket, ifindex, &message, OPERATION)?;
    Ok((sent, socket))
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
    match sent {
        Ok(_) => Ok(Sent::Whole),
        Err(Errno::ENOBUFS) => Ok(Sent::Lost),
        Err(errno) => Err(Error::on_link(OPERATION, errno)),
    }
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

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
