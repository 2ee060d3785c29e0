//! The daemon's one timer, on the clock that goes on while the node sleeps.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use dhcp_client::Instant;
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A timer on `CLOCK_BOOTTIME`.
pub(crate) struct Timer {
    fd: AsyncFd<BootTimer>,
}

impl Timer {
    #[expect(
        deprecated,
        reason = "what replaces it is unsafe; this descriptor lives with its owner"
    )]
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let fd = BootTimer(TimerFd::new(ClockId::CLOCK_BOOTTIME, flags)?);
        Ok(Self {
            fd: AsyncFd::with_interest(fd, Interest::READABLE)?,
        })
    }

    /// Makes [`expired`](Self::expired) return at `deadline`, or never.
    pub(crate) fn set(&self, deadline: Option<Instant>) -> io::Result<()> {
        let Some(deadline) = deadline else {
            return Ok(self.fd.get_ref().0.unset()?);
        };
        // All zeroes would disarm it.
        let at = TimeSpec::from_duration(deadline.since_boot()).max(TimeSpec::nanoseconds(1));
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME;
        Ok(self.fd.get_ref().0.set(Expiration::OneShot(at), flags)?)
    }

    /// Waits for the deadline.
    pub(crate) async fn expired(&self) -> io::Result<()> {
        self.fd
            // One that was set anew since it expired is not readable any more: the wait goes on.
            .async_io(Interest::READABLE, |timer| Ok(timer.0.wait()?))
            .await
    }
}

struct BootTimer(TimerFd);

impl AsRawFd for BootTimer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
