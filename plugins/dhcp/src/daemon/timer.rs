//! The daemon's one timer, on the clock that goes on while the node sleeps.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

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
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME;
        Ok(self
            .fd
            .get_ref()
            .0
            .set(Expiration::OneShot(expiration(deadline)), flags)?)
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

/// The kernel's word for `deadline`.
fn expiration(deadline: Instant) -> TimeSpec {
    let at = deadline.since_boot().min(FARTHEST);
    // All zeroes would disarm the timer.
    TimeSpec::from_duration(at).max(TimeSpec::nanoseconds(1))
}

/// A thousand years: what a record says must not overflow the kernel's time.
const FARTHEST: Duration = Duration::from_hours(1000 * 365 * 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_beyond_the_kernels_time_is_not_one_in_the_past() {
        let at = |since_boot| expiration(Instant::from_boot(since_boot));
        let century = at(Duration::from_hours(100 * 365 * 24));
        assert!(at(Duration::from_secs(u64::MAX)) > century);
        assert!(at(Duration::MAX) > century);
        assert_eq!(at(Duration::ZERO), TimeSpec::nanoseconds(1));
    }
}
