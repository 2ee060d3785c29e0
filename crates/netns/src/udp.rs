//! The UDP socket of a DHCP client that has an address: renewals and releases go from the leased address to the
//! server as ordinary datagrams (RFC 2131 §4.4.5).
//!
//! Unlike a packet socket it is cheap to close, so it may live for one exchange.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn, setsockopt, sockopt};

use crate::Error;

/// The port that DHCP clients send from and listen on.
pub const CLIENT_PORT: u16 = 68;
/// The port that DHCP servers and relays listen on.
pub const SERVER_PORT: u16 = 67;

/// Opens a non-blocking socket bound to `address`, the DHCP client's port and the link `ifname`.
///
/// The socket belongs to the namespace that the calling thread is in: call it through [`Netns::run`](crate::Netns::run)
/// for another one. It may send to the broadcast address.
///
/// # Errors
/// `EADDRNOTAVAIL` when the namespace does not have `address`, `ENODEV` when it has no such link.
pub fn open_client(ifname: &str, address: Ipv4Addr) -> Result<UdpSocket, Error> {
    open(ifname, SocketAddrV4::new(address, CLIENT_PORT))
        .map_err(Error::system("open the UDP socket of a DHCP client"))
}

fn open(ifname: &str, local: SocketAddrV4) -> nix::Result<UdpSocket> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket::socket(AddressFamily::Inet, SockType::Datagram, flags, None)?;
    // Another DHCP client in the pod, or an older exchange of ours, must not be in the way.
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    setsockopt(&socket, sockopt::Broadcast, &true)?;
    setsockopt(&socket, sockopt::BindToDevice, &OsString::from(ifname))?;
    socket::bind(socket.as_raw_fd(), &SockaddrIn::from(local))?;
    Ok(UdpSocket::from(socket))
}
