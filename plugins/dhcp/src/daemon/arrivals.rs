//! Which of the open packet sockets have something to read.
//!
//! An epoll instance of its own, itself watched by the event loop: a socket is one `u64` here and
//! needs no task.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The watched sockets.
pub(crate) struct Arrivals {
    epoll: AsyncFd<EpollFd>,
}

impl Arrivals {
    #[expect(
        deprecated,
        reason = "what replaces it is unsafe; this descriptor lives with its owner"
    )]
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = EpollFd(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
        Ok(Self {
            epoll: AsyncFd::with_interest(epoll, Interest::READABLE)?,
        })
    }

    /// Watches `socket` under the number `id`.
    pub(crate) fn watch(&self, socket: &impl AsFd, id: u64) -> io::Result<()> {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, id);
        Ok(self.epoll.get_ref().0.add(socket, event)?)
    }

    /// Stops watching `socket`. Closing it alone would not do: it is closed later, elsewhere.
    pub(crate) fn forget(&self, socket: &impl AsFd) -> io::Result<()> {
        Ok(self.epoll.get_ref().0.delete(socket)?)
    }

    /// Waits for packets and returns the numbers of the sockets that have some.
    pub(crate) async fn ready(&self) -> io::Result<Vec<u64>> {
        self.epoll
            .async_io(Interest::READABLE, |epoll| {
                let mut events = [EpollEvent::empty(); BATCH];
                let count = epoll.0.wait(&mut events, EpollTimeout::ZERO)?;
                if count == 0 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(events.iter().take(count).map(EpollEvent::data).collect())
            })
            .await
    }
}

/// Sockets told of at once; the rest come next time, after everything else had its turn.
const BATCH: usize = 64;

struct EpollFd(Epoll);

impl AsRawFd for EpollFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.0.as_raw_fd()
    }
}
