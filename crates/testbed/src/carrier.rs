//! When a link begins to carry frames, and when it ends.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
    socket,
};

use crate::deadline::Deadline;
use crate::wiring;

/// Waits until a link of the current network namespace has, or no longer has, a carrier in the kernel's eyes.
///
/// The kernel takes notice of a carrier in work of its own, and drops in silence what is sent before that.
#[track_caller]
pub(crate) fn await_carrier(name: &str, wanted: bool, deadline: Deadline) {
    let index = wiring::index(name);
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        SockProtocol::NetlinkRoute,
    )
    .expect("open a netlink socket");
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, RTMGRP_LINK)).expect("subscribe to links");
    // The answer to this comes among the events, so that nothing can happen in between.
    let mut request = 32_u32.to_ne_bytes().to_vec();
    request.extend(RTM_GETLINK.to_ne_bytes());
    request.extend(NLM_F_REQUEST.to_ne_bytes());
    request.extend([0; 12]);
    request.extend(index.to_ne_bytes());
    request.extend([0; 8]);
    send(socket.as_raw_fd(), &request, MsgFlags::empty()).expect("ask for a link");
    let mut buffer = [0; 16384];
    loop {
        while let Ok(length) = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            if carrier_in(&buffer[..length], index) == Some(wanted) {
                return;
            }
        }
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, deadline.poll_timeout()) {
            Ok(0) => panic!("the carrier of link {name:?} is not {wanted} in time"),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
    }
}

/// The kernel's messages about links stand one to a datagram: `nlmsghdr`, then `ifinfomsg`.
fn carrier_in(datagram: &[u8], index: u32) -> Option<bool> {
    let word = |at: usize| {
        let bytes = datagram.get(at..at + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    let about_it = word(4)? & 0xffff == u32::from(RTM_NEWLINK) && word(20)? == index;
    about_it.then_some(word(24)? & IFF_RUNNING != 0)
}

const RTMGRP_LINK: u32 = 1;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST: u16 = 1;
const IFF_RUNNING: u32 = 0x40;
