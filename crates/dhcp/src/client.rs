//! The client: events and time in, actions and a deadline out.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::event::{Action, Event, Trouble};
use crate::ignored::Ignored;
use crate::lease::Lease;
use crate::time::Instant;

/// A DHCPv4 client.
#[derive(Debug)]
pub struct Client {
    config: Config,
    ignored: BTreeMap<Ignored, u32>,
}

/// The states of RFC 2131 §4.4, and those on either side of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// No lease; waiting before the next DISCOVER.
    Init,
    /// A lease is held whose network may have changed; waiting to ask for it again.
    InitReboot,
    /// DISCOVER sent.
    Selecting,
    /// An offer is asked for.
    Requesting,
    /// A former address is asked for, held or not.
    Rebooting,
    /// The server agreed; a probe for another user of the address is under way.
    Probing,
    /// The lease is in use and needs nothing.
    Bound,
    /// T1 has passed.
    Renewing,
    /// T2 has passed.
    Rebinding,
    /// Given back; an answer still on its way will be given back too.
    Released,
    /// Over. Nothing will happen any more.
    Stopped,
}

impl Client {
    /// Starts a client. `seed` should differ from client to client: transaction ids and the spread
    /// of all timers come from it.
    #[must_use]
    pub fn new(config: Config, seed: u64, now: Instant) -> (Self, Vec<Action>) {
        let _ = (seed, now);
        (
            Self {
                config,
                ignored: BTreeMap::new(),
            },
            Vec::new(),
        )
    }

    /// Takes in an event and returns what to do, in order.
    pub fn step(&mut self, event: Event<'_>, now: Instant) -> Vec<Action> {
        let _ = (event, now, &self.config);
        Vec::new()
    }

    /// Returns when to call [`Client::step`] with [`Event::Deadline`], `None` if never.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Returns the state.
    #[must_use]
    pub fn state(&self) -> State {
        State::Init
    }

    /// Returns the lease in use: bound and not unbound.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        None
    }

    /// Returns whether an answer may come, so that a socket has to be open.
    #[must_use]
    pub fn listens(&self) -> bool {
        true
    }

    /// Returns how many messages of each kind were sent.
    #[must_use]
    pub fn sent(&self) -> &BTreeMap<Intent, u32> {
        const { &BTreeMap::new() }
    }

    /// Returns how many answers of each kind were taken in.
    #[must_use]
    pub fn received(&self) -> &BTreeMap<Answer, u32> {
        const { &BTreeMap::new() }
    }

    /// Returns how many received messages were dropped, by reason.
    #[must_use]
    pub fn ignored(&self) -> &BTreeMap<Ignored, u32> {
        &self.ignored
    }

    /// Returns the last refusal or conflict, `None` since the last lease was bound.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        None
    }
}

/// What a message is sent for. Four different messages are DHCPREQUEST on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intent {
    /// Look for servers.
    Discover,
    /// REQUEST of an offer (SELECTING).
    Select,
    /// REQUEST of a former address (INIT-REBOOT).
    Reboot,
    /// REQUEST for more time at the lease's server (RENEWING).
    Renew,
    /// REQUEST for more time at any server (REBINDING).
    Rebind,
    /// Say that another host uses the address.
    Decline,
    /// Give the address back.
    Release,
}

/// The kinds of answers a server gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// DHCPOFFER.
    Offer,
    /// DHCPACK.
    Ack,
    /// DHCPNAK.
    Nak,
}
