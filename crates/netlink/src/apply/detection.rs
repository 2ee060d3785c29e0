//! Waiting for the end of duplicate address detection (RFC 4862 §5.4).

use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsFd as _;
use std::time::Duration;

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use netns::Netns;
use netns::clock::boot_now;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;

use crate::{Error, Netlink};

/// A subscription to changes of IPv6 addresses.
pub(super) struct Watch(Socket);

impl Watch {
    pub(super) fn open_in(netns: &Netns) -> Result<Self, Error> {
        netns.run(|| {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.set_non_blocking(true)?;
            socket.bind(&SocketAddr::new(0, RTMGRP_IPV6_IFADDR))?;
            Ok(Self(socket))
        })?
    }

    /// Waits until none of the addresses is tentative any more.
    ///
    /// A notification only says that it is time to look again: one that was lost in an overflow then does no harm.
    pub(super) fn wait(
        &self,
        netlink: &mut Netlink,
        ifindex: u32,
        mut pending: Vec<Ipv6Addr>,
    ) -> Result<(), Error> {
        let deadline = boot_now() + LONGEST;
        loop {
            look(netlink, ifindex, &mut pending)?;
            let Some(address) = pending.first() else {
                return Ok(());
            };
            // Without carrier the kernel does not begin; it will when there is one.
            let link = netlink.link_by_index(ifindex)?;
            if !link.carrier {
                return Ok(());
            }
            let left = deadline.saturating_sub(boot_now());
            if left.is_zero() {
                let address = IpAddr::V6(*address);
                return if link.running {
                    Err(Error::DetectionUnfinished {
                        address,
                        seconds: LONGEST.as_secs(),
                    })
                } else {
                    Ok(())
                };
            }
            self.sleep(left)?;
        }
    }

    fn sleep(&self, longest: Duration) -> Result<(), Error> {
        let timeout =
            PollTimeout::try_from(longest + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(io::Error::from(errno).into()),
        }
        // What it says does not matter, nor that some was lost.
        let mut discarded = Vec::with_capacity(DISCARDED);
        while self.0.recv_from(&mut discarded, 0).is_ok() {
            discarded.clear();
        }
        Ok(())
    }
}

/// Drops from `pending` what has become usable.
fn look(netlink: &mut Netlink, ifindex: u32, pending: &mut Vec<Ipv6Addr>) -> Result<(), Error> {
    let addresses = netlink.addresses(ifindex)?;
    let mut still = Vec::new();
    for address in pending.drain(..) {
        let address = IpAddr::V6(address);
        // An address that is not there any more was removed because it failed.
        let found = addresses.iter().find(|found| found.net.ip() == address);
        match (found, address) {
            (Some(found), _) if !found.tentative && !found.dad_failed => {}
            (Some(found), IpAddr::V6(address)) if !found.dad_failed => still.push(address),
            (Some(_) | None, _) => return Err(Error::DuplicateAddress { address }),
        }
    }
    *pending = still;
    Ok(())
}

/// One probe takes 1 s after a random delay of up to 1 s; `dad_transmits` may be set to more than that.
const LONGEST: Duration = Duration::from_secs(5);
const RTMGRP_IPV6_IFADDR: u32 = 0x100;
const DISCARDED: usize = 4096;
