//! The clock for leases and deadlines: it goes on while the machine sleeps and never jumps (`CLOCK_BOOTTIME`,
//! `clock_gettime(2)`).

use std::time::Duration;

use nix::time::ClockId;

/// Returns the time since the machine was booted, time asleep included.
#[must_use]
pub fn boot_now() -> Duration {
    // The clock exists since Linux 2.6.39, and the call has no other way to fail. A process that cannot tell the time
    // must not go on holding leases.
    ClockId::CLOCK_BOOTTIME
        .now()
        .map_or_else(|_| std::process::abort(), Duration::from)
}

#[cfg(test)]
mod tests {
    use super::boot_now;

    #[test]
    fn the_boot_clock_advances() {
        let before = boot_now();
        let mut after = boot_now();
        for _ in 0..1000 {
            after = boot_now();
        }
        assert!(after > before, "{before:?} {after:?}");
    }
}
