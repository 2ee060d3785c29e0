//! Link-layer socket addresses (`packet(7)`), which `nix` can read but not make, and sending to one.
#![expect(unsafe_code, reason = "nix makes a LinkAddr only from a raw pointer")]

use std::io::IoSlice;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{LinkAddr, MsgFlags, SockaddrLike as _, sendmsg};

use crate::Error;
use crate::packet::Sent;

/// Sends `payload` in a frame of `ethertype` to the station `to` on the link `ifindex`.
pub(crate) fn send(
    socket: &OwnedFd,
    (ifindex, ethertype, to): (u32, u16, [u8; 6]),
    payload: &[u8],
    operation: &'static str,
) -> Result<Sent, Error> {
    let to = link_address(ifindex, ethertype, to).map_err(Error::system(operation))?;
    let parts = [IoSlice::new(payload)];
    let flags = MsgFlags::empty();
    match sendmsg(socket.as_raw_fd(), &parts, &[], flags, Some(&to)) {
        Ok(_) => Ok(Sent::Whole),
        Err(Errno::ENOBUFS | Errno::EAGAIN) => Ok(Sent::Lost),
        Err(errno) => Err(Error::on_link(operation, errno)),
    }
}

/// Returns the address of a station on the link `ifindex`; `station` does not matter to `bind`.
pub(crate) fn link_address(
    ifindex: u32,
    ethertype: u16,
    station: [u8; 6],
) -> Result<LinkAddr, Errno> {
    let mut hardware = [0; 8];
    for (to, from) in hardware.iter_mut().zip(station) {
        *to = from;
    }
    let raw = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).map_err(|_| Errno::EAFNOSUPPORT)?,
        sll_protocol: ethertype.to_be(),
        sll_ifindex: i32::try_from(ifindex).map_err(|_| Errno::ENODEV)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: hardware,
    };
    let length = u32::try_from(size_of_val(&raw)).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the pointer is to a whole, initialised sockaddr_ll that lives until the call returns; the length is its
    // own, and its family is the one that LinkAddr checks for before it copies the bytes.
    unsafe { LinkAddr::from_raw((&raw const raw).cast(), Some(length)) }.ok_or(Errno::EINVAL)
}
