//! A former address asked for again: INIT-REBOOT and REBOOTING, with the lease in use and without.

use std::net::Ipv4Addr;

use super::hold::{conflict, is_over, lose};
use super::phase::{Bound, Init, InitReboot, Phase, Probed, Reclaiming, Tenure, Verifying};
use super::timing::elapsed;
use super::{Client, Input, Turn};
use crate::config::Start;
use crate::event::{Destination, Unbound};
use crate::lease::Lease;
use crate::message::Message;
use crate::reply::Reply;

impl Client {
    pub(super) fn reclaiming(
        &mut self,
        mut state: Reclaiming,
        input: Input,
        turn: &mut Turn,
    ) -> Phase {
        match input {
            Input::Deadline if state.exchange.sends < RECLAIM_TRIES => {
                self.send_reclaim(&mut state, turn);
                Phase::Reclaiming(state)
            }
            Input::Deadline => {
                self.hint = Some(state.address);
                self.discover(turn)
            }
            Input::Reply(Reply::Ack(grant)) => {
                match self.lease_of(grant, state.exchange.requested_at, None, turn.now) {
                    Some(lease) => self.granted(lease, state.address, state.probe, turn),
                    None => Phase::Reclaiming(state),
                }
            }
            Input::Reply(Reply::Nak { server, message }) => self.refused(server, message, turn),
            Input::Probed { address, outcome } => {
                if address == state.address {
                    state.probe = Probed::from(outcome);
                }
                Phase::Reclaiming(state)
            }
            Input::LinkUp | Input::Renew => {
                self.hasten(&mut state.exchange, turn);
                Phase::Reclaiming(state)
            }
            Input::Reply(Reply::Offer(_)) | Input::LinkDown => Phase::Reclaiming(state),
            Input::Release => Self::linger(state.exchange, turn),
        }
    }

    pub(super) fn init_reboot(
        &mut self,
        mut state: InitReboot,
        input: &Input,
        turn: &mut Turn,
    ) -> Phase {
        match input {
            Input::Deadline => self.reboot(state.tenure, turn),
            Input::Probed { address, outcome } => match conflict(&state.tenure, *address, *outcome)
            {
                Some(with) => self.lose_to(state.tenure, with, turn),
                None => Phase::InitReboot(state),
            },
            Input::LinkUp | Input::Renew => {
                let soonest = self.soonest(turn.now);
                state.reboot_at = Some(state.reboot_at.map_or(soonest, |at| at.min(soonest)));
                Phase::InitReboot(state)
            }
            Input::Reply(_) | Input::LinkDown => Phase::InitReboot(state),
            Input::Release => self.release(state.tenure, None, turn),
        }
    }

    pub(super) fn verifying(
        &mut self,
        mut state: Verifying,
        input: Input,
        turn: &mut Turn,
    ) -> Phase {
        match input {
            Input::Deadline if is_over(&state.tenure, turn) => self.expire(state.tenure, turn),
            Input::Deadline if state.exchange.sends < VERIFY_TRIES => {
                self.send_reboot(&mut state, turn);
                Phase::Verifying(state)
            }
            Input::Deadline => self.keep_unconfirmed(state.tenure, turn),
            Input::Reply(Reply::Ack(grant)) => {
                match self.extension(grant, &state.exchange, &state.tenure, turn) {
                    Some(lease) => self.extend(state.tenure, lease, turn),
                    None => Phase::Verifying(state),
                }
            }
            Input::Reply(Reply::Nak { server, message }) => {
                lose(state.tenure, Unbound::Nak, turn);
                self.refused(server, message, turn)
            }
            Input::Probed { address, outcome } => match conflict(&state.tenure, address, outcome) {
                Some(with) => self.lose_to(state.tenure, with, turn),
                None => Phase::Verifying(state),
            },
            Input::LinkUp | Input::Renew => {
                self.hasten(&mut state.exchange, turn);
                Phase::Verifying(state)
            }
            Input::LinkDown => {
                let reboot_at = Some(state.exchange.retry_at);
                Phase::InitReboot(InitReboot {
                    tenure: state.tenure,
                    reboot_at,
                })
            }
            Input::Reply(Reply::Offer(_)) => Phase::Verifying(state),
            Input::Release => self.release(state.tenure, Some(state.exchange), turn),
        }
    }

    /// INIT-REBOOT to REBOOTING for an address that is not in use.
    pub(super) fn reclaim(&mut self, address: Ipv4Addr, turn: &mut Turn) -> Phase {
        let exchange = self.exchange(turn.now);
        let mut state = Reclaiming {
            exchange,
            address,
            probe: Probed::No,
        };
        self.send_reclaim(&mut state, turn);
        state.probe = self.probe_early(address, turn);
        Phase::Reclaiming(state)
    }

    fn send_reclaim(&mut self, state: &mut Reclaiming, turn: &mut Turn) {
        self.retransmit(&mut state.exchange, turn.now);
        state.exchange.secs = elapsed(&state.exchange, turn.now);
        let message = Message::Reboot {
            address: state.address,
        };
        self.send(message, &state.exchange, Destination::Broadcast, turn);
    }

    /// Goes on with a lease in use: BOUND as long as it needs nothing.
    pub(super) fn resume(&mut self, lease: Lease, turn: &mut Turn) -> Phase {
        let tenure = self.tenure(lease);
        if needs_nothing(&tenure, turn) {
            bound(tenure)
        } else {
            self.reboot(tenure, turn)
        }
    }

    /// INIT or INIT-REBOOT until somebody says to go on; BOUND as long as a lease needs nothing.
    pub(super) fn wait(&mut self, start: Start, turn: &mut Turn) -> Phase {
        let init = Phase::Init(Init { discover_at: None });
        let tenure = match start {
            Start::Fresh => return init,
            Start::Address(address) => {
                self.hint = Some(address);
                return init;
            }
            Start::Reboot(lease) => self.tenure(lease),
            Start::Resume(lease) => {
                let tenure = self.tenure(lease);
                if needs_nothing(&tenure, turn) {
                    return bound(tenure);
                }
                tenure
            }
        };
        if is_over(&tenure, turn) {
            self.hint = Some(tenure.lease.address);
            lose(tenure, Unbound::Expired, turn);
            return init;
        }
        Phase::InitReboot(InitReboot {
            tenure,
            reboot_at: None,
        })
    }

    /// Asks at once whether a lease in use still holds.
    pub(super) fn verify(&mut self, lease: Lease, turn: &mut Turn) -> Phase {
        let tenure = self.tenure(lease);
        self.reboot(tenure, turn)
    }

    /// INIT-REBOOT to REBOOTING; an expired lease is over.
    fn reboot(&mut self, tenure: Tenure, turn: &mut Turn) -> Phase {
        if is_over(&tenure, turn) {
            return self.expire(tenure, turn);
        }
        let exchange = self.exchange(turn.now);
        let mut state = Verifying { tenure, exchange };
        self.send_reboot(&mut state, turn);
        Phase::Verifying(state)
    }

    fn send_reboot(&mut self, state: &mut Verifying, turn: &mut Turn) {
        self.retransmit(&mut state.exchange, turn.now);
        state.exchange.secs = elapsed(&state.exchange, turn.now);
        let message = Message::Reboot {
            address: state.tenure.lease.address,
        };
        self.send(message, &state.exchange, Destination::Broadcast, turn);
    }

    /// No server has answered: a lease that lasts is kept (RFC 2131 §3.2, 4), but asked for again
    /// before T1.
    fn keep_unconfirmed(&mut self, tenure: Tenure, turn: &mut Turn) -> Phase {
        let doubt_until = self.doubt_until(turn.now);
        let renew_at = tenure
            .due
            .map_or(doubt_until, |due| due.renew_at.min(doubt_until));
        Phase::Bound(Bound {
            tenure,
            renew_at: Some(renew_at),
        })
    }
}

/// Whether this client's T1, which may come before the server's, is ahead.
fn needs_nothing(tenure: &Tenure, turn: &Turn) -> bool {
    tenure.due.is_none_or(|due| turn.now < due.renew_at)
}

fn bound(tenure: Tenure) -> Phase {
    let renew_at = tenure.due.map(|due| due.renew_at);
    Phase::Bound(Bound { tenure, renew_at })
}

/// REQUESTs of a former address before a DISCOVER: three seconds.
const RECLAIM_TRIES: u32 = 2;

/// REQUESTs for a lease in use before it is kept without an answer: fifteen seconds.
const VERIFY_TRIES: u32 = 4;
