//! The client's whole life: any sequence of events, with a server that answers what the client sent, more or less.

mod promises;
mod server;

use std::time::Duration;

use dhcp_client::{
    Action, Broadcast, Client, Config, ConflictDetection, Event, Instant, Lease, ProbeOutcome,
    Start, State,
};

use crate::tape::Tape;
use promises::Promises;

/// Reads the input as a configuration and what happens to a client, and holds the client to its promises.
pub fn dhcp_client(data: &[u8]) {
    let mut tape = Tape::new(data);
    let mut world = World::start(&mut tape);
    for _ in 0..MOST_EVENTS {
        if tape.is_over() {
            break;
        }
        world.something_happens(&mut tape);
    }
    for _ in 0..MOST_DEADLINES_AFTER {
        world.deadline_comes();
    }
}

struct World {
    client: Client,
    now: Instant,
    promises: Promises,
}

impl World {
    fn start(tape: &mut Tape<'_>) -> Self {
        let choice = tape.byte();
        let now = EPOCH + Duration::from_secs(tape.u16().into());
        let start = match choice & 3 {
            0 => Start::Fresh,
            1 => Start::Address(server::ADDRESS),
            2 => Start::Reboot(lease(choice)),
            _ => Start::Resume(lease(choice)),
        };
        let seed = tape.byte();
        let waits = seed >= 128;
        let mut promises = Promises::of(&start, waits, now);
        let config = Config {
            client_id: (choice & 4 != 0).then(|| server::CLIENT_ID.to_vec()),
            hostname: Some("pod".to_owned()),
            conflict: match choice >> 3 & 3 {
                0 => ConflictDetection::Off,
                1 => ConflictDetection::Strict,
                _ => ConflictDetection::Fast,
            },
            broadcast: match choice >> 5 & 3 {
                0 => Broadcast::Always,
                1 => Broadcast::Never,
                _ => Broadcast::Auto,
            },
            start,
            waits,
            ..Config::new(server::MAC)
        };
        let (client, actions) = Client::new(config, seed.into(), now);
        let speaks = actions
            .iter()
            .any(|action| matches!(action, Action::Send(_)));
        assert!(!(waits && speaks), "it was to wait: {actions:?}");
        promises.after(&client, &actions, false, now);
        Self {
            client,
            now,
            promises,
        }
    }

    fn something_happens(&mut self, tape: &mut Tape<'_>) {
        match tape.byte() % 16 {
            0 | 1 => self.deadline_comes(),
            2 => self.later(Duration::from_millis(tape.u16().into())),
            3 => self.later(Duration::from_secs(tape.u16().into())),
            kind @ 4..=9 => {
                let payload = server::answer(self.promises.asked(), kind, tape);
                self.hears(&payload);
            }
            10 => {
                let mut payload = server::answer(self.promises.asked(), 4 + tape.byte() % 6, tape);
                server::damage(&mut payload, tape);
                self.hears(&payload);
            }
            11 => self.probed(tape.byte()),
            12 => self.goes_on(Event::LinkUp),
            13 => self.step(Event::LinkDown),
            14 => self.goes_on(Event::Renew),
            _ => self.released(),
        }
    }

    fn deadline_comes(&mut self) {
        if let Some(deadline) = self.client.deadline() {
            self.now = self.now.max(deadline);
        }
        self.step(Event::Deadline);
    }

    fn later(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.step(Event::Deadline);
    }

    fn hears(&mut self, payload: &[u8]) {
        self.promises.heard(payload);
        self.step(Event::Received { payload });
    }

    fn probed(&mut self, choice: u8) {
        let addresses = [server::ADDRESS, server::OTHER_ADDRESS];
        let address = addresses[usize::from(choice & 1)];
        let outcome = match choice & 2 {
            0 => ProbeOutcome::Clear,
            _ => ProbeOutcome::Conflict {
                with: [2, 0, 0, 0, 0, 9],
            },
        };
        self.promises.probed(address, outcome);
        self.step(Event::ProbeResult { address, outcome });
    }

    fn goes_on(&mut self, event: Event<'_>) {
        self.promises.goes_on();
        self.step(event);
    }

    fn released(&mut self) {
        self.promises.released(self.now);
        self.step(Event::Release);
    }

    fn step(&mut self, event: Event<'_>) {
        let before = self.client.received().clone();
        let stopped = self.client.state() == State::Stopped;
        let actions = self.client.step(event, self.now);
        assert!(
            !stopped || actions.is_empty(),
            "nothing leads out of the end"
        );
        let taken = *self.client.received() != before;
        self.promises.after(&self.client, &actions, taken, self.now);
    }
}

/// The lease of a record, made by a client, and not all of them with an end.
fn lease(choice: u8) -> Lease {
    let config = Config {
        conflict: ConflictDetection::Off,
        start: Start::Address(server::ADDRESS),
        ..Config::new(server::MAC)
    };
    let (mut client, actions) = Client::new(config, 1, EPOCH);
    let asked = actions.iter().find_map(server::message_of);
    let lease_time = if choice & 128 == 0 { &[0][..] } else { &[0x38] };
    let payload = server::answer(asked.as_ref(), 6, &mut Tape::new(lease_time));
    let actions = client.step(Event::Received { payload: &payload }, EPOCH);
    assert!(matches!(actions[..], [Action::Bind(_)]), "{actions:?}");
    client.lease().expect("bound").clone()
}

const EPOCH: Instant = Instant::from_boot(Duration::from_secs(1000));
const MOST_EVENTS: usize = 200;
const MOST_DEADLINES_AFTER: usize = 30;
