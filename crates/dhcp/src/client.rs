//! The client: events and time in, actions and a deadline out.

mod acquire;
mod hold;
mod leave;
mod phase;
mod reboot;
mod timing;

use std::collections::BTreeMap;
use std::mem;
use std::net::Ipv4Addr;

use fastrand::Rng;

use crate::config::{Broadcast, Config, ConflictDetection, Start};
use crate::event::{Action, Destination, Event, ProbeOutcome, Transmit, Trouble};
use crate::ignored::Ignored;
use crate::lease::Lease;
use crate::message::{self, Header, Identity, Intent, Message};
use crate::reply::{Answer, Grant, Reply};
use crate::time::Instant;
use leave::stopped;
use phase::{Exchange, Phase};

pub use phase::State;

/// A `DHCPv4` client.
///
/// Its life is driven by two calls: [`Client::step`] with what happened, and again at the latest
/// when [`Client::deadline`] has come. Nothing fails: what cannot be used is counted
/// ([`Client::ignored`]) and what is lost is sent again. The time given to `step` must not go
/// backwards; if it does, nothing worse happens than a wait that lasts longer.
///
/// Transaction ids: DISCOVER, its retransmissions and the REQUEST of an offer share one (RFC 2131
/// §4.4.1), as do the REQUESTs of one INIT-REBOOT. Each REQUEST for more time has its own, so that
/// the answer tells which one it answers and thereby when the lease began.
#[derive(Debug)]
pub struct Client {
    identity: Identity,
    broadcast: Broadcast,
    conflict: ConflictDetection,
    rng: Rng,
    phase: Phase,
    /// The address to ask for in the next DISCOVER.
    hint: Option<Ipv4Addr>,
    /// When the last message was sent.
    last_sent: Option<Instant>,
    /// NAKs since a lease was bound.
    refusals: u32,
    /// Conflicts since an address was found free of them.
    conflicts: u32,
    trouble: Option<Trouble>,
    sent: BTreeMap<Intent, u32>,
    received: BTreeMap<Answer, u32>,
    ignored: BTreeMap<Ignored, u32>,
    repeated: u32,
}

/// What a state sees of an event. A deadline is one that is due, an answer one that passed every
/// check.
#[derive(Debug)]
enum Input {
    Deadline,
    Reply(Reply),
    Probed {
        address: Ipv4Addr,
        outcome: ProbeOutcome,
    },
    LinkUp,
    LinkDown,
    Renew,
    Release,
}

/// What one call of [`Client::step`] knows and gathers.
#[derive(Debug)]
struct Turn {
    now: Instant,
    actions: Vec<Action>,
}

impl Client {
    /// Starts a client. `seed` should differ from client to client: transaction ids and the spread
    /// of all timers come from it.
    ///
    /// The first message goes out at once. RFC 2131 §4.4.1 suggests a random wait of up to ten
    /// seconds, which a pod should not pay; who starts many clients spaces them out.
    #[must_use]
    pub fn new(config: Config, seed: u64, now: Instant) -> (Self, Vec<Action>) {
        let mut config = config;
        let (start, waits) = (mem::take(&mut config.start), config.waits);
        let hint = config
            .requested_address
            .or(message::requested_address(&config.extra_options));
        let mut client = Self {
            broadcast: config.broadcast,
            conflict: config.conflict,
            identity: Identity::new(config),
            rng: Rng::with_seed(seed),
            phase: Phase::Stopped,
            hint,
            last_sent: None,
            refusals: 0,
            conflicts: 0,
            trouble: None,
            sent: BTreeMap::new(),
            received: BTreeMap::new(),
            ignored: BTreeMap::new(),
            repeated: 0,
        };
        let mut turn = Turn {
            now,
            actions: Vec::new(),
        };
        client.phase = match start {
            start if waits => client.wait(start, &mut turn),
            Start::Fresh => client.discover(&mut turn),
            Start::Address(address) => client.reclaim(address, &mut turn),
            Start::Reboot(lease) => client.verify(lease, &mut turn),
            Start::Resume(lease) => client.resume(lease, &mut turn),
        };
        client.catch_up(&mut turn);
        (client, turn.actions)
    }

    /// Takes in an event and returns what to do, in order.
    pub fn step(&mut self, event: Event<'_>, now: Instant) -> Vec<Action> {
        let mut turn = Turn {
            now,
            actions: Vec::new(),
        };
        match event {
            Event::Deadline => {}
            // An answer that comes together with a deadline must be heard first.
            Event::Received { .. } => self.take(event, &mut turn),
            Event::ProbeResult { .. }
            | Event::LinkUp
            | Event::LinkDown
            | Event::Renew
            | Event::Release => {
                self.catch_up(&mut turn);
                self.take(event, &mut turn);
            }
        }
        self.catch_up(&mut turn);
        turn.actions
    }

    /// Returns when to call [`Client::step`] with [`Event::Deadline`], `None` if never.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.phase.deadline()
    }

    /// Returns the state.
    #[must_use]
    pub fn state(&self) -> State {
        self.phase.state()
    }

    /// Returns the lease in use: bound and not unbound.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        self.phase.lease()
    }

    /// Returns whether an answer may come, so that a socket has to be open.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.phase.expected().is_some()
    }

    /// Returns how many messages of each kind were sent.
    #[must_use]
    pub fn sent(&self) -> &BTreeMap<Intent, u32> {
        &self.sent
    }

    /// Returns how many of the messages sent had no answer the time before, renewals left out.
    #[must_use]
    pub fn repeated(&self) -> u32 {
        self.repeated
    }

    /// Returns how many answers of each kind were taken in.
    #[must_use]
    pub fn received(&self) -> &BTreeMap<Answer, u32> {
        &self.received
    }

    /// Returns how many received messages were dropped, by reason.
    #[must_use]
    pub fn ignored(&self) -> &BTreeMap<Ignored, u32> {
        &self.ignored
    }

    /// Returns the last refusal or conflict, `None` since the last lease was bound.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Handles the deadlines that have passed. Each moves the next one on, a few steps at most: a
    /// node that slept through a whole lease goes through its states at once.
    fn catch_up(&mut self, turn: &mut Turn) {
        for _ in 0..MOST_DEADLINES_AT_ONCE {
            if self.deadline().is_none_or(|deadline| turn.now < deadline) {
                return;
            }
            self.transition(Input::Deadline, turn);
        }
    }

    /// Turns an event into what the states see of it: a message counts as an answer or not at all.
    fn take(&mut self, event: Event<'_>, turn: &mut Turn) {
        let input = match event {
            Event::Deadline => return,
            Event::Received { payload } => match self.read(payload) {
                Ok(reply) => {
                    count(&mut self.received, reply.kind());
                    Input::Reply(reply)
                }
                Err(reason) => return self.ignore(reason),
            },
            Event::ProbeResult { address, outcome } => Input::Probed { address, outcome },
            Event::LinkUp => Input::LinkUp,
            Event::LinkDown => Input::LinkDown,
            Event::Renew => Input::Renew,
            Event::Release => Input::Release,
        };
        self.transition(input, turn);
    }

    fn read(&self, payload: &[u8]) -> Result<Reply, Ignored> {
        let expected = self.phase.expected().ok_or(Ignored::Unasked)?;
        Reply::decode(payload, &self.identity, expected)
    }

    fn transition(&mut self, input: Input, turn: &mut Turn) {
        self.phase = match mem::replace(&mut self.phase, Phase::Stopped) {
            Phase::Init(state) => self.init(state, &input, turn),
            Phase::Selecting(state) => self.selecting(state, input, turn),
            Phase::Requesting(state) => self.requesting(state, input, turn),
            Phase::Reclaiming(state) => self.reclaiming(state, input, turn),
            Phase::Probing(state) => self.probing(state, &input, turn),
            Phase::InitReboot(state) => self.init_reboot(state, &input, turn),
            Phase::Verifying(state) => self.verifying(state, input, turn),
            Phase::Bound(state) => self.bound(state, &input, turn),
            Phase::Renewing(state) => self.renewing(state, input, turn),
            Phase::Rebinding(state) => self.rebinding(state, input, turn),
            Phase::Released(state) => self.released(state, input, turn),
            Phase::Stopped => stopped(&input),
        };
    }

    /// Returns the lease that `grant` gives in answer to a REQUEST sent at `requested_at`, or counts
    /// why it gives none.
    fn lease_of(
        &mut self,
        grant: Grant,
        requested_at: Instant,
        held: Option<&Lease>,
        now: Instant,
    ) -> Option<Lease> {
        let lease = Lease::granted(grant, requested_at, held).and_then(|lease| {
            let over = lease.expiry().is_some_and(|expiry| expiry <= now);
            if over {
                Err(Ignored::AlreadyExpired)
            } else {
                Ok(lease)
            }
        });
        lease.map_err(|reason| self.ignore(reason)).ok()
    }

    fn ignore(&mut self, reason: Ignored) {
        count(&mut self.ignored, reason);
    }

    fn send(&mut self, message: Message, exchange: &Exchange, to: Destination, turn: &mut Turn) {
        let header = Header {
            xid: exchange.xid,
            secs: exchange.secs,
            broadcast: exchange.broadcast && message.may_ask_for_broadcast(),
        };
        let transmit = Transmit {
            message: message.encode(header, &self.identity),
            to,
            attempt: exchange.sends,
        };
        turn.actions.push(Action::Send(transmit));
        count(&mut self.sent, message.intent());
        self.last_sent = Some(turn.now);
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u32>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

/// More than the deadlines that can pass at once: a probe's, T1, T2, expiry.
const MOST_DEADLINES_AT_ONCE: usize = 8;
