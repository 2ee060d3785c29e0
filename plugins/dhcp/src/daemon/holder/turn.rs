//! When a holder may ask, and what it is told from outside.

use dhcp_client::{Event, Instant, State};

use super::Holder;
use crate::daemon::node::Node;
use crate::daemon::pace::Traffic;

impl Holder {
    /// The node's link that this holder's link stands on, if it is known.
    pub(crate) fn uplink(&self) -> Option<u32> {
        self.link.parent()
    }

    /// Whether an ADD waits for the lease.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether there is a lease to ask for, or to ask about.
    pub(crate) fn is_to_ask(&self) -> bool {
        matches!(self.client.state(), State::Init | State::InitReboot)
    }

    /// Asks a server now: it is this holder's turn.
    pub(crate) fn take_turn(&mut self, now: Instant, node: &Node) {
        let _entered = self.enter_span();
        self.step(Event::LinkUp, now, node);
    }

    /// Takes note that the LAN is out of reach for the moment.
    pub(crate) fn lose_carrier(&mut self, now: Instant, node: &Node) {
        let _entered = self.enter_span();
        self.step(Event::LinkDown, now, node);
    }

    /// What the client has sent and received so far.
    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            sent: self.client.sent().values().sum(),
            received: self.client.received().values().sum(),
            repeated: self.client.repeated(),
        }
    }
}
