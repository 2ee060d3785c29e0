//! What happens to leases when everything happens at once.
//!
//! Runtimes, their deaths and the daemon's are drawn at random and held against a model that knows of each attachment
//! only whether it has a lease. What the server has, the records and CHECK must agree with it after every round.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use testbed::server::{MessageType, PlainServer, ScriptedServer};
use testbed::{
    Bed, Daemon, Deadline, Frame, Invocation, Log, Outcome, Pod, Running, Sniffer, observe,
};

use crate::dhcp_daemon::{address_of, ipam, link_in, network, records, reference_cannot};

#[test]
fn at_every_moment_pods_and_leases_agree() {
    if reference_cannot() {
        return;
    }
    thread::scope(|scope| {
        let runs: Vec<_> = SEEDS.map(|seed| scope.spawn(move || run(seed))).into();
        for run in runs {
            if let Err(panic) = run.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

#[test]
fn a_late_answer_to_a_deleted_add_does_not_cost_the_next_one_its_lease() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    // The first ACK comes when the second has long been used.
    let delays = [0, 500, 0, 0].map(Duration::from_millis);
    let (server, log) = PlainServer::new(&bed.lan).delays(&delays).start(&bed.lan);
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    link_in(&pod);
    let first = ipam(&pod, "ADD").start();
    let _ = server.wait_for(MessageType::Request, 1, Deadline::secs(10));
    ipam(&pod, "DEL").run().ok();
    assert_eq!(first.finish().error().code, 11);
    let address = address_of(&ipam(&pod, "ADD").run().ok());
    daemon
        .log()
        .wait_for(|line| line.contains("not released"), Deadline::secs(10));
    assert_eq!(
        leased(&log.lines()).into_values().collect::<Vec<_>>(),
        [address]
    );
}

#[test]
fn check_asks_nobody_and_changes_nothing() {
    if reference_cannot() {
        return;
    }
    let world = World::new(0);
    let address = address_of(&ipam(&world.pods[0].0, "ADD").run().ok());
    let before = world.contents();
    let sniffer = Sniffer::start(&world.bed.lan.space());
    for _ in 0..10 {
        world.check(0, &address).run().ok();
        assert_eq!(world.check(0, "192.0.2.1").run().error().code, 104);
        assert_eq!(world.check(1, &address).run().error().code, 102);
    }
    let frames = sniffer.frames();
    let asks = |frame: &&Frame| frame.dhcp().is_some() || frame.arp().is_some();
    assert_eq!(frames.iter().filter(asks).count(), 0);
    assert_eq!(world.contents(), before);
}

fn run(seed: u64) {
    eprintln!("seed {seed}");
    let mut world = World::new(seed);
    let threads = world.daemon.threads();
    let files = world.daemon.open_files();
    for round in 0..ROUNDS {
        let calls: Vec<_> = (0..world.rng.usize(1..=3)).map(|_| world.draw()).collect();
        let interruption = world.draw_interruption();
        eprintln!("seed {seed}, round {round}: {calls:?}, {interruption:?}");
        world.play(&calls, interruption);
        world.settle();
    }
    for slot in 0..SLOTS {
        world.del(slot).run().ok();
        world.leases.insert(slot, None);
    }
    world.settle();
    assert_eq!(world.daemon.threads(), threads);
    world.daemon.wait_for_open_files(files, Deadline::secs(15));
}

/// What a runtime does with an attachment, or with all of them.
#[derive(Clone, Debug, PartialEq)]
enum Call {
    Add(usize),
    /// The runtime loses patience with the plugin, and deletes.
    AddAndLeave(usize, Duration),
    Del(usize),
    Check(usize),
    /// Those that are valid.
    Gc(Vec<usize>),
}

/// What befalls the daemon while calls are under way.
#[derive(Clone, Copy, Debug)]
enum Interruption {
    None,
    Restart,
    Kill,
}

struct World {
    seed: u64,
    rng: Rng,
    pods: Vec<(Pod, String)>,
    /// The model: the address of each attachment.
    leases: BTreeMap<usize, Option<String>>,
    daemon: Daemon,
    log: Log,
    _server: ScriptedServer,
    bed: Bed,
}

impl World {
    fn new(seed: u64) -> Self {
        let bed = Bed::new();
        let delays = [0, 30, 0, 5, 0, 0, 12].map(Duration::from_millis);
        let (server, log) = PlainServer::new(&bed.lan).delays(&delays).start(&bed.lan);
        let daemon = Daemon::start(&bed.node, &[]);
        daemon
            .log()
            .wait_for(|line| line.contains("ready"), Deadline::secs(10));
        let pods = (0..SLOTS).map(|slot| {
            let pod = bed.node.pod(&format!("pod{slot}"));
            link_in(&pod);
            let mac = pod.enter(|| observe::link("net1")).unwrap().mac;
            (pod, mac)
        });
        Self {
            seed,
            rng: Rng::with_seed(seed),
            pods: pods.collect(),
            leases: (0..SLOTS).map(|slot| (slot, None)).collect(),
            daemon,
            log,
            _server: server,
            bed,
        }
    }

    fn draw(&mut self) -> Call {
        let slot = self.rng.usize(0..SLOTS);
        match self.rng.usize(0..12) {
            0..=4 => Call::Add(slot),
            5 | 6 => Call::AddAndLeave(slot, Duration::from_millis(self.rng.u64(0..60))),
            7..=9 => Call::Del(slot),
            10 => Call::Check(slot),
            _ => Call::Gc((0..SLOTS).filter(|_| self.rng.bool()).collect()),
        }
    }

    fn draw_interruption(&mut self) -> Interruption {
        match self.rng.usize(0..12) {
            0 => Interruption::Restart,
            1 => Interruption::Kill,
            _ => Interruption::None,
        }
    }

    /// Makes the calls at once, and then what a runtime makes of those that failed. The model follows.
    fn play(&mut self, calls: &[Call], interruption: Interruption) {
        let running: Vec<_> = calls.iter().map(|call| self.start(call)).collect();
        if !matches!(interruption, Interruption::None) {
            // Some time in which the calls get somewhere.
            pause(Duration::from_millis(self.rng.u64(0..40)));
        }
        match interruption {
            Interruption::None => {}
            Interruption::Restart => drop(self.daemon.stop()),
            Interruption::Kill => self.daemon.kill(),
        }
        let disturbed = !matches!(interruption, Interruption::None);
        let mut outcomes = Vec::new();
        for (call, running) in calls.iter().zip(running) {
            outcomes.push(match call {
                Call::AddAndLeave(_, patience) => {
                    pause(*patience);
                    running.kill();
                    None
                }
                Call::Add(_) | Call::Del(_) | Call::Check(_) | Call::Gc(_) => {
                    Some(running.finish())
                }
            });
        }
        if disturbed {
            self.daemon.restart();
        }
        let ended = |slot: usize| {
            calls.iter().any(|call| match call {
                Call::Del(deleted) | Call::AddAndLeave(deleted, _) => *deleted == slot,
                Call::Gc(valid) => !valid.contains(&slot),
                Call::Add(_) | Call::Check(_) => false,
            })
        };
        // What a runtime does about a failure comes after everything that succeeded.
        let mut concluded: Vec<_> = calls.iter().zip(&outcomes).collect();
        concluded.sort_by_key(|(_, outcome)| !outcome.as_ref().is_some_and(Outcome::succeeded));
        for (call, outcome) in concluded {
            match (call, outcome) {
                (Call::Add(slot), Some(outcome)) => {
                    self.added(*slot, outcome, disturbed, ended(*slot));
                }
                (Call::AddAndLeave(slot, _), _) => self.delete(*slot),
                (Call::Del(slot), Some(outcome)) if outcome.succeeded() => {}
                (Call::Del(slot), _) => {
                    assert!(disturbed, "{outcome:?}");
                    self.delete(*slot);
                }
                (Call::Gc(_), Some(outcome)) => {
                    assert!(outcome.succeeded() || disturbed, "{outcome}");
                }
                (Call::Check(slot), Some(outcome)) if !disturbed && !outcome.succeeded() => {
                    let code = outcome.error().code;
                    let expected = if self.leases[slot].is_some() {
                        104
                    } else {
                        102
                    };
                    let alone = calls.len() == 1;
                    assert!(!alone || code == expected, "{outcome}");
                }
                (Call::Check(_), _) | (_, None) => {}
            }
        }
        for slot in (0..SLOTS).filter(|slot| ended(*slot)) {
            let adds = calls.iter().zip(&outcomes).filter_map(|(call, outcome)| {
                let added = *call == Call::Add(slot);
                outcome
                    .as_ref()
                    .filter(|outcome| added && outcome.succeeded())
            });
            let mut candidates: Vec<_> = adds.map(|add| address_of(&add.ok())).collect();
            candidates.extend(self.leases[&slot].clone());
            self.resolve(slot, candidates);
        }
    }

    /// An ADD fails only if something else ended it; then the runtime deletes.
    fn added(&mut self, slot: usize, outcome: &Outcome, disturbed: bool, ended: bool) {
        if outcome.succeeded() {
            let address = address_of(&outcome.ok());
            if let Some(Some(before)) = self.leases.get(&slot).filter(|_| !ended && !disturbed) {
                assert_eq!(
                    *before, address,
                    "an ADD repeated gets what the first one got"
                );
            }
            self.leases.insert(slot, Some(address));
        } else {
            assert!(disturbed || ended, "{outcome}");
            assert_eq!(outcome.error().code, 11, "{outcome}");
            self.delete(slot);
        }
    }

    fn delete(&mut self, slot: usize) {
        self.del(slot).run().ok();
        self.leases.insert(slot, None);
    }

    /// Where ADD and DEL, or GC, came together, either may have come last: CHECK tells which.
    fn resolve(&mut self, slot: usize, candidates: Vec<String>) {
        let mut candidates = candidates.into_iter();
        let holds = candidates.find(|address| self.check(slot, address).run().succeeded());
        self.leases.insert(slot, holds);
    }

    /// Waits until the server has what the model has, then compares CHECK and the records.
    fn settle(&self) {
        let wanted: BTreeMap<_, _> = self
            .pods
            .iter()
            .zip(self.leases.values())
            .filter_map(|((_, mac), address)| Some((mac.clone(), address.clone()?)))
            .collect();
        let agree = |lines: &[String]| leased(lines) == wanted;
        assert!(
            self.log.wait_until(agree, Deadline::secs(10)),
            "seed {}: leases should be {wanted:?}; the server:\n{}the daemon:\n{}",
            self.seed,
            self.log,
            self.daemon.log()
        );
        let before = self.contents();
        assert_eq!(before.len(), wanted.len(), "{before:?}");
        for (slot, address) in &self.leases {
            let outcome = self
                .check(*slot, address.as_deref().unwrap_or("192.0.2.1"))
                .run();
            match address {
                Some(_) => drop(outcome.ok()),
                None => assert_eq!(outcome.error().code, 102),
            }
        }
        assert_eq!(self.contents(), before, "CHECK changed a record");
        assert_eq!(leased(&self.log.lines()), wanted);
    }

    fn contents(&self) -> Vec<(String, Option<String>)> {
        let names = records(&self.bed.node).into_iter();
        names
            .map(|name| {
                let contents = self.bed.node.read(format!("/run/cni/dhcp/{name}"));
                (name, contents)
            })
            .collect()
    }

    fn start(&self, call: &Call) -> Running {
        match call {
            Call::Add(slot) | Call::AddAndLeave(slot, _) => ipam(&self.pods[*slot].0, "ADD"),
            Call::Del(slot) => self.del(*slot),
            Call::Check(slot) => self.check(*slot, "192.0.2.1"),
            Call::Gc(valid) => self.gc(valid),
        }
        .patience(Duration::from_secs(20))
        .start()
    }

    fn del(&self, slot: usize) -> Invocation {
        ipam(&self.pods[slot].0, "DEL")
    }

    fn check(&self, slot: usize, address: &str) -> Invocation {
        let mut config = network("lan", json!({}));
        config["prevResult"] =
            json!({"cniVersion": "1.0.0", "ips": [{"address": format!("{address}/24")}]});
        ipam(&self.pods[slot].0, "CHECK").config(&config)
    }

    fn gc(&self, valid: &[usize]) -> Invocation {
        let valid: Vec<Value> = valid
            .iter()
            .map(|slot| json!({"containerID": self.pods[*slot].0.name(), "ifname": "net1"}))
            .collect();
        let mut config = network("lan", json!({}));
        config["cniVersion"] = "1.1.0".into();
        config["cni.dev/valid-attachments"] = valid.into();
        Invocation::new(&self.bed.node, "dhcp", "GC").config(&config)
    }
}

/// Lets what is under way go on, for a time that is part of the draw.
fn pause(time: Duration) {
    let end = Deadline::after(time);
    while !end.passed() {
        thread::park_timeout(end.remaining());
    }
}

/// The server's leases by MAC address, from its log.
fn leased(lines: &[String]) -> BTreeMap<String, String> {
    let mut leases = BTreeMap::new();
    for line in lines {
        let words: Vec<_> = line.split(' ').collect();
        let [what, address, mac] = words[..] else {
            continue;
        };
        if what.starts_with("DHCPACK") {
            leases.insert(mac.to_owned(), address.to_owned());
        } else if what.starts_with("DHCPRELEASE") {
            leases.remove(mac);
        }
    }
    leases
}

const SEEDS: [u64; 4] = [1, 2, 3, 4];
const ROUNDS: usize = 60;
const SLOTS: usize = 4;
