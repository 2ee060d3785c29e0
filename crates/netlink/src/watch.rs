//! Changes of links, as the kernel tells of them (`rtnetlink(7)`, group `RTMGRP_LINK`).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::libc;

use crate::Error;
use crate::decode::messages;

/// A subscription to the links of one namespace. It never blocks.
pub struct LinkWatch {
    socket: Socket,
    buffer: Vec<u8>,
}

/// What the kernel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkNews {
    /// Something about a link is new; perhaps only a link on top of it, in whatever namespace.
    Changed {
        /// The link.
        index: u32,
        /// Whether it is operational: on, with carrier, not dormant (`IFF_RUNNING`).
        running: bool,
    },
    /// A link is gone.
    Gone {
        /// The link it was.
        index: u32,
    },
    /// There was more to tell than the kernel keeps: every link has to be looked at.
    Missed,
}

impl LinkWatch {
    /// Subscribes to the links of the namespace that the calling thread is in.
    pub fn open() -> Result<Self, Error> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.set_non_blocking(true)?;
        socket.bind(&SocketAddr::new(0, RTMGRP_LINK))?;
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(LARGEST_DATAGRAM),
        })
    }

    /// Takes what the kernel told next, if it has told anything.
    pub fn read(&mut self) -> Result<Option<LinkNews>, Error> {
        loop {
            self.buffer.clear();
            match self.socket.recv_from(&mut self.buffer, 0) {
                Ok((_, sender)) if sender.port_number() == KERNEL => {
                    if let Some(news) = news(&self.buffer) {
                        return Ok(Some(news));
                    }
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
                    return Ok(Some(LinkNews::Missed));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for LinkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for LinkWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Reads `struct ifinfomsg`; nothing from what a bridge tells of its ports (`AF_BRIDGE`).
fn news(datagram: &[u8]) -> Option<LinkNews> {
    // The kernel sends each in a datagram of its own.
    let message = messages(datagram).next()?;
    let (&[family, _, _, _, i0, i1, i2, i3, f0, f1, f2, f3], _) =
        message.payload.split_first_chunk::<12>()?;
    let index = u32::from_ne_bytes([i0, i1, i2, i3]);
    let running = u32::from_ne_bytes([f0, f1, f2, f3]) & IFF_RUNNING != 0;
    match message.kind {
        libc::RTM_NEWLINK if family == AF_UNSPEC => Some(LinkNews::Changed { index, running }),
        libc::RTM_DELLINK if family == AF_UNSPEC => Some(LinkNews::Gone { index }),
        _ => None,
    }
}

const RTMGRP_LINK: u32 = 1;
const AF_UNSPEC: u8 = 0;
const IFF_RUNNING: u32 = 0x40;
/// The port of the kernel's end.
const KERNEL: u32 = 0;
/// A link with many virtual functions takes that much.
const LARGEST_DATAGRAM: usize = 64 * 1024;
