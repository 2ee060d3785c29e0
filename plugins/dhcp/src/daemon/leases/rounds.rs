//! Looking after pods from which nothing is heard: no descriptor of theirs is held, so that nobody
//! tells when one dies, or when its link or address is taken away.
//!
//! What it costs does not depend on the number of pods, but for a glance at each namespace's path.

use std::collections::BTreeSet;
use std::time::Duration;

use dhcp_client::Instant;

use super::Leases;

/// When to look at what.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    next: Instant,
    /// The number of rounds so far.
    count: u32,
    /// The last holder whose pod was looked into.
    last: u64,
    /// The node's links that something has happened to since the last round.
    touched: BTreeSet<u32>,
    /// Those since the last full round.
    touched_before: BTreeSet<u32>,
}

impl Rounds {
    /// When the next round is due.
    pub(super) fn deadline(&self) -> Instant {
        self.next
    }

    /// Has the pods on a link of the node looked at earlier than the others.
    pub(super) fn touch(&mut self, link: u32) {
        self.touched.insert(link);
    }
}

impl Leases {
    /// Looks into the next few pods, and glances at those on links that something has happened to. Each
    /// sixth round glances at all, and looks into those on such links.
    pub(super) fn make_round(&mut self, now: Instant) {
        if now < self.rounds.next {
            return;
        }
        self.rounds.next = now + ROUND;
        self.rounds.count = self.rounds.count.wrapping_add(1);
        let is_full = self.rounds.count.is_multiple_of(FULL);
        let touched = std::mem::take(&mut self.rounds.touched);
        self.rounds.touched_before.extend(&touched);
        let touched_before = if is_full {
            std::mem::take(&mut self.rounds.touched_before)
        } else {
            BTreeSet::new()
        };
        let closely = self.next_few();
        let among = |links: &BTreeSet<u32>, link: Option<u32>| {
            link.is_some_and(|link| links.contains(&link))
        };
        let ids: Vec<u64> = if is_full || !touched.is_empty() {
            self.holders.keys().copied().collect()
        } else {
            closely.iter().copied().collect()
        };
        for id in ids {
            self.with(id, now, |holder, node| {
                let link = holder.uplink();
                if closely.contains(&id) || among(&touched_before, link) {
                    holder.look_into_pod(now, node);
                } else if is_full || among(&touched, link) {
                    holder.look_for_pod(now, node);
                }
            });
        }
    }

    /// The holders after the last one looked into, in a ring.
    fn next_few(&mut self) -> BTreeSet<u64> {
        let after = self.holders.range(self.rounds.last + 1..);
        let ring = after.chain(self.holders.iter());
        let few: Vec<u64> = ring.map(|(id, _)| *id).take(FEW).collect();
        self.rounds.last = few.last().copied().unwrap_or(0);
        few.into_iter().collect()
    }
}

const ROUND: Duration = Duration::from_secs(5);

/// A full round is each half minute. For a thousand leases it takes one or two milliseconds.
const FULL: u32 = 6;

/// Pods looked into at each round, which takes a millisecond.
const FEW: usize = 16;
