//! Ten thousand clients of one server through a week of virtual time: what they cost the server and
//! the network, and how soon they are well again after the network was not.
//!
//! `cargo test -p dhcp-client --test simulation -- --nocapture` shows the figures.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::Ipv4Addr;
use std::ops::Range;
use std::time::Duration;

use dhcp_client::{
    Action, Client, Config, ConflictDetection, Event, Instant, Intent, Start, State,
};

const CLIENTS: u32 = 10_000;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const LEASE_TIME: Duration = Duration::from_hours(24);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 255, 255, 254);

/// The way there and back.
const LATENCY: Duration = Duration::from_millis(1);

enum What {
    Deadline,
    Arrival(Vec<u8>),
}

/// The clients, the server and the network between them.
struct Cluster {
    now: Instant,
    clients: Vec<Client>,
    agenda: BinaryHeap<Reverse<(Instant, u64, u32)>>,
    events: BTreeMap<u64, What>,
    next_event: u64,
    random: fastrand::Rng,
    /// Of a hundred messages this many are lost, each way.
    loss: u32,
    outage: Range<Instant>,
    /// Answers that the server gives in a second; what comes beyond is dropped.
    capacity: u32,
    answered: (u64, u32),
    /// Messages to the server by second.
    load: BTreeMap<u64, u32>,
    unbound: u32,
}

fn at(since_start: Duration) -> Instant {
    Instant::from_boot(since_start)
}

impl Cluster {
    fn start(now: Instant, start: impl Fn(u32) -> Start) -> Self {
        let mut cluster = Self {
            now,
            clients: Vec::new(),
            agenda: BinaryHeap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            random: fastrand::Rng::with_seed(now.since_boot().as_secs()),
            loss: 0,
            outage: at(Duration::MAX)..at(Duration::MAX),
            capacity: 1000,
            answered: (0, 0),
            load: BTreeMap::new(),
            unbound: 0,
        };
        for n in 0..CLIENTS {
            let [_, a, b, c] = n.to_be_bytes();
            let config = Config {
                client_id: Some(n.to_be_bytes().to_vec()),
                conflict: ConflictDetection::Off,
                start: start(n),
                ..Config::new([2, 0, 0, a, b, c])
            };
            let (client, actions) = Client::new(config, cluster.random.u64(..), now);
            cluster.clients.push(client);
            cluster.perform(n, actions);
        }
        cluster
    }

    fn run_until(&mut self, end: Instant) {
        while let Some(Reverse((when, event, n))) = self.agenda.pop() {
            if when > end {
                self.agenda.push(Reverse((when, event, n)));
                break;
            }
            self.now = when;
            let what = self.events.remove(&event).expect("each event comes once");
            let client = &mut self.clients[n as usize];
            let actions = match &what {
                What::Deadline => client.step(Event::Deadline, when),
                What::Arrival(payload) => client.step(Event::Received { payload }, when),
            };
            self.perform(n, actions);
        }
        self.now = end;
    }

    fn perform(&mut self, n: u32, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(transmit) => self.deliver(n, &transmit.message),
                Action::Unbind { .. } => self.unbound += 1,
                Action::Bind(_) | Action::Renewed(_) | Action::Update { .. } | Action::Probe(_) => {
                }
            }
        }
        if let Some(deadline) = self.clients[n as usize].deadline() {
            self.schedule(n, deadline, What::Deadline);
        }
    }

    fn schedule(&mut self, n: u32, when: Instant, what: What) {
        self.agenda.push(Reverse((when, self.next_event, n)));
        self.events.insert(self.next_event, what);
        self.next_event += 1;
    }

    fn deliver(&mut self, n: u32, message: &[u8]) {
        let second = self.now.since_boot().as_secs();
        *self.load.entry(second).or_default() += 1;
        if self.answered.0 != second {
            self.answered = (second, 0);
        }
        let lost = self.random.u32(0..100) < self.loss || self.random.u32(0..100) < self.loss;
        if lost || self.outage.contains(&self.now) || self.answered.1 >= self.capacity {
            return;
        }
        self.answered.1 += 1;
        self.schedule(n, self.now + LATENCY, What::Arrival(answer(n, message)));
    }

    fn bound(&self) -> usize {
        self.clients
            .iter()
            .filter(|client| client.lease().is_some())
            .count()
    }

    fn sent(&self, intent: Intent) -> u32 {
        self.clients
            .iter()
            .filter_map(|client| client.sent().get(&intent))
            .sum()
    }

    fn most_sent(&self, intents: &[Intent]) -> u32 {
        let sent = |client: &Client| {
            intents
                .iter()
                .filter_map(|intent| client.sent().get(intent))
                .sum::<u32>()
        };
        self.clients.iter().map(sent).max().unwrap_or(0)
    }

    /// The most messages within one `span` of a range of time.
    fn peak(&self, range: Range<Instant>, span: Duration) -> u32 {
        let mut spans = BTreeMap::new();
        let seconds = range.start.since_boot().as_secs()..range.end.since_boot().as_secs();
        for (second, count) in self.load.range(seconds) {
            *spans.entry(second / span.as_secs()).or_insert(0) += count;
        }
        spans.values().copied().max().unwrap_or(0)
    }

    /// Runs until every client holds a lease and returns how long that took.
    fn time_to_bind(&mut self) -> Duration {
        let start = self.now;
        while self.bound() < CLIENTS as usize {
            self.run_until(self.now + SECOND);
            assert!(
                self.now.duration_since(start) < HOUR,
                "{} bound",
                self.bound()
            );
        }
        self.now.duration_since(start)
    }
}

/// The answer of a server that gives every client the same address for ever.
fn answer(n: u32, message: &[u8]) -> Vec<u8> {
    let kind = match message[242] {
        1 => 2,
        3 => 5,
        other => unexpected(other),
    };
    let mut reply = message[..240].to_vec();
    reply[0] = 2;
    reply[12..16].fill(0);
    reply[16..20].copy_from_slice(&(0x0a00_0001 + n).to_be_bytes());
    reply.extend([53, 1, kind, 54, 4]);
    reply.extend(SERVER.octets());
    reply.extend([1, 4, 255, 0, 0, 0, 51, 4]);
    reply.extend(
        u32::try_from(LEASE_TIME.as_secs())
            .expect("a day")
            .to_be_bytes(),
    );
    reply.push(255);
    reply
}

#[track_caller]
#[expect(clippy::panic, reason = "a test that cannot go on fails")]
fn unexpected(kind: u8) -> ! {
    panic!("message type {kind}")
}

#[test]
fn a_start_of_all_clients_at_once_is_served_by_a_small_server() {
    let mut cluster = Cluster::start(at(HOUR), |_| Start::Fresh);
    let took = cluster.time_to_bind();
    let sent = f64::from(cluster.sent(Intent::Discover) + cluster.sent(Intent::Select));
    println!(
        "10000 clients at once, server answers 1000/s: all bound after {took:?}, {:.1} messages each",
        sent / f64::from(CLIENTS)
    );
    assert!(took <= Duration::from_secs(90), "{took:?}");
    assert!(sent / f64::from(CLIENTS) <= 12.0);
}

#[test]
fn a_week_with_losses_costs_a_few_messages_a_lease_and_no_bursts() {
    let mut cluster = Cluster::start(at(HOUR), |_| Start::Fresh);
    cluster.capacity = u32::MAX;
    cluster.loss = 5;
    let week = LEASE_TIME * 7;
    let end = cluster.now + week;
    cluster.run_until(end);
    assert_eq!(cluster.bound(), CLIENTS as usize);
    assert_eq!(cluster.unbound, 0, "no lease was lost");
    let renewals = cluster.sent(Intent::Renew);
    let per_lease = f64::from(renewals) / f64::from(CLIENTS) / 14.0;
    // The first renewals, half a day after everybody started in the same second.
    let first = at(HOUR) + HOUR * 10..at(HOUR) + HOUR * 13;
    let minute = cluster.peak(first.clone(), MINUTE);
    let second = cluster.peak(first, SECOND);
    println!(
        "a week, 5 % loss each way: {per_lease:.2} REQUESTs a renewal, {} REBINDs in all; first \
         renewals at most {minute} a minute, {second} a second; later at most {} a minute",
        cluster.sent(Intent::Rebind),
        cluster.peak(at(LEASE_TIME * 3)..end, MINUTE),
    );
    assert!(per_lease <= 1.4, "{per_lease}");
    assert!(
        minute <= 300,
        "10000 renewals spread over 72 minutes are 139 a minute"
    );
    assert!(second <= 20);
    assert!(cluster.most_sent(&[Intent::Renew, Intent::Rebind]) <= 40);
}

#[test]
fn an_outage_within_the_lease_is_not_felt_and_one_beyond_is_over_in_seconds() {
    let mut cluster = Cluster::start(at(HOUR), |_| Start::Fresh);
    cluster.capacity = u32::MAX;
    cluster.run_until(at(LEASE_TIME * 2));
    let before = cluster.sent(Intent::Renew) + cluster.sent(Intent::Rebind);

    cluster.outage = cluster.now..cluster.now + HOUR * 11;
    cluster.run_until(cluster.outage.end + HOUR);
    assert_eq!(
        cluster.unbound, 0,
        "eleven hours are less than from T1 to expiry"
    );
    let renewals = cluster.sent(Intent::Renew) + cluster.sent(Intent::Rebind) - before;
    println!(
        "11 h without a server: no lease lost, {:.1} REQUESTs a client, at most {} a second",
        f64::from(renewals) / f64::from(CLIENTS),
        cluster.peak(cluster.outage.clone(), SECOND),
    );

    cluster.run_until(at(LEASE_TIME * 4));
    let from = cluster.now;
    cluster.outage = from..from + HOUR * 13;
    cluster.run_until(cluster.outage.end);
    let lost = cluster.unbound;
    assert!(lost > 100, "the test is about leases that expire: {lost}");
    let waiting = cluster
        .clients
        .iter()
        .filter(|client| client.lease().is_none())
        .count();
    let took = cluster.time_to_bind();
    let most = cluster.most_sent(&[Intent::Renew, Intent::Rebind]);
    println!(
        "13 h without a server: {lost} leases expired, {waiting} clients well again {took:?} after; \
         at most {} messages a second; no client sent more than {most} REQUESTs for its leases",
        cluster.peak(from..cluster.now, SECOND),
    );
    assert!(took <= Duration::from_secs(20), "{took:?}");
    assert!(most <= 400, "{most}");
}

#[test]
fn a_power_cut_of_the_whole_cluster_leaves_no_trace_in_the_renewals() {
    let was = |n: u32| Start::Address((0x0a00_0001 + n).into());
    let mut cluster = Cluster::start(at(LEASE_TIME), was);
    let took = cluster.time_to_bind();
    let start = cluster.now;
    cluster.run_until(start + LEASE_TIME * 3);
    assert_eq!(cluster.unbound, 0);
    let minutes = |hours: Range<u32>| {
        cluster.peak(start + HOUR * hours.start..start + HOUR * hours.end, MINUTE)
    };
    let (first, third, last) = (minutes(10..13), minutes(30..38), minutes(60..72));
    println!(
        "power cut: INIT-REBOOT of 10000 over after {took:?}; renewals at most {first} a minute the \
         first time, {third} the third, {last} on the third day"
    );
    assert!(took <= Duration::from_secs(90), "{took:?}");
    assert!(
        first <= 300 && third <= first && last <= third,
        "{first} {third} {last}"
    );
    assert!(
        cluster
            .clients
            .iter()
            .all(|client| client.state() != State::Rebinding)
    );
}
