//! One directory served by this executable and the Go reference at the same time, and the two
//! compared step by step.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::invocation::{Network, OURS, REFERENCE, Run};

#[test]
fn both_at_once_never_give_an_address_twice() {
    if reference_missing() {
        return;
    }
    let network = Network::of_subnet("10.1.2.0/24");
    let suite = |program: &'static str, name: &'static str| {
        let config = in_its_version(&network.config);
        move || -> Vec<String> {
            (0..ADDS_EACH)
                .map(|n| {
                    let container = format!("{name}{n}");
                    let add = Run {
                        program,
                        verb: "ADD",
                        container: &container,
                        args: "",
                    };
                    add.on(&config).addresses()[0].to_owned()
                })
                .collect()
        }
    };
    let given = thread::scope(|scope| {
        let runners = [
            scope.spawn(suite(OURS, "ours-a-")),
            scope.spawn(suite(REFERENCE, "go-a-")),
            scope.spawn(suite(OURS, "ours-b-")),
            scope.spawn(suite(REFERENCE, "go-b-")),
        ];
        runners.map(|runner| runner.join().unwrap()).concat()
    });
    let distinct: BTreeSet<&String> = given.iter().collect();
    assert_eq!(distinct.len(), 4 * ADDS_EACH);
    assert_eq!(network.reserved().len(), 4 * ADDS_EACH);

    for n in 0..ADDS_EACH {
        for (program, name) in [
            (OURS, "go-a-"),
            (REFERENCE, "ours-a-"),
            (OURS, "ours-b-"),
            (REFERENCE, "go-b-"),
        ] {
            let container = format!("{name}{n}");
            let del = Run {
                program,
                verb: "DEL",
                container: &container,
                args: "",
            };
            assert!(del.on(&in_its_version(&network.config)).ok);
        }
    }
    assert_eq!(network.reserved(), [""; 0]);
}

#[test]
fn both_give_the_same_addresses_in_the_same_order() {
    if reference_missing() {
        return;
    }
    let range = (0_u8..8, 0_u8..8, prop::option::of(0_u8..8));
    let ranges = prop::collection::vec(range, 1..4);
    let steps = prop::collection::vec((0_u8..5, 0_u8..8, prop::bool::weighted(0.2)), 1..24);
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(12)
    };
    let outcome = TestRunner::new(config).run(&(ranges, steps), |(ranges, steps)| {
        compare(&ranges, &steps);
        Ok(())
    });
    outcome.unwrap();
}

/// A range of a /29 by its first and last host, and its gateway's.
type RangeOf29 = (u8, u8, Option<u8>);
/// A container by number, a host to ask for, and whether to ask for it.
type Step = (u8, u8, bool);

/// Adds a container that has no address and deletes one that has, on two networks.
fn compare(ranges: &[RangeOf29], steps: &[Step]) {
    let set: Vec<Value> = ranges
        .iter()
        .zip(0_u8..)
        .map(|(range, n)| in_json(n, *range))
        .collect();
    let ipam = json!({"ranges": [set, [{"subnet": "fd00::/64", "rangeStart": "fd00::ff"}]]});
    let (ours, theirs) = (Network::new(ipam.clone()), Network::new(ipam.clone()));
    let mut present = BTreeSet::new();
    for (container, host, ask) in steps {
        let args = if *ask {
            format!("IP=10.1.0.{host}")
        } else {
            String::new()
        };
        let verb = if present.remove(container) {
            "DEL"
        } else {
            "ADD"
        };
        let container_id = format!("c{container}");
        let run = |program: &str, network: &Network| {
            Run {
                program,
                verb,
                container: &container_id,
                args: &args,
            }
            .on(&in_its_version(&network.config))
        };
        let (our, their) = (run(OURS, &ours), run(REFERENCE, &theirs));
        assert_eq!(
            our.ok, their.ok,
            "{verb} {args} on {ipam}\n{our:?}\n{their:?}"
        );
        if verb == "ADD" && our.ok {
            assert_eq!(our.output["ips"], their.output["ips"], "{args} on {ipam}");
            present.insert(container);
        }
        if !our.ok {
            take_over_the_round(&theirs, &ours);
        }
        assert_eq!(
            ours.files(),
            theirs.files(),
            "after {verb} {container_id} {args} on {ipam}"
        );
    }
}

/// The newest version that every packaged reference knows.
fn in_its_version(config: &Value) -> Value {
    let mut config = config.clone();
    config["cniVersion"] = json!("1.0.0");
    config
}

/// The reference moves its round on even by an ADD that fails.
fn take_over_the_round(theirs: &Network, ours: &Network) {
    for (name, contents) in theirs.files() {
        if name.starts_with("last_reserved_ip.") {
            ours.write(&name, &contents);
        }
    }
}

fn in_json(n: u8, (one, other, gateway): RangeOf29) -> Value {
    let host = |host: u8| json!(format!("10.1.{n}.{host}"));
    json!({
        "subnet": format!("10.1.{n}.0/29"),
        "rangeStart": host(one.min(other)),
        "rangeEnd": host(one.max(other)),
        "gateway": gateway.map(host),
    })
}

fn reference_missing() -> bool {
    let missing = !Path::new(REFERENCE).exists();
    if missing {
        testbed::not_run("there is no /usr/lib/cni/host-local (containernetworking-plugins)");
    }
    missing
}

const ADDS_EACH: usize = 25;
