//! Who may ask a server when, so that many do not ask at once.

use dhcp_client::Instant;

use super::Leases;
use crate::daemon::pace::{Pace, Traffic, Urgency};
use crate::daemon::uplinks::Change;

impl Leases {
    /// Takes what has happened to one of the node's links.
    pub(crate) fn on_uplink(&mut self, change: Change, now: Instant) {
        match change {
            Change::Up(index) => {
                self.rounds.touch(index);
                let ids = self.on_link(index);
                if !ids.is_empty() {
                    let leases = ids.len();
                    tracing::info!(link = index, leases, "carrier is back; verifying leases");
                }
                for id in ids {
                    self.queue(id, now);
                }
                self.give_turns(now);
            }
            Change::Down(index) => {
                self.rounds.touch(index);
                let ids = self.on_link(index);
                if !ids.is_empty() {
                    tracing::warn!(link = index, leases = ids.len(), "carrier lost");
                }
                for id in ids {
                    if let Some(pace) = self.paces.get_mut(&Some(index)) {
                        pace.leave(id);
                    }
                    self.with(id, now, |holder, node| holder.lose_carrier(now, node));
                }
            }
            Change::Touched(index) => self.rounds.touch(index),
        }
    }

    /// Lets a holder ask a server for its lease, when it is its turn.
    pub(super) fn await_turn(&mut self, id: u64, now: Instant) {
        self.queue(id, now);
        self.give_turns(now);
    }

    /// When the next turn is.
    pub(super) fn next_turn(&self) -> Option<Instant> {
        self.paces.values().filter_map(Pace::deadline).min()
    }

    /// Has those go on whose turn it is.
    pub(super) fn give_turns(&mut self, now: Instant) {
        for lan in self.paces.keys().copied().collect::<Vec<_>>() {
            while let Some(id) = self.paces.get_mut(&lan).and_then(|pace| pace.next(now)) {
                self.with(id, now, |holder, node| holder.take_turn(now, node));
            }
        }
        self.paces.retain(|_, pace| !pace.is_idle(now));
    }

    /// Takes note of what the client of a holder has sent and received.
    pub(super) fn note(&mut self, lan: Option<u32>, traffic: Traffic, now: Instant) {
        if traffic != Traffic::default() {
            self.pace(lan, now).note(traffic, now);
        }
    }

    fn queue(&mut self, id: u64, now: Instant) {
        let Some(holder) = self.holders.get(&id) else {
            return;
        };
        let urgency = if holder.is_waited_for() {
            Urgency::Add
        } else {
            Urgency::Other
        };
        let lan = holder.uplink();
        self.pace(lan, now).queue(id, urgency);
    }

    fn pace(&mut self, lan: Option<u32>, now: Instant) -> &mut Pace {
        self.paces.entry(lan).or_insert_with(|| Pace::new(now))
    }

    fn on_link(&self, index: u32) -> Vec<u64> {
        let on_it = |id: &u64| {
            let holder = self.holders.get(id);
            holder.is_some_and(|holder| holder.uplink() == Some(index) && !holder.is_leaving())
        };
        self.holders.keys().copied().filter(on_it).collect()
    }
}
