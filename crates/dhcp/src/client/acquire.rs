//! The way to a new lease: INIT, SELECTING, REQUESTING and the probe.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::phase::{Bound, Exchange, Init, Phase, Probed, Probing, Requesting, Selecting};
use super::timing::elapsed;
use super::{Client, Input, Turn};
use crate::config::ConflictDetection;
use crate::event::{Action, Destination, ProbeOutcome, Trouble};
use crate::lease::Lease;
use crate::message::Message;
use crate::reply::{Grant, Reply};

impl Client {
    pub(super) fn init(&mut self, mut state: Init, input: &Input, turn: &mut Turn) -> Phase {
        match input {
            Input::Deadline => self.discover(turn),
            Input::LinkUp | Input::Renew => {
                let soonest = self.soonest(turn.now);
                state.discover_at = Some(state.discover_at.map_or(soonest, |at| at.min(soonest)));
                Phase::Init(state)
            }
            Input::Reply(_) | Input::Probed { .. } | Input::LinkDown => Phase::Init(state),
            Input::Release => Phase::Stopped,
        }
    }

    pub(super) fn selecting(
        &mut self,
        mut state: Selecting,
        input: Input,
        turn: &mut Turn,
    ) -> Phase {
        match input {
            Input::Deadline => self.send_discover(state.exchange, turn),
            Input::Reply(Reply::Offer(offer)) => self.request(&offer, state.exchange, turn),
            Input::LinkUp | Input::Renew => {
                self.hasten(&mut state.exchange, turn);
                Phase::Selecting(state)
            }
            Input::Reply(Reply::Ack(_) | Reply::Nak { .. })
            | Input::Probed { .. }
            | Input::LinkDown => Phase::Selecting(state),
            Input::Release => Phase::Stopped,
        }
    }

    pub(super) fn requesting(
        &mut self,
        mut state: Requesting,
        input: Input,
        turn: &mut Turn,
    ) -> Phase {
        match input {
            Input::Deadline if state.exchange.sends < REQUEST_TRIES => {
                self.send_select(&mut state, turn);
                Phase::Requesting(state)
            }
            Input::Deadline => {
                self.hint = Some(state.address);
                self.discover(turn)
            }
            Input::Reply(Reply::Ack(grant)) => {
                match self.lease_of(grant, state.exchange.requested_at, None, turn.now) {
                    Some(lease) => self.granted(lease, state.address, state.probe, turn),
                    None => Phase::Requesting(state),
                }
            }
            Input::Reply(Reply::Nak { server, message }) => self.refused(server, message, turn),
            Input::Probed { address, outcome } => {
                if address == state.address {
                    state.probe = Probed::from(outcome);
                }
                Phase::Requesting(state)
            }
            Input::LinkUp | Input::Renew => {
                self.hasten(&mut state.exchange, turn);
                Phase::Requesting(state)
            }
            Input::Reply(Reply::Offer(_)) | Input::LinkDown => Phase::Requesting(state),
            Input::Release => self.abandon(state, turn),
        }
    }

    pub(super) fn probing(&mut self, state: Probing, input: &Input, turn: &mut Turn) -> Phase {
        match input {
            Input::Deadline => self.bind(state.lease, turn),
            Input::Probed { address, outcome } if *address == state.lease.address => match *outcome
            {
                ProbeOutcome::Clear => {
                    self.conflicts = 0;
                    self.bind(state.lease, turn)
                }
                ProbeOutcome::Conflict { with } => self.decline(&state.lease, with, turn),
            },
            Input::Reply(_)
            | Input::Probed { .. }
            | Input::LinkUp
            | Input::LinkDown
            | Input::Renew => Phase::Probing(state),
            Input::Release => {
                self.give_back(state.lease.address, state.lease.server_id, turn);
                Phase::Stopped
            }
        }
    }

    /// INIT to SELECTING.
    pub(super) fn discover(&mut self, turn: &mut Turn) -> Phase {
        let exchange = self.exchange(turn.now);
        self.send_discover(exchange, turn)
    }

    /// Starts over after a NAK.
    pub(super) fn refused(
        &mut self,
        server: Ipv4Addr,
        message: Option<String>,
        turn: &mut Turn,
    ) -> Phase {
        self.trouble = Some(Trouble::Refused { server, message });
        self.refusals = self.refusals.saturating_add(1);
        self.hint = None;
        let wait = self.wait_after_refusal();
        self.start_over(wait, turn)
    }

    /// Tells the server that another host uses the address of `lease`, and starts over.
    pub(super) fn decline(&mut self, lease: &Lease, with: [u8; 6], turn: &mut Turn) -> Phase {
        let (address, server) = (lease.address, lease.server_id);
        let exchange = self.unanswered(turn.now);
        self.send(
            Message::Decline { address, server },
            &exchange,
            Destination::Broadcast,
            turn,
        );
        self.trouble = Some(Trouble::Conflict { address, with });
        self.conflicts = self.conflicts.saturating_add(1);
        self.hint = None;
        let wait = self.wait_after_conflict();
        self.start_over(wait, turn)
    }

    /// Lets an exchange begin again with short waits, as far as that makes no storm.
    pub(super) fn hasten(&mut self, exchange: &mut Exchange, turn: &Turn) {
        exchange.sends = 0;
        exchange.retry_at = exchange.retry_at.min(self.soonest(turn.now));
    }

    fn start_over(&mut self, wait: Duration, turn: &mut Turn) -> Phase {
        if wait.is_zero() {
            return self.discover(turn);
        }
        Phase::Init(Init {
            discover_at: Some(turn.now + wait),
        })
    }

    fn send_discover(&mut self, mut exchange: Exchange, turn: &mut Turn) -> Phase {
        self.retransmit(&mut exchange, turn.now);
        exchange.secs = elapsed(&exchange, turn.now);
        let message = Message::Discover { hint: self.hint };
        self.send(message, &exchange, Destination::Broadcast, turn);
        Phase::Selecting(Selecting { exchange })
    }

    /// SELECTING to REQUESTING: the first offer that can be used is taken.
    ///
    /// The REQUEST has the xid and `secs` of the DISCOVER (§4.4.1).
    fn request(&mut self, offer: &Grant, mut exchange: Exchange, turn: &mut Turn) -> Phase {
        exchange.sends = 0;
        exchange.requested_at = turn.now;
        let (address, server) = (offer.address, offer.server);
        let mut state = Requesting {
            exchange,
            address,
            server,
            probe: Probed::No,
        };
        self.send_select(&mut state, turn);
        state.probe = self.probe_early(address, turn);
        Phase::Requesting(state)
    }

    fn send_select(&mut self, state: &mut Requesting, turn: &mut Turn) {
        self.retransmit(&mut state.exchange, turn.now);
        let message = Message::Select {
            address: state.address,
            server: state.server,
        };
        self.send(message, &state.exchange, Destination::Broadcast, turn);
    }

    /// An ACK for an address that is not in use yet.
    pub(super) fn granted(
        &mut self,
        lease: Lease,
        asked: Ipv4Addr,
        probed: Probed,
        turn: &mut Turn,
    ) -> Phase {
        // A server may acknowledge another address than the one asked for: what was seen of that
        // one says nothing.
        let probed = if lease.address == asked {
            probed
        } else {
            Probed::No
        };
        match probed {
            Probed::Conflict(with) => self.decline(&lease, with, turn),
            Probed::Running(until) => Phase::Probing(Probing { lease, until }),
            Probed::Clear => {
                self.conflicts = 0;
                self.bind(lease, turn)
            }
            Probed::No => match self.probe_for(lease.address) {
                Some(probe) => {
                    let until = turn.now + probe.conclude_after + PROBE_GRACE;
                    turn.actions.push(Action::Probe(probe));
                    Phase::Probing(Probing { lease, until })
                }
                None => self.bind(lease, turn),
            },
        }
    }

    /// Starts the probe that overlaps the exchange with the server.
    pub(super) fn probe_early(&mut self, address: Ipv4Addr, turn: &mut Turn) -> Probed {
        match (self.conflict, self.probe_for(address)) {
            (ConflictDetection::Fast, Some(probe)) => {
                let until = turn.now + probe.conclude_after + PROBE_GRACE;
                turn.actions.push(Action::Probe(probe));
                Probed::Running(until)
            }
            (ConflictDetection::Off | ConflictDetection::Fast | ConflictDetection::Strict, _) => {
                Probed::No
            }
        }
    }

    fn bind(&mut self, lease: Lease, turn: &mut Turn) -> Phase {
        if lease.expiry().is_some_and(|expiry| expiry <= turn.now) {
            self.hint = Some(lease.address);
            return self.discover(turn);
        }
        self.refusals = 0;
        self.trouble = None;
        turn.actions.push(Action::Bind(lease.clone()));
        let tenure = self.tenure(lease);
        let renew_at = tenure.due.map(|due| due.renew_at);
        Phase::Bound(Bound { tenure, renew_at })
    }
}

impl From<ProbeOutcome> for Probed {
    fn from(outcome: ProbeOutcome) -> Self {
        match outcome {
            ProbeOutcome::Clear => Self::Clear,
            ProbeOutcome::Conflict { with } => Self::Conflict(with),
        }
    }
}

/// REQUESTs of an offer before it is given up: seven seconds.
const REQUEST_TRIES: u32 = 3;

/// How long a probe's result may be overdue before the address is used without it. A busy caller is later than it would
/// like to be; one that never reports should not cost the lease.
const PROBE_GRACE: Duration = Duration::from_millis(250);
