//! What a client promises to the pod, the LAN and its caller, checked from outside after every step.

use std::net::Ipv4Addr;
use std::time::Duration;

use dhcp_client::{
    Action, Answer, Client, Destination, Instant, Lease, ProbeOutcome, Start, State, Transmit,
    Unbound,
};
use dhcproto::v4::{Message, MessageType, OptionCode};

use super::server::{MAC, address_in, message_of};
use crate::routes::check_plan;

/// What a bystander knows.
pub(super) struct Promises {
    in_use: Option<Lease>,
    /// The last message that an answer is possible to.
    asked: Option<Message>,
    /// The address a client was started with.
    former: Option<Ipv4Addr>,
    /// Offered since the last DISCOVER of another exchange: address and server.
    offered: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// Addresses in messages that may count as ACKs, since the last DISCOVER.
    acknowledged: Vec<Ipv4Addr>,
    /// When a REQUEST went out.
    requests: Vec<Instant>,
    /// The address asked for that a host was last seen to use.
    taken: Option<Ipv4Addr>,
    conflicts: Vec<Ipv4Addr>,
    released_at: Option<Instant>,
    /// Started to wait, and nobody has said to go on.
    waits: bool,
    acks_seen: u32,
    /// Messages that may still be sent, in thousandths.
    credit: u64,
    credit_at: Instant,
}

impl Promises {
    pub(super) fn of(start: &Start, waits: bool, now: Instant) -> Self {
        let (in_use, former) = match start {
            Start::Fresh => (None, None),
            Start::Address(address) => (None, Some(*address)),
            Start::Reboot(lease) | Start::Resume(lease) => (Some(lease.clone()), None),
        };
        Self {
            in_use,
            asked: None,
            former,
            offered: Vec::new(),
            acknowledged: Vec::new(),
            requests: Vec::new(),
            taken: None,
            conflicts: Vec::new(),
            released_at: None,
            waits,
            acks_seen: 0,
            credit: MOST_CREDIT,
            credit_at: now,
        }
    }

    pub(super) fn asked(&self) -> Option<&Message> {
        self.asked.as_ref()
    }

    /// Takes down what a message may mean to the client at most.
    pub(super) fn heard(&mut self, payload: &[u8]) {
        let Some(asked) = &self.asked else { return };
        let answers = payload.len() >= OPTIONS
            && payload[..3] == [2, 1, 6]
            && payload[4..8] == asked.xid().to_be_bytes()
            && payload[28..34] == MAC
            && payload[236..OPTIONS] == [99, 130, 83, 99];
        if !answers {
            return;
        }
        let address = |at: &[u8]| <[u8; 4]>::try_from(at).map(Ipv4Addr::from);
        if let Ok(yours) = address(&payload[16..20]) {
            self.acknowledged.push(yours);
            let servers = payload.windows(6).filter(|window| window[..2] == [54, 4]);
            let servers = servers.filter_map(|window| address(&window[2..]).ok());
            self.offered.extend(servers.map(|server| (yours, server)));
        }
    }

    pub(super) fn probed(&mut self, address: Ipv4Addr, outcome: ProbeOutcome) {
        match outcome {
            ProbeOutcome::Clear => self.taken = self.taken.filter(|taken| *taken != address),
            ProbeOutcome::Conflict { .. } => {
                self.conflicts.push(address);
                let request = self
                    .asked
                    .as_ref()
                    .filter(|asked| asked.opts().msg_type() == Some(MessageType::Request));
                let asked =
                    request.and_then(|request| address_in(request, OptionCode::RequestedIpAddress));
                if asked == Some(address) && self.in_use.is_none() {
                    self.taken = asked;
                }
                self.earn(2);
            }
        }
    }

    pub(super) fn goes_on(&mut self) {
        self.waits = false;
    }

    pub(super) fn released(&mut self, now: Instant) {
        self.released_at.get_or_insert(now);
        self.earn(1);
    }

    /// Follows `actions` in order, then looks at the client. `taken`: an answer was taken in.
    pub(super) fn after(&mut self, client: &Client, actions: &[Action], taken: bool, now: Instant) {
        let acks = client
            .received()
            .get(&Answer::Ack)
            .copied()
            .unwrap_or_default();
        let acked = acks > self.acks_seen;
        self.acks_seen = acks;
        if taken {
            self.earn(2);
        }
        self.credit = MOST_CREDIT.min(self.credit + earned(now.duration_since(self.credit_at)));
        self.credit_at = now;
        for action in actions {
            self.follow(action, acked, now);
        }
        assert_eq!(client.lease(), self.in_use.as_ref());
        self.check_deadline(client, now);
        self.check_state(client);
        if let Some(released_at) = self.released_at {
            assert_eq!(self.in_use, None, "given back");
            let over = released_at + LATE_ANSWER <= now;
            assert!(
                !over || client.state() == State::Stopped,
                "{:?}",
                client.state()
            );
        }
    }

    fn follow(&mut self, action: &Action, acked: bool, now: Instant) {
        match action {
            Action::Send(transmit) => {
                let message = message_of(action).expect("it is one");
                self.sent(&message, transmit, now);
                self.asked = Some(message)
                    .filter(|message| {
                        matches!(
                            message.opts().msg_type(),
                            Some(MessageType::Discover | MessageType::Request)
                        )
                    })
                    .or(self.asked.take());
            }
            Action::Probe(probe) => {
                assert!(
                    probe.send_at.is_sorted()
                        && probe.send_at.iter().all(|at| *at <= probe.conclude_after)
                );
                self.taken = self.taken.filter(|taken| *taken != probe.address);
            }
            Action::Bind(lease) => {
                assert_eq!(self.in_use, None, "bound twice");
                assert_ne!(self.taken, Some(lease.address), "another host uses it");
                self.holds(lease, now);
            }
            Action::Update { old, new } => {
                assert!(acked, "an update without an ACK");
                assert_eq!(self.in_use.as_ref(), Some(old));
                assert!(
                    configuration(old) != configuration(new),
                    "nothing to update"
                );
                self.holds(new, now);
            }
            Action::Renewed(lease) => {
                assert!(acked, "more time without an ACK");
                let old = self.in_use.as_ref().expect("a lease in use");
                assert_eq!(configuration(old), configuration(lease));
                self.holds(lease, now);
            }
            Action::Unbind { lease, reason } => {
                assert_eq!(self.in_use.as_ref(), Some(lease), "not in use");
                match reason {
                    Unbound::Expired => assert!(lease.expiry().is_some_and(|expiry| expiry <= now)),
                    Unbound::Declined => assert!(self.conflicts.contains(&lease.address)),
                    Unbound::Released => assert!(self.released_at.is_some()),
                    Unbound::Nak => {}
                }
                self.in_use = None;
            }
        }
    }

    /// A lease is used only if it was acknowledged, and dates from a REQUEST.
    fn holds(&mut self, lease: &Lease, now: Instant) {
        assert!(self.acknowledged.contains(&lease.address), "nobody gave it");
        assert!(
            self.requests.contains(&lease.acquired_at),
            "nobody asked then"
        );
        if let Some(times) = lease.times {
            assert!(
                lease.acquired_at < times.t1 && times.t1 < times.t2 && times.t2 < times.expiry,
                "{times:?}"
            );
            assert!(now < times.expiry, "over already");
        }
        assert_eq!(self.released_at, None, "given back");
        check_plan(lease);
        self.in_use = Some(lease.clone());
    }

    fn sent(&mut self, message: &Message, transmit: &Transmit, now: Instant) {
        assert!(transmit.message.len() >= 300 && transmit.message[28..34] == MAC);
        self.credit = self.credit.checked_sub(ONE).expect("a storm");
        let requested = address_in(message, OptionCode::RequestedIpAddress);
        let server = address_in(message, OptionCode::ServerIdentifier);
        let client = Some(message.ciaddr()).filter(|address| !address.is_unspecified());
        let held = self.in_use.as_ref();
        let kind = message.opts().msg_type().expect("a type");
        let leaving = matches!(kind, MessageType::Release | MessageType::Decline);
        assert!(
            leaving || self.released_at.is_none(),
            "{kind:?} after the release"
        );
        match (kind, client, requested, server) {
            (MessageType::Discover, None, _, None) => {
                assert_eq!(held, None);
                if self
                    .asked
                    .as_ref()
                    .is_none_or(|asked| asked.xid() != message.xid())
                {
                    self.offered.clear();
                    self.acknowledged.clear();
                    self.taken = None;
                }
            }
            (MessageType::Request, None, Some(address), Some(server)) => {
                assert_eq!(held, None);
                assert!(self.offered.contains(&(address, server)), "no such offer");
                self.requests.push(now);
            }
            (MessageType::Request, None, Some(address), None) => {
                assert_eq!(held.map(|held| held.address).or(self.former), Some(address));
                self.requests.push(now);
            }
            (MessageType::Request, Some(address), None, None) => {
                let held = held.expect("a lease to renew");
                assert_eq!(held.address, address);
                assert!(
                    held.expiry().is_none_or(|expiry| now < expiry),
                    "renewed too late"
                );
                self.requests.push(now);
            }
            (MessageType::Decline, None, Some(address), Some(_)) => {
                assert!(self.conflicts.contains(&address), "no conflict");
            }
            (MessageType::Release, Some(_), None, Some(_)) => {
                assert!(self.released_at.is_some(), "unasked");
            }
            other => panic!("no message of RFC 2131: {other:?}"),
        }
        match transmit.to {
            Destination::Broadcast => {}
            Destination::Unicast { server: to, from } => {
                let held = self.in_use.as_ref().expect("an address to send from");
                assert_eq!((held.address, held.server_id), (from, to));
                assert_eq!(client, Some(from));
            }
        }
    }

    fn check_deadline(&self, client: &Client, now: Instant) {
        let deadline = client.deadline();
        assert!(
            deadline.is_none_or(|deadline| now < deadline),
            "it has passed"
        );
        let expiry = self.in_use.as_ref().and_then(Lease::expiry);
        if let Some(expiry) = expiry {
            assert!(now < expiry, "held past its end");
            assert!(
                deadline.is_some_and(|deadline| deadline <= expiry),
                "the end would be missed"
            );
        }
        let waiting = self.waits && self.asked.is_none() && client.state() == State::Init;
        let endless = self.in_use.is_some() && expiry.is_none();
        assert!(
            deadline.is_some() || endless || waiting || client.state() == State::Stopped,
            "asleep for ever"
        );
    }

    fn check_state(&self, client: &Client) {
        match client.state() {
            State::Bound | State::InitReboot => assert!(self.in_use.is_some() && !client.listens()),
            State::Renewing | State::Rebinding => {
                assert!(self.in_use.is_some() && client.listens());
            }
            State::Rebooting => assert!(client.listens()),
            State::Selecting | State::Requesting | State::Released => {
                assert!(self.in_use.is_none() && client.listens());
            }
            State::Init | State::Probing | State::Stopped => {
                assert!(self.in_use.is_none() && !client.listens());
            }
        }
    }

    fn earn(&mut self, messages: u64) {
        self.credit += messages * ONE;
    }
}

/// What of a lease a pod's link shows.
fn configuration(lease: &Lease) -> Lease {
    Lease {
        server_id: Ipv4Addr::UNSPECIFIED,
        acquired_at: Instant::default(),
        times: None,
        options: dhcp_client::RawOptions::default(),
        ..lease.clone()
    }
}

/// Two messages a second.
fn earned(time: Duration) -> u64 {
    u64::try_from(time.as_millis())
        .unwrap_or(MOST_CREDIT)
        .saturating_mul(2)
}

const ONE: u64 = 1000;

/// What may be sent at once: the messages of all states that a node slept through.
const MOST_CREDIT: u64 = 6 * ONE;

const OPTIONS: usize = 240;

/// How long an answer may be on its way.
const LATE_ANSWER: Duration = Duration::from_secs(10);
