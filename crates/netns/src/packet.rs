//! Packet sockets for a DHCP client that has no address yet (`packet(7)`).
//!
//! The socket is of type `SOCK_DGRAM`: the kernel writes and strips the Ethernet header, and what is sent and received
//! starts at the IPv4 header. Opening is three calls in an order that matters, see [`PacketSocket::open`]. Closing
//! blocks for an RCU grace period, 13–16 ms: an event loop hands the socket to another thread to drop.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    self, AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockType, recvmsg,
};

use crate::Error;
use crate::ip::Checksum;
use crate::link_address::{self, link_address};

mod filter;

pub use filter::DhcpFilter;

/// The Ethernet broadcast address.
pub const BROADCAST: [u8; 6] = [0xff; 6];

/// A non-blocking socket that sends and receives IPv4 packets on one link.
#[derive(Debug)]
pub struct PacketSocket {
    fd: OwnedFd,
    ifindex: u32,
}

/// What became of a packet that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    /// It is on its way.
    Whole,
    /// A queue was full, and the packet is lost as if on the wire: many macvlans on one parent make this happen.
    Lost,
}

/// A packet that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many bytes of the buffer it fills, from the IPv4 header on.
    pub len: usize,
    /// The Ethernet address it came from, if the link has such.
    pub source_mac: Option<[u8; 6]>,
    /// Whether its UDP checksum is to be judged.
    pub checksum: Checksum,
}

impl PacketSocket {
    /// Opens a socket on the link `ifindex` of the namespace that the calling thread is in; only what passes `filter`
    /// wakes it up.
    pub fn open(ifindex: u32, filter: &DhcpFilter) -> Result<Self, Error> {
        // Protocol 0 receives nothing: no packet slips in before the filter is there, and binding a socket that does
        // receive would block for an RCU grace period.
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket::socket(AddressFamily::Packet, SockType::Datagram, flags, None)
            .map_err(Error::system("open a packet socket"))?;
        filter
            .attach(&fd)
            .map_err(Error::system("attach the DHCP filter to a packet socket"))?;
        filter::request_auxiliary_data(&fd).map_err(Error::system(
            "request checksum states from a packet socket",
        ))?;
        link_address(ifindex, ETHERTYPE_IPV4, [0; 6])
            .and_then(|address| socket::bind(fd.as_raw_fd(), &address))
            .map_err(Error::system("bind a packet socket"))?;
        Ok(Self { fd, ifindex })
    }

    /// Sends an IPv4 packet to the station `to`.
    ///
    /// # Errors
    /// [`Error::LinkDown`] while the link is down; anything else means that the link is gone.
    pub fn send(&self, to: [u8; 6], packet: &[u8]) -> Result<Sent, Error> {
        let target = (self.ifindex, ETHERTYPE_IPV4, to);
        link_address::send(&self.fd, target, packet, "send on a packet socket")
    }

    /// Receives one packet, or nothing when none is waiting; what does not fit the buffer is cut off.
    ///
    /// # Errors
    /// [`Error::LinkDown`] once when the link goes down or away; the next call waits for packets again.
    pub fn recv(&self, buffer: &mut [u8]) -> Result<Option<Received>, Error> {
        const OPERATION: &str = "receive from a packet socket";
        let mut control = nix::cmsg_space!([u8; AUXILIARY_DATA]);
        let mut parts = [IoSliceMut::new(buffer)];
        let fd = self.fd.as_raw_fd();
        let message =
            match recvmsg::<LinkAddr>(fd, &mut parts, Some(&mut control), MsgFlags::empty()) {
                Ok(message) => message,
                Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
                Err(errno) => return Err(Error::on_link(OPERATION, errno)),
            };
        let mut checksum = Checksum::Judge;
        for control in message.cmsgs().map_err(Error::system(OPERATION))? {
            if let ControlMessageOwned::Unknown(control) = control
                && control.cmsg_header.cmsg_level == libc::SOL_PACKET
                && control.cmsg_header.cmsg_type == libc::PACKET_AUXDATA
            {
                checksum = checksum_state(&control.data_bytes);
            }
        }
        let source_mac = message.address.and_then(|address| address.addr());
        Ok(Some(Received {
            len: message.bytes,
            source_mac,
            checksum,
        }))
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for PacketSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Reads `struct tpacket_auxdata`, whose first field is the status.
fn checksum_state(auxiliary: &[u8]) -> Checksum {
    let status = auxiliary
        .first_chunk()
        .map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    if status & (libc::TP_STATUS_CSUMNOTREADY | libc::TP_STATUS_CSUM_VALID) == 0 {
        Checksum::Judge
    } else {
        Checksum::Trust
    }
}

/// `linux/if_ether.h`: `ETH_P_IP`.
const ETHERTYPE_IPV4: u16 = 0x0800;
/// `linux/if_packet.h`: the size of `struct tpacket_auxdata`.
const AUXILIARY_DATA: usize = 20;
