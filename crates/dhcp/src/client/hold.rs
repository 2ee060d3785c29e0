//! A lease in use: BOUND, RENEWING, REBINDING.

use std::net::Ipv4Addr;

use super::phase::{Bound, Exchange, InitReboot, Phase, Rebinding, Renewing, Tenure};
use super::{Client, Input, Turn};
use crate::event::{Action, Destination, ProbeOutcome, Unbound};
use crate::lease::Lease;
use crate::message::Message;
use crate::reply::{Grant, Reply};

impl Client {
    pub(super) fn bound(&mut self, mut state: Bound, input: &Input, turn: &mut Turn) -> Phase {
        match input {
            Input::Deadline => {
                let exchange = self.exchange(turn.now);
                self.ask_for_time(state.tenure, exchange, turn)
            }
            Input::Probed { address, outcome } => match conflict(&state.tenure, *address, *outcome)
            {
                Some(with) => self.lose_to(state.tenure, with, turn),
                None => Phase::Bound(state),
            },
            Input::LinkUp => {
                let reboot_at = Some(self.soonest(turn.now));
                Phase::InitReboot(InitReboot {
                    tenure: state.tenure,
                    reboot_at,
                })
            }
            Input::LinkDown => Phase::InitReboot(InitReboot {
                tenure: state.tenure,
                reboot_at: state.renew_at,
            }),
            Input::Renew => {
                let soonest = self.soonest(turn.now);
                state.renew_at = Some(state.renew_at.map_or(soonest, |at| at.min(soonest)));
                Phase::Bound(state)
            }
            Input::Reply(_) => Phase::Bound(state),
            Input::Release => self.release(state.tenure, None, turn),
        }
    }

    pub(super) fn renewing(&mut self, mut state: Renewing, input: Input, turn: &mut Turn) -> Phase {
        match input {
            Input::Deadline
                if state.tenure.due.is_none() && state.exchange.sends >= RENEW_TRIES =>
            {
                Phase::Bound(Bound {
                    tenure: state.tenure,
                    renew_at: None,
                })
            }
            Input::Deadline => self.ask_for_time(state.tenure, state.exchange, turn),
            Input::Reply(Reply::Ack(grant)) => {
                match self.extension(grant, &state.exchange, &state.tenure, turn) {
                    Some(lease) => self.extend(state.tenure, lease, turn),
                    None => Phase::Renewing(state),
                }
            }
            Input::Reply(Reply::Nak { server, message }) => {
                lose(state.tenure, Unbound::Nak, turn);
                self.refused(server, message, turn)
            }
            Input::Probed { address, outcome } => match conflict(&state.tenure, address, outcome) {
                Some(with) => self.lose_to(state.tenure, with, turn),
                None => Phase::Renewing(state),
            },
            Input::LinkUp => {
                let reboot_at = Some(self.soonest(turn.now));
                Phase::InitReboot(InitReboot {
                    tenure: state.tenure,
                    reboot_at,
                })
            }
            Input::LinkDown => {
                let reboot_at = Some(state.exchange.retry_at);
                Phase::InitReboot(InitReboot {
                    tenure: state.tenure,
                    reboot_at,
                })
            }
            Input::Renew => {
                self.hasten(&mut state.exchange, turn);
                Phase::Renewing(state)
            }
            Input::Reply(Reply::Offer(_)) => Phase::Renewing(state),
            Input::Release => self.release(state.tenure, Some(state.exchange), turn),
        }
    }

    pub(super) fn rebinding(
        &mut self,
        mut state: Rebinding,
        input: Input,
        turn: &mut Turn,
    ) -> Phase {
        match input {
            Input::Deadline => self.ask_for_time(state.tenure, state.exchange, turn),
            Input::Reply(Reply::Ack(grant)) => {
                match self.extension(grant, &state.exchange, &state.tenure, turn) {
                    Some(lease) => self.extend(state.tenure, lease, turn),
                    None => Phase::Rebinding(state),
                }
            }
            Input::Reply(Reply::Nak { server, message }) => {
                lose(state.tenure, Unbound::Nak, turn);
                self.refused(server, message, turn)
            }
            Input::Probed { address, outcome } => match conflict(&state.tenure, address, outcome) {
                Some(with) => self.lose_to(state.tenure, with, turn),
                None => Phase::Rebinding(state),
            },
            Input::LinkUp => {
                let reboot_at = Some(self.soonest(turn.now));
                Phase::InitReboot(InitReboot {
                    tenure: state.tenure,
                    reboot_at,
                })
            }
            Input::LinkDown => {
                let reboot_at = Some(state.exchange.retry_at);
                Phase::InitReboot(InitReboot {
                    tenure: state.tenure,
                    reboot_at,
                })
            }
            Input::Renew => {
                self.hasten(&mut state.exchange, turn);
                Phase::Rebinding(state)
            }
            Input::Reply(Reply::Offer(_)) => Phase::Rebinding(state),
            Input::Release => self.release(state.tenure, Some(state.exchange), turn),
        }
    }

    /// Sends the REQUEST that the time calls for: to the server before T2, to all after, none when
    /// the lease is over.
    fn ask_for_time(&mut self, tenure: Tenure, mut exchange: Exchange, turn: &mut Turn) -> Phase {
        if is_over(&tenure, turn) {
            return self.expire(tenure, turn);
        }
        let address = tenure.lease.address;
        if tenure.due.is_some_and(|due| due.rebind_at <= turn.now) {
            let wait = self.rebinding_wait(&tenure, turn.now);
            self.request_more_time(&mut exchange, wait, turn.now);
            self.send(
                Message::Rebind { address },
                &exchange,
                Destination::Broadcast,
                turn,
            );
            return Phase::Rebinding(Rebinding { tenure, exchange });
        }
        let wait = self.renewal_wait(&tenure, turn.now);
        self.request_more_time(&mut exchange, wait, turn.now);
        let to = Destination::Unicast {
            server: tenure.lease.server_id,
            from: address,
        };
        self.send(Message::Renew { address }, &exchange, to, turn);
        Phase::Renewing(Renewing { tenure, exchange })
    }

    pub(super) fn extension(
        &mut self,
        grant: Grant,
        exchange: &Exchange,
        tenure: &Tenure,
        turn: &Turn,
    ) -> Option<Lease> {
        self.lease_of(grant, exchange.requested_at, Some(&tenure.lease), turn.now)
    }

    /// An ACK for a lease in use: BOUND with the new one, from the server that gave it.
    pub(super) fn extend(&mut self, tenure: Tenure, lease: Lease, turn: &mut Turn) -> Phase {
        self.refusals = 0;
        self.trouble = None;
        let old = tenure.lease;
        if lease.address != old.address
            && let Some(probe) = self.probe_for(lease.address)
        {
            turn.actions.push(Action::Probe(probe));
        }
        turn.actions.push(if lease.configures_as(&old) {
            Action::Renewed(lease.clone())
        } else {
            Action::Update {
                old,
                new: lease.clone(),
            }
        });
        let tenure = self.tenure(lease);
        let renew_at = tenure.due.map(|due| due.renew_at);
        Phase::Bound(Bound { tenure, renew_at })
    }

    pub(super) fn expire(&mut self, tenure: Tenure, turn: &mut Turn) -> Phase {
        self.hint = Some(tenure.lease.address);
        lose(tenure, Unbound::Expired, turn);
        self.discover(turn)
    }

    pub(super) fn lose_to(&mut self, tenure: Tenure, with: [u8; 6], turn: &mut Turn) -> Phase {
        let lease = tenure.lease.clone();
        lose(tenure, Unbound::Declined, turn);
        self.decline(&lease, with, turn)
    }
}

pub(super) fn lose(tenure: Tenure, reason: Unbound, turn: &mut Turn) {
    turn.actions.push(Action::Unbind {
        lease: tenure.lease,
        reason,
    });
}

pub(super) fn is_over(tenure: &Tenure, turn: &Turn) -> bool {
    tenure.expiry().is_some_and(|expiry| expiry <= turn.now)
}

/// Returns the host that was found using the address of `tenure`.
pub(super) fn conflict(
    tenure: &Tenure,
    address: Ipv4Addr,
    outcome: ProbeOutcome,
) -> Option<[u8; 6]> {
    match outcome {
        ProbeOutcome::Conflict { with } if address == tenure.lease.address => Some(with),
        ProbeOutcome::Conflict { .. } | ProbeOutcome::Clear => None,
    }
}

/// REQUESTs for more time of a lease without end, which only an outer event asks for.
const RENEW_TRIES: u32 = 4;
