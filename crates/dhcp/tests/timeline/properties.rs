//! What holds whatever happens, in whatever order.

use std::time::Duration;

use dhcp_client::{
    Action, Broadcast, Client, Config, ConflictDetection, Event, Instant, Lease, ProbeOutcome,
    Start, State, Unbound,
};
use dhcproto::v4::Message;
use proptest::prelude::*;

use crate::script::{
    ADDRESS, OTHER_MAC, OTHER_SERVER, Reply, SERVER, Timeline, ack, config, decode, instant, nak,
    offer,
};

/// Something that happens to a client.
#[derive(Clone, Debug)]
enum Happening {
    Deadline,
    Later(Duration),
    Reply(Kind, u32, bool, Vec<(u8, Vec<u8>)>),
    Garbage(Vec<u8>),
    /// A reply with bytes changed.
    Damaged(Kind, Vec<(usize, u8)>),
    Probe(bool),
    LinkUp,
    LinkDown,
    Renew,
    Release,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Offer,
    Ack,
    Nak,
}

fn reply(kind: Kind) -> Reply {
    match kind {
        Kind::Offer => offer(),
        Kind::Ack => ack(),
        Kind::Nak => nak(),
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![3 => Just(Kind::Offer), 5 => Just(Kind::Ack), 1 => Just(Kind::Nak)]
}

fn lease_times() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(0),
        Just(1),
        2..10_u32,
        60..90_000_u32,
        Just(u32::MAX - 1),
        Just(u32::MAX)
    ]
}

fn options() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let value = proptest::collection::vec(any::<u8>(), 0..12);
    let code = prop_oneof![
        Just(58),
        Just(59),
        Just(121),
        Just(1),
        Just(3),
        Just(119),
        1..255_u8
    ];
    proptest::collection::vec((code, value), 0..4)
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        6 => Just(Happening::Deadline),
        2 => (0..4000_u64).prop_map(|s| Happening::Later(Duration::from_secs(s))),
        2 => (0..2000_u64).prop_map(|ms| Happening::Later(Duration::from_millis(ms))),
        12 => (kinds(), lease_times(), prop::bool::weighted(0.8), options())
            .prop_map(|(kind, time, ours, options)| Happening::Reply(kind, time, ours, options)),
        1 => proptest::collection::vec(any::<u8>(), 0..600).prop_map(Happening::Garbage),
        2 => (kinds(), proptest::collection::vec((0..320_usize, any::<u8>()), 1..4))
            .prop_map(|(kind, damage)| Happening::Damaged(kind, damage)),
        3 => any::<bool>().prop_map(Happening::Probe),
        1 => Just(Happening::LinkUp),
        1 => Just(Happening::LinkDown),
        1 => Just(Happening::Renew),
        1 => prop::bool::weighted(0.1).prop_map(|release| {
            if release { Happening::Release } else { Happening::Deadline }
        }),
    ];
    proptest::collection::vec(happening, 1..80)
}

fn configs() -> impl Strategy<Value = Config> {
    let starts = prop_oneof![
        4 => Just(Start::Fresh),
        1 => Just(Start::Address(ADDRESS)),
        1 => Just(Start::Reboot(record())),
        1 => Just(Start::Resume(record())),
    ];
    let conflicts = prop_oneof![
        Just(ConflictDetection::Off),
        Just(ConflictDetection::Fast),
        Just(ConflictDetection::Strict)
    ];
    let broadcasts = prop_oneof![Just(Broadcast::Auto), Just(Broadcast::Always)];
    let waits = prop::bool::weighted(0.2);
    (starts, conflicts, broadcasts, waits).prop_map(|(start, conflict, broadcast, waits)| Config {
        start,
        conflict,
        broadcast,
        waits,
        ..config()
    })
}

fn record() -> Lease {
    Timeline::bound(ack())
        .client
        .lease()
        .expect("bound")
        .clone()
}

/// A client and what its user would know: the address in use, and when messages went out.
struct World {
    client: Client,
    now: Instant,
    in_use: Option<Lease>,
    last_sent: Option<Message>,
    sends: Vec<Instant>,
}

impl World {
    fn start(config: Config, seed: u64) -> Self {
        let in_use = match &config.start {
            Start::Fresh | Start::Address(_) => None,
            Start::Reboot(lease) | Start::Resume(lease) => Some(lease.clone()),
        };
        let now = instant(0.0);
        let (client, actions) = Client::new(config, seed, now);
        let mut world = Self {
            client,
            now,
            in_use,
            last_sent: None,
            sends: Vec::new(),
        };
        world.check(&actions, false);
        world
    }

    fn happens(&mut self, happening: &Happening) {
        let xid = self.last_sent.as_ref().map_or(0, Message::xid);
        let encode = |reply: Reply| Reply {
            xid: Some(xid),
            ..reply
        };
        match happening {
            Happening::Deadline => {
                if let Some(deadline) = self.client.deadline() {
                    self.now = self.now.max(deadline);
                }
                self.step(Event::Deadline);
            }
            Happening::Later(duration) => {
                self.now = self.now + *duration;
                self.step(Event::Deadline);
            }
            Happening::Reply(kind, time, ours, options) => {
                let server = if *ours { SERVER } else { OTHER_SERVER };
                let mut reply = encode(reply(*kind).lasting(*time).from(server));
                reply.options.extend(options.iter().cloned());
                let payload = reply.encode(xid);
                self.step(Event::Received { payload: &payload });
            }
            Happening::Garbage(payload) => self.step(Event::Received { payload }),
            Happening::Damaged(kind, damage) => {
                let mut payload = encode(reply(*kind)).encode(xid);
                for (position, byte) in damage {
                    let position = position % payload.len();
                    payload[position] = *byte;
                }
                self.step(Event::Received { payload: &payload });
            }
            Happening::Probe(clear) => {
                let outcome = if *clear {
                    ProbeOutcome::Clear
                } else {
                    ProbeOutcome::Conflict { with: OTHER_MAC }
                };
                self.step(Event::ProbeResult {
                    address: ADDRESS,
                    outcome,
                });
            }
            Happening::LinkUp => self.step(Event::LinkUp),
            Happening::LinkDown => self.step(Event::LinkDown),
            Happening::Renew => self.step(Event::Renew),
            Happening::Release => self.step(Event::Release),
        }
    }

    fn step(&mut self, event: Event<'_>) {
        let stopped = self.client.state() == State::Stopped;
        let answered = self
            .client
            .received()
            .get(&dhcp_client::Answer::Ack)
            .copied();
        let actions = self.client.step(event, self.now);
        assert!(
            !stopped || actions.is_empty(),
            "nothing leads out of the end"
        );
        let acked = self
            .client
            .received()
            .get(&dhcp_client::Answer::Ack)
            .copied()
            > answered;
        self.check(&actions, acked);
    }

    fn check(&mut self, actions: &[Action], acked: bool) {
        for action in actions {
            match action {
                Action::Send(transmit) => {
                    self.last_sent = Some(decode(&transmit.message));
                    self.sends.push(self.now);
                }
                Action::Probe(probe) => {
                    assert!(probe.send_at.iter().all(|at| *at <= probe.conclude_after));
                }
                Action::Bind(lease) => {
                    assert_eq!(self.in_use, None, "bound twice");
                    assert!(acked || self.client.state() != State::Probing);
                    self.in_use = Some(lease.clone());
                }
                Action::Update { old, new } => {
                    assert!(acked, "an update without an ACK");
                    assert_eq!(self.in_use.as_ref(), Some(old));
                    self.in_use = Some(new.clone());
                }
                Action::Renewed(lease) => {
                    assert!(acked, "more time without an ACK");
                    assert_eq!(
                        self.in_use.as_ref().map(|old| old.address),
                        Some(lease.address)
                    );
                    self.in_use = Some(lease.clone());
                }
                Action::Unbind { lease, reason } => {
                    assert_eq!(self.in_use.as_ref(), Some(lease), "not in use");
                    if *reason == Unbound::Expired {
                        assert!(lease.expiry().is_some_and(|expiry| expiry <= self.now));
                    }
                    self.in_use = None;
                }
            }
        }
        assert_eq!(self.client.lease(), self.in_use.as_ref());
        let deadline = self.client.deadline();
        assert!(
            deadline.is_none_or(|deadline| self.now < deadline),
            "a deadline has passed"
        );
        if let Some(lease) = &self.in_use {
            assert!(
                lease.expiry().is_none_or(|expiry| self.now < expiry),
                "held past its end"
            );
            if let Some(times) = lease.times {
                assert!(lease.acquired_at < times.t1);
                assert!(times.t1 < times.t2 && times.t2 < times.expiry, "{times:?}");
                assert!(deadline.is_some_and(|deadline| deadline <= times.expiry));
            }
            let _ = dhcp_client::routes::plan(lease);
        }
        match self.client.state() {
            State::Bound | State::Renewing | State::Rebinding | State::InitReboot => {
                assert!(self.in_use.is_some());
            }
            State::Init | State::Selecting | State::Requesting | State::Probing => {
                assert!(self.in_use.is_none());
            }
            State::Rebooting => {}
            State::Released | State::Stopped => assert!(self.in_use.is_none()),
        }
        if matches!(self.client.state(), State::Bound | State::InitReboot) {
            assert!(
                !self.client.listens(),
                "nothing is held open while nothing is asked"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_hold(config in configs(), seed: u64, happenings in happenings()) {
        let mut world = World::start(config, seed);
        for happening in &happenings {
            world.happens(happening);
        }
    }

    /// Left alone, a client never sends more than a few messages in a second, and never falls silent
    /// unless it holds a lease without end or is stopped.
    #[test]
    fn a_client_left_alone_neither_storms_nor_gives_up(
        config in configs(), seed: u64, happenings in happenings(),
    ) {
        let mut world = World::start(config, seed);
        for happening in &happenings {
            world.happens(happening);
        }
        // Whoever had it wait has it go on some time.
        world.happens(&Happening::Renew);
        world.sends.clear();
        for _ in 0..200 {
            world.happens(&Happening::Deadline);
        }
        let over = matches!(world.client.state(), State::Stopped);
        let endless = world.client.lease().is_some_and(|lease| lease.times.is_none());
        prop_assert!(over || endless || world.sends.len() >= 50, "{} sent", world.sends.len());
        for window in world.sends.windows(5) {
            let [first, .., last] = window else { unreachable!() };
            let spread = last.duration_since(*first);
            prop_assert!(spread >= Duration::from_millis(900), "5 in {spread:?}");
        }
    }

    /// No record, however damaged, makes a client misbehave.
    #[test]
    fn a_record_with_any_times_is_taken(
        seed: u64, resume: bool, acquired in any::<u64>(), t1: u64, t2: u64, expiry: u64,
    ) {
        let at = |seconds| Instant::from_boot(Duration::from_secs(seconds));
        let mut lease = record();
        lease.acquired_at = at(acquired);
        lease.times = Some(dhcp_client::Times { t1: at(t1), t2: at(t2), expiry: at(expiry) });
        let start = if resume { Start::Resume(lease) } else { Start::Reboot(lease) };
        let now = instant(0.0);
        let (mut client, _) = Client::new(Config { start, ..config() }, seed, now);
        for _ in 0..20 {
            let Some(deadline) = client.deadline() else { break };
            client.step(Event::Deadline, deadline);
            prop_assert!(client.deadline().is_none_or(|next| deadline < next || deadline == at(u64::MAX)));
        }
    }

    #[test]
    fn no_packet_harms(payload in proptest::collection::vec(any::<u8>(), 0..1600)) {
        let mut t = Timeline::start(config(), &["DISCOVER"]);
        let head = t.payload(&offer());
        t.client.step(Event::Received { payload: &payload }, instant(0.0));
        let whole = [&head[..240], &payload].concat();
        t.client.step(Event::Received { payload: &whole }, instant(0.0));
    }
}
