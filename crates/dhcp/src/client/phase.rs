//! The states of a client, each with the data that belongs to it.

use std::net::Ipv4Addr;

use crate::lease::Lease;
use crate::reply::{Awaited, Expected};
use crate::time::Instant;

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

/// A state with its data. REBOOTING is two: with and without the lease in use.
#[derive(Debug)]
pub(super) enum Phase {
    Init(Init),
    Selecting(Selecting),
    Requesting(Requesting),
    Reclaiming(Reclaiming),
    Probing(Probing),
    InitReboot(InitReboot),
    Verifying(Verifying),
    Bound(Bound),
    Renewing(Renewing),
    Rebinding(Rebinding),
    Released(Released),
    Stopped,
}

#[derive(Debug)]
pub(super) struct Init {
    /// `None` until somebody says so.
    pub(super) discover_at: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Selecting {
    pub(super) exchange: Exchange,
}

#[derive(Debug)]
pub(super) struct Requesting {
    pub(super) exchange: Exchange,
    pub(super) address: Ipv4Addr,
    pub(super) server: Ipv4Addr,
    pub(super) probe: Probed,
}

/// REBOOTING without a lease: the address is known, but not in use.
#[derive(Debug)]
pub(super) struct Reclaiming {
    pub(super) exchange: Exchange,
    pub(super) address: Ipv4Addr,
    pub(super) probe: Probed,
}

#[derive(Debug)]
pub(super) struct Probing {
    pub(super) lease: Lease,
    /// When the address is used although no result has come.
    pub(super) until: Instant,
}

#[derive(Debug)]
pub(super) struct InitReboot {
    pub(super) tenure: Tenure,
    /// When to ask even if the carrier has not come back; `None` for a lease without end, and for a
    /// client that was started to wait.
    pub(super) reboot_at: Option<Instant>,
}

/// REBOOTING with a lease in use.
#[derive(Debug)]
pub(super) struct Verifying {
    pub(super) tenure: Tenure,
    pub(super) exchange: Exchange,
}

#[derive(Debug)]
pub(super) struct Bound {
    pub(super) tenure: Tenure,
    /// T1, made different from client to client, or earlier, so never past the end; `None` for a
    /// lease without one.
    pub(super) renew_at: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Renewing {
    pub(super) tenure: Tenure,
    pub(super) exchange: Exchange,
}

#[derive(Debug)]
pub(super) struct Rebinding {
    pub(super) tenure: Tenure,
    pub(super) exchange: Exchange,
}

#[derive(Debug)]
pub(super) struct Released {
    /// What may still be answered.
    pub(super) exchange: Exchange,
    pub(super) until: Instant,
}

/// A message sent, perhaps repeatedly, and the answer to it that is awaited.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) xid: u32,
    /// Seconds since the client began to look for an address or for more time (§2, table 1).
    pub(super) secs: u16,
    /// What `secs` counts from.
    pub(super) began: Instant,
    /// When the REQUEST was sent that an answer may answer: the first of this xid.
    pub(super) requested_at: Instant,
    /// How often it was sent.
    pub(super) sends: u32,
    /// Ask for an answer by broadcast.
    pub(super) broadcast: bool,
    pub(super) retry_at: Instant,
}

/// What is known about other users of an address that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Probed {
    /// No probe was started.
    No,
    /// A probe is under way, which is to be over at this time.
    Running(Instant),
    /// Nobody answered.
    Clear,
    /// This host uses it.
    Conflict([u8; 6]),
}

/// A lease in use with the times at which this client acts on it; `None` for a lease without end.
#[derive(Debug)]
pub(super) struct Tenure {
    pub(super) lease: Lease,
    pub(super) due: Option<Due>,
}

/// T1 and T2 made different from client to client; `renew_at` ≤ `rebind_at` ≤ `expiry`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub(super) renew_at: Instant,
    pub(super) rebind_at: Instant,
    pub(super) expiry: Instant,
}

impl Phase {
    pub(super) fn state(&self) -> State {
        match self {
            Self::Init(_) => State::Init,
            Self::Selecting(_) => State::Selecting,
            Self::Requesting(_) => State::Requesting,
            Self::Reclaiming(_) | Self::Verifying(_) => State::Rebooting,
            Self::Probing(_) => State::Probing,
            Self::InitReboot(_) => State::InitReboot,
            Self::Bound(_) => State::Bound,
            Self::Renewing(_) => State::Renewing,
            Self::Rebinding(_) => State::Rebinding,
            Self::Released(_) => State::Released,
            Self::Stopped => State::Stopped,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Init(state) => state.discover_at,
            Self::Selecting(state) => Some(state.exchange.retry_at),
            Self::Requesting(state) => Some(state.exchange.retry_at),
            Self::Reclaiming(state) => Some(state.exchange.retry_at),
            Self::Probing(state) => Some(state.until),
            Self::InitReboot(state) => earlier(state.reboot_at, state.tenure.expiry()),
            Self::Verifying(state) => earlier(Some(state.exchange.retry_at), state.tenure.expiry()),
            Self::Bound(state) => state.renew_at,
            Self::Renewing(state) => earlier(
                Some(state.exchange.retry_at),
                state.tenure.due.map(|due| due.rebind_at),
            ),
            Self::Rebinding(state) => earlier(Some(state.exchange.retry_at), state.tenure.expiry()),
            Self::Released(state) => Some(state.until),
            Self::Stopped => None,
        }
    }

    pub(super) fn lease(&self) -> Option<&Lease> {
        match self {
            Self::InitReboot(state) => Some(&state.tenure.lease),
            Self::Verifying(state) => Some(&state.tenure.lease),
            Self::Bound(state) => Some(&state.tenure.lease),
            Self::Renewing(state) => Some(&state.tenure.lease),
            Self::Rebinding(state) => Some(&state.tenure.lease),
            Self::Init(_)
            | Self::Selecting(_)
            | Self::Requesting(_)
            | Self::Reclaiming(_)
            | Self::Probing(_)
            | Self::Released(_)
            | Self::Stopped => None,
        }
    }

    /// Returns the answer that counts in this state.
    ///
    /// INIT-REBOOT and REBINDING ask every server, so that every server may answer; otherwise
    /// another server's word is not heard (RFC 2131 §4.4.1, §4.4.5).
    pub(super) fn expected(&self) -> Option<Expected> {
        let of = |exchange: &Exchange, answer| {
            Some(Expected {
                xid: exchange.xid,
                answer,
            })
        };
        match self {
            Self::Selecting(state) => of(&state.exchange, Awaited::Offer),
            Self::Requesting(state) => of(&state.exchange, Awaited::DecisionOf(state.server)),
            Self::Reclaiming(state) => of(&state.exchange, Awaited::Decision),
            Self::Verifying(state) => of(&state.exchange, Awaited::Decision),
            Self::Renewing(state) => of(
                &state.exchange,
                Awaited::DecisionOf(state.tenure.lease.server_id),
            ),
            Self::Rebinding(state) => of(&state.exchange, Awaited::Decision),
            Self::Released(state) => of(&state.exchange, Awaited::Decision),
            Self::Init(_)
            | Self::Probing(_)
            | Self::InitReboot(_)
            | Self::Bound(_)
            | Self::Stopped => None,
        }
    }
}

impl Tenure {
    pub(super) fn expiry(&self) -> Option<Instant> {
        self.due.map(|due| due.expiry)
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}
