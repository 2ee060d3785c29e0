//! The moment at which waiting turns into failing.

use std::time::{Duration, Instant};

/// The latest moment at which something may still happen.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// Returns the deadline `seconds` from now.
    #[must_use]
    pub fn secs(seconds: u64) -> Self {
        Self::after(Duration::from_secs(seconds))
    }

    /// Returns the deadline `duration` from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(now() + duration)
    }

    /// Returns the time left, zero once the deadline has passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    /// Says whether the deadline has passed.
    #[must_use]
    pub fn passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// Returns the time left as poll(2) counts it, rounded up so that the deadline has passed when poll says so.
    pub(crate) fn poll_timeout(self) -> nix::poll::PollTimeout {
        let millis = self.remaining().as_micros().div_ceil(1000);
        nix::poll::PollTimeout::try_from(millis).unwrap_or(nix::poll::PollTimeout::MAX)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's patience is measured on the clock of the test run"
)]
fn now() -> Instant {
    Instant::now()
}
