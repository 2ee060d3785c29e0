//! The end: a lease given back, and what may still arrive for one that was being asked for.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::phase::{Exchange, Phase, Released, Requesting, Tenure};
use super::{Client, Input, Turn};
use crate::event::{Action, Destination, Unbound};
use crate::message::Message;
use crate::reply::Reply;

impl Client {
    pub(super) fn released(&mut self, state: Released, input: Input, turn: &mut Turn) -> Phase {
        match input {
            Input::Deadline | Input::Reply(Reply::Nak { .. }) => Phase::Stopped,
            Input::Reply(Reply::Ack(grant)) => {
                self.give_back(grant.address, grant.server, turn);
                Phase::Released(state)
            }
            Input::Reply(Reply::Offer(_))
            | Input::Probed { .. }
            | Input::LinkUp
            | Input::LinkDown
            | Input::Renew
            | Input::Release => Phase::Released(state),
        }
    }

    /// Gives a lease in use back, and waits for the answer to `exchange` if one is under way.
    pub(super) fn release(
        &mut self,
        tenure: Tenure,
        exchange: Option<Exchange>,
        turn: &mut Turn,
    ) -> Phase {
        let lease = tenure.lease;
        let (address, server) = (lease.address, lease.server_id);
        let unanswered = self.unanswered(turn.now);
        let to = Destination::Unicast {
            server,
            from: address,
        };
        self.send(Message::Release { address, server }, &unanswered, to, turn);
        turn.actions.push(Action::Unbind {
            lease,
            reason: Unbound::Released,
        });
        match exchange {
            Some(exchange) => Self::linger(exchange, turn),
            None => Phase::Stopped,
        }
    }

    /// Gives up an offer that was asked for: the server may have granted it already, and its ACK be
    /// lost or late.
    pub(super) fn abandon(&mut self, state: Requesting, turn: &mut Turn) -> Phase {
        self.give_back(state.address, state.server, turn);
        Self::linger(state.exchange, turn)
    }

    /// Gives back an address that is not in use.
    ///
    /// RFC 2131 §4.4.6 has RELEASE by unicast, which a host without an address cannot send; servers
    /// go by option 54 and take it by broadcast as well.
    pub(super) fn give_back(&mut self, address: Ipv4Addr, server: Ipv4Addr, turn: &mut Turn) {
        let exchange = self.unanswered(turn.now);
        let message = Message::Release { address, server };
        self.send(message, &exchange, Destination::Broadcast, turn);
    }

    pub(super) fn linger(exchange: Exchange, turn: &Turn) -> Phase {
        Phase::Released(Released {
            exchange,
            until: turn.now + LATE_ANSWER,
        })
    }
}

/// The end of all states: nothing leads out of it.
pub(super) fn stopped(input: &Input) -> Phase {
    match input {
        Input::Deadline
        | Input::Reply(_)
        | Input::Probed { .. }
        | Input::LinkUp
        | Input::LinkDown
        | Input::Renew
        | Input::Release => Phase::Stopped,
    }
}

/// How long an answer may be under way.
const LATE_ANSWER: Duration = Duration::from_secs(10);
