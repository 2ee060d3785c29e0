//! How fast the servers of a LAN are asked, so that a small one can answer a node full of pods.
//!
//! Who is alone goes at once. Of many the first few do, and the others take turns: pods that wait for
//! an ADD first, then leases to be verified. The rate grows with the answers that come and is halved
//! when they stay away (RFC 5681 does so for segments); what is sent again uses it up as well.
//! Renewals are spread by the clients themselves.

use std::collections::BTreeSet;
use std::time::Duration;

use dhcp_client::Instant;

/// The pace on one LAN, and who waits there for a turn.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Messages in a thousand seconds.
    rate: u64,
    /// Messages that may be sent now, in millionths; below zero after unasked ones.
    credit: i64,
    /// The time up to which `credit` is reckoned.
    reckoned: Instant,
    /// When answers were last found missing; none while none was.
    slowed: Option<Instant>,
    adds: BTreeSet<u64>,
    others: BTreeSet<u64>,
}

/// What clients have sent and received, as far as it tells how a server is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) sent: u32,
    pub(crate) received: u32,
    /// Of those sent, the ones that had no answer the time before.
    pub(crate) repeated: u32,
}

impl Traffic {
    /// What has come to it since it was `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            sent: self.sent.saturating_sub(before.sent),
            received: self.received.saturating_sub(before.received),
            repeated: self.repeated.saturating_sub(before.repeated),
        }
    }
}

/// What a turn is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Somebody waits for an ADD.
    Add,
    /// A pod has a lease, or had one.
    Other,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            rate: FIRST_RATE,
            credit: BURST,
            reckoned: now,
            slowed: None,
            adds: BTreeSet::new(),
            others: BTreeSet::new(),
        }
    }

    /// Has holder `id` wait for its turn. Lower numbers go first.
    pub(crate) fn queue(&mut self, id: u64, urgency: Urgency) {
        match urgency {
            Urgency::Add => self.adds.insert(id),
            Urgency::Other => !self.adds.contains(&id) && self.others.insert(id),
        };
    }

    /// Takes holder `id` out of the queue.
    pub(crate) fn leave(&mut self, id: u64) {
        self.adds.remove(&id);
        self.others.remove(&id);
    }

    /// When the next turn is, if anybody waits for one.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.adds.is_empty() && self.others.is_empty() {
            return None;
        }
        let missing = u64::try_from(MESSAGE - self.credit).unwrap_or(0);
        let micros = missing.saturating_mul(1000).div_ceil(self.rate);
        Some(self.reckoned + Duration::from_micros(micros))
    }

    /// Returns the holder whose turn it is, if there is a turn. It is expected to send.
    pub(crate) fn next(&mut self, now: Instant) -> Option<u64> {
        self.reckon(now);
        if self.credit < MESSAGE {
            return None;
        }
        self.adds.pop_first().or_else(|| self.others.pop_first())
    }

    /// Takes note of what a client has sent and received.
    pub(crate) fn note(&mut self, traffic: Traffic, now: Instant) {
        let Traffic {
            sent,
            received,
            repeated,
        } = traffic;
        if traffic == Traffic::default() {
            return;
        }
        self.reckon(now);
        self.credit = (self.credit - i64::from(sent).saturating_mul(MESSAGE)).max(-MOST_DEBT);
        let faster = match self.slowed {
            None => FAST_GROWTH,
            Some(_) => SLOW_GROWTH / self.rate,
        };
        self.rate = (self.rate + u64::from(received).saturating_mul(faster)).min(MOST_RATE);
        // Many go unanswered together; they are one sign.
        let is_news = self.slowed.is_none_or(|slowed| slowed + SIGN < now);
        if repeated > 0 && is_news {
            self.slowed = Some(now);
            self.rate = (self.rate / 2).max(LEAST_RATE);
        }
    }

    /// Whether nothing is worth remembering: nobody waits, and it was quiet for a while.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        self.adds.is_empty() && self.others.is_empty() && self.reckoned + QUIET < now
    }

    fn reckon(&mut self, now: Instant) {
        let passed = now.duration_since(self.reckoned).min(QUIET).as_micros();
        let earned = u64::try_from(passed).unwrap_or(0).saturating_mul(self.rate) / 1000;
        let earned = i64::try_from(earned).unwrap_or(BURST);
        self.credit = self.credit.saturating_add(earned).min(BURST);
        self.reckoned = self.reckoned.max(now);
    }
}

/// A message's part of the credit.
const MESSAGE: i64 = 1_000_000;

/// What may be sent at once after a pause: eight leases and some.
const BURST: i64 = 20 * MESSAGE;

/// However many messages went out unasked, the next turn is a second away at the most.
const MOST_DEBT: i64 = 40 * MESSAGE;

/// Fifty leases a second, which a home router manages.
const FIRST_RATE: u64 = 100_000;
/// Twenty-five leases a second, whatever is lost: a LAN without a server must not keep hundreds of pods
/// from asking within the time of their ADDs.
const LEAST_RATE: u64 = 50_000;
/// More than any server answers.
const MOST_RATE: u64 = 10_000_000;

/// Growth for an answer until the first loss, which doubles the rate three times a second.
const FAST_GROWTH: u64 = 2_000;
/// Growth after it, divided by the rate: ten messages a second more each second.
const SLOW_GROWTH: u64 = 10_000_000;

/// About the time after which a message is sent again.
const SIGN: Duration = Duration::from_secs(1);
const QUIET: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
