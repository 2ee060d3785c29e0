//! When messages are sent again, and when a lease is acted on.
//!
//! Every time is spread at random, so that clients which start together do not stay together.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::Client;
use super::phase::{Due, Exchange, Tenure};
use crate::config::{Broadcast, ConflictDetection};
use crate::event::Probe;
use crate::lease::Lease;
use crate::time::Instant;

impl Client {
    /// Returns an exchange that has sent nothing yet.
    pub(super) fn exchange(&mut self, now: Instant) -> Exchange {
        Exchange {
            xid: self.rng.u32(..),
            secs: FIRST_SECOND,
            began: now,
            requested_at: now,
            sends: 0,
            broadcast: false,
            retry_at: now,
        }
    }

    /// Returns the exchange of a message that is not answered. RFC 2131 table 5: `secs` is 0.
    pub(super) fn unanswered(&mut self, now: Instant) -> Exchange {
        Exchange {
            secs: 0,
            ..self.exchange(now)
        }
    }

    /// Counts one more transmission of an acquisition and sets the time of the next.
    pub(super) fn retransmit(&mut self, exchange: &mut Exchange, now: Instant) {
        if exchange.sends > 0 {
            self.repeated = self.repeated.saturating_add(1);
        }
        exchange.sends = exchange.sends.saturating_add(1);
        exchange.broadcast = match self.broadcast {
            Broadcast::Auto => exchange.broadcast || exchange.sends >= AUTO_BROADCAST_FROM,
            Broadcast::Always => true,
            Broadcast::Never => false,
        };
        exchange.retry_at = now + self.acquisition_wait(exchange.sends);
    }

    /// Makes `exchange` the next REQUEST for more time, with an id of its own, and sets the time
    /// after it by `wait`.
    pub(super) fn request_more_time(
        &mut self,
        exchange: &mut Exchange,
        wait: Duration,
        now: Instant,
    ) {
        exchange.xid = self.rng.u32(..);
        exchange.requested_at = now;
        exchange.secs = elapsed(exchange, now);
        exchange.sends = exchange.sends.saturating_add(1);
        exchange.broadcast = self.broadcast == Broadcast::Always;
        exchange.retry_at = now + wait;
    }

    /// Returns the wait after the `nth` transmission of an acquisition: 1, 2, 4, 8 and then 14 s,
    /// each a fifth but at most a second more or less.
    ///
    /// RFC 2131 §4.1 has 4 s to 64 s. One lost packet should cost a pod a second, and a server that
    /// is back should be found within 15 s.
    pub(super) fn acquisition_wait(&mut self, nth: u32) -> Duration {
        let doublings = nth.saturating_sub(1).min(MOST_DOUBLINGS);
        let wait = (FIRST_WAIT * (1 << doublings)).min(LONGEST_WAIT);
        let spread = (wait / 5).min(WIDEST_SPREAD);
        wait.saturating_sub(spread) + self.random(spread * 2)
    }

    /// Returns the wait in RENEWING: half of the time to T2 (RFC 2131 §4.4.5), but at least a 32nd
    /// of the lease time within 1 s and 60 s. That makes ten REQUESTs for a lease of a day.
    pub(super) fn renewal_wait(&mut self, tenure: &Tenure, now: Instant) -> Duration {
        let wait = tenure.due.map_or(RENEWAL_FLOOR, |due| {
            let lease_time = due.expiry.duration_since(tenure.lease.acquired_at);
            let floor = (lease_time / 32).clamp(SECOND, RENEWAL_FLOOR);
            (due.rebind_at.duration_since(now) / 2).max(floor)
        });
        wait.saturating_sub(self.random(wait / 10))
    }

    /// Returns the wait in REBINDING: 15 s, less towards the end, but at least a 32nd of the time
    /// that is left.
    ///
    /// A server that is back is found within 15 s on a lease of an hour, or on a longer one within
    /// 3 % of the time left. RFC 2131's half would be hours; 15 s throughout would be thousands of
    /// broadcasts for a lease of weeks, where this makes about 200.
    pub(super) fn rebinding_wait(&mut self, tenure: &Tenure, now: Instant) -> Duration {
        let left = tenure
            .expiry()
            .map_or(Duration::MAX, |expiry| expiry.duration_since(now));
        let wait = (left / 32).max((left / 2).clamp(SECOND, REBINDING_WAIT));
        wait.saturating_sub(self.random(wait / 10))
    }

    /// Returns `lease` with the times at which this client acts on it: T1 up to a tenth earlier, T2
    /// up to a tenth of the time since T1 earlier.
    pub(super) fn tenure(&mut self, lease: Lease) -> Tenure {
        let due = lease.times.map(|times| {
            let rebind_at = times.t2.min(times.expiry);
            let renew_at = times.t1.min(rebind_at);
            let to_t1 = renew_at.duration_since(lease.acquired_at);
            Due {
                renew_at: renew_at - self.random(to_t1 / 10),
                rebind_at: rebind_at - self.random(rebind_at.duration_since(renew_at) / 10),
                expiry: times.expiry,
            }
        });
        Tenure { lease, due }
    }

    /// Returns when to ask again for a lease that no server has confirmed, about a minute from now.
    pub(super) fn doubt_until(&mut self, now: Instant) -> Instant {
        now + UNCONFIRMED - self.random(UNCONFIRMED / 10)
    }

    /// Returns the earliest time for a message that an outer event asks for: links that flap must
    /// not make a storm.
    pub(super) fn soonest(&self, now: Instant) -> Instant {
        self.last_sent.map_or(now, |last| now.max(last + SECOND))
    }

    /// Returns the wait before the DISCOVER after the latest NAK: none after the first.
    pub(super) fn wait_after_refusal(&mut self) -> Duration {
        match self.refusals {
            0 | 1 => Duration::ZERO,
            more => self.acquisition_wait(more - 1),
        }
    }

    /// Returns the wait before the DISCOVER after the latest conflict.
    ///
    /// RFC 2131 §3.1 has ten seconds, against clients that loop. The first conflict is no loop, and
    /// a pod waits. RFC 5227 §2.1.1: after ten conflicts one attempt a minute.
    pub(super) fn wait_after_conflict(&mut self) -> Duration {
        let wait = match self.conflicts {
            0 | 1 => return Duration::ZERO,
            2..=10 => Duration::from_secs(10),
            11.. => Duration::from_mins(1),
        };
        wait + self.random(SECOND)
    }

    /// Returns the probe for `address` that the configuration wants, if any.
    pub(super) fn probe_for(&mut self, address: Ipv4Addr) -> Option<Probe> {
        match self.conflict {
            ConflictDetection::Off => None,
            ConflictDetection::Fast => Some(Probe {
                address,
                send_at: FAST_PROBES.to_vec(),
                conclude_after: FAST_LISTEN,
            }),
            ConflictDetection::Strict => {
                let first = self.random(PROBE_WAIT);
                let second = first + PROBE_MIN + self.random(PROBE_SPREAD);
                let third = second + PROBE_MIN + self.random(PROBE_SPREAD);
                let send_at = vec![first, second, third];
                Some(Probe {
                    address,
                    send_at,
                    conclude_after: third + ANNOUNCE_WAIT,
                })
            }
        }
    }

    /// Returns a duration from zero to `most`.
    fn random(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.rng.u64(0..=most))
    }
}

/// Returns the `secs` of a message of `exchange` sent `now`. Some relays drop messages that say 0.
pub(super) fn elapsed(exchange: &Exchange, now: Instant) -> u16 {
    let seconds = now.duration_since(exchange.began).as_secs();
    u16::try_from(seconds).unwrap_or(u16::MAX).max(FIRST_SECOND)
}

const FIRST_SECOND: u16 = 1;
const SECOND: Duration = Duration::from_secs(1);

const FIRST_WAIT: Duration = SECOND;
const LONGEST_WAIT: Duration = Duration::from_secs(14);
const WIDEST_SPREAD: Duration = SECOND;
/// Enough to reach the longest wait.
const MOST_DOUBLINGS: u32 = 4;

/// The transmission from which [`Broadcast::Auto`] asks for an answer by broadcast.
const AUTO_BROADCAST_FROM: u32 = 3;

/// RFC 2131 §4.4.5: a minute.
const RENEWAL_FLOOR: Duration = Duration::from_mins(1);
const REBINDING_WAIT: Duration = Duration::from_secs(15);
const UNCONFIRMED: Duration = Duration::from_mins(1);

/// A host that is awake answers ARP within a few milliseconds.
const FAST_PROBES: [Duration; 2] = [Duration::ZERO, Duration::from_millis(10)];
const FAST_LISTEN: Duration = Duration::from_millis(20);

/// RFC 5227 §1.1: `PROBE_WAIT`, `PROBE_MIN`, `PROBE_MAX` less `PROBE_MIN`, `ANNOUNCE_WAIT`.
const PROBE_WAIT: Duration = SECOND;
const PROBE_MIN: Duration = SECOND;
const PROBE_SPREAD: Duration = SECOND;
const ANNOUNCE_WAIT: Duration = Duration::from_secs(2);
