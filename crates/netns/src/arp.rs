//! Asking a link for another user of an IPv4 address (ARP probes, RFC 5227 §2.1.1).

use std::io::IoSliceMut;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{self, AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, recvmsg};

use crate::Error;
use crate::link_address::{self, link_address};
use crate::packet::{BROADCAST, Sent};

/// A non-blocking socket that hears every ARP message on one link. Closing it blocks for 13–16 ms.
#[derive(Debug)]
pub struct ArpSocket {
    fd: OwnedFd,
    ifindex: u32,
}

/// An ARP message about IPv4 on Ethernet (RFC 826), without what nobody needs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// The Ethernet address that the sender claims.
    pub sender_mac: [u8; 6],
    /// The address that the sender claims; unspecified in a probe.
    pub sender: Ipv4Addr,
    /// The address that is asked or told.
    pub target: Ipv4Addr,
}

impl ArpSocket {
    /// Opens a socket on the link `ifindex` of the namespace that the calling thread is in.
    pub fn open(ifindex: u32) -> Result<Self, Error> {
        const OPERATION: &str = "open an ARP socket";
        // Protocol 0 until it is bound, as for a packet socket for DHCP.
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket::socket(AddressFamily::Packet, SockType::Datagram, flags, None)
            .map_err(Error::system(OPERATION))?;
        link_address(ifindex, ETHERTYPE_ARP, [0; 6])
            .and_then(|address| socket::bind(fd.as_raw_fd(), &address))
            .map_err(Error::system(OPERATION))?;
        Ok(Self { fd, ifindex })
    }

    /// Broadcasts a probe for `address` on behalf of the station `mac`.
    ///
    /// # Errors
    /// [`Error::LinkDown`] while the link is down; anything else means that the link is gone.
    pub fn probe(&self, mac: [u8; 6], address: Ipv4Addr) -> Result<Sent, Error> {
        // RFC 5227 §2.1.1: a sender address of all zeroes, so that no cache takes it up.
        let message = request(mac, Ipv4Addr::UNSPECIFIED, address);
        broadcast(&self.fd, self.ifindex, &message, "send an ARP probe")
    }

    /// Receives the next message, or nothing when none is waiting. What is not about IPv4 on
    /// Ethernet is passed over.
    ///
    /// # Errors
    /// [`Error::LinkDown`] once when the link goes down or away.
    pub fn recv(&self) -> Result<Option<Arp>, Error> {
        const OPERATION: &str = "receive from an ARP socket";
        let mut buffer = [0; MESSAGE];
        for _ in 0..MOST_FOREIGN {
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let flags = MsgFlags::empty();
            let len = match recvmsg::<LinkAddr>(self.fd.as_raw_fd(), &mut parts, None, flags) {
                Ok(message) => message.bytes,
                Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
                Err(errno) => return Err(Error::on_link(OPERATION, errno)),
            };
            if let Some(arp) = buffer.get(..len).and_then(parse) {
                return Ok(Some(arp));
            }
        }
        Ok(None)
    }
}

impl AsFd for ArpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Arp {
    /// Returns whether the message shows that another station than `own` uses `address`, or is about
    /// to (RFC 5227 §2.1.1).
    #[must_use]
    pub fn conflicts_with(&self, address: Ipv4Addr, own: [u8; 6]) -> bool {
        let is_probe = self.sender.is_unspecified() && self.target == address;
        self.sender_mac != own && (self.sender == address || is_probe)
    }
}

/// A request for `target` by the station `mac` with the address `sender`.
pub(crate) fn request(mac: [u8; 6], sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    const REQUEST: [u8; 2] = [0, 1];
    [
        &ETHERNET_IPV4[..],
        &REQUEST,
        &mac,
        &sender.octets(),
        &[0; 6],
        &target.octets(),
    ]
    .concat()
}

/// Sends an ARP message to every station on the link `ifindex`.
pub(crate) fn broadcast(
    socket: &OwnedFd,
    ifindex: u32,
    message: &[u8],
    operation: &'static str,
) -> Result<Sent, Error> {
    let target = (ifindex, ETHERTYPE_ARP, BROADCAST);
    link_address::send(socket, target, message, operation)
}

fn parse(message: &[u8]) -> Option<Arp> {
    let (message, _padding) = message.split_first_chunk::<MESSAGE>()?;
    let rest = message.strip_prefix(&ETHERNET_IPV4)?;
    let (_operation, rest) = rest.split_first_chunk::<2>()?;
    let (sender_mac, rest) = rest.split_first_chunk::<6>()?;
    let (sender, rest) = rest.split_first_chunk::<4>()?;
    let (_target_mac, rest) = rest.split_first_chunk::<6>()?;
    let (target, _) = rest.split_first_chunk::<4>()?;
    Some(Arp {
        sender_mac: *sender_mac,
        sender: Ipv4Addr::from(*sender),
        target: Ipv4Addr::from(*target),
    })
}

/// RFC 826: hardware type Ethernet, protocol IPv4, and the lengths of their addresses.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];
/// RFC 826: the length of a message about IPv4 on Ethernet.
const MESSAGE: usize = 28;
/// `<linux/if_ether.h>`: `ETH_P_ARP`.
const ETHERTYPE_ARP: u16 = 0x0806;
/// Messages passed over in one go.
const MOST_FOREIGN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 2];
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 5);

    #[test]
    fn a_probe_claims_no_address() {
        let expected = Arp {
            sender_mac: OWN,
            sender: Ipv4Addr::UNSPECIFIED,
            target: ADDRESS,
        };
        assert_eq!(
            parse(&request(OWN, Ipv4Addr::UNSPECIFIED, ADDRESS)),
            Some(expected)
        );
    }

    #[test]
    fn padding_is_cut_off_and_anything_else_refused() {
        let message = request(OWN, Ipv4Addr::UNSPECIFIED, ADDRESS);
        let padded = [&message[..], &[0; 18]].concat();
        assert_eq!(parse(&padded), parse(&message));
        for length in 0..message.len() {
            assert_eq!(parse(&message[..length]), None, "{length}");
        }
        let mut token_ring = message.clone();
        token_ring[1] = 6;
        assert_eq!(parse(&token_ring), None);
    }

    #[test]
    fn users_and_rivals_are_conflicts_but_oneself_and_askers_are_not() {
        let message = |sender_mac, sender, target| Arp {
            sender_mac,
            sender,
            target,
        };
        let elsewhere = Ipv4Addr::new(192, 0, 2, 9);
        for (arp, conflict) in [
            (message(OTHER, ADDRESS, elsewhere), true),
            (message(OTHER, Ipv4Addr::UNSPECIFIED, ADDRESS), true),
            (message(OWN, Ipv4Addr::UNSPECIFIED, ADDRESS), false),
            (message(OWN, ADDRESS, ADDRESS), false),
            (message(OTHER, elsewhere, ADDRESS), false),
            (message(OTHER, Ipv4Addr::UNSPECIFIED, elsewhere), false),
        ] {
            assert_eq!(arp.conflicts_with(ADDRESS, OWN), conflict, "{arp:?}");
        }
    }
}
