//! Another host with the same address.

use std::net::Ipv4Addr;
use std::time::Duration;

use dhcp_client::{Action, Config, ConflictDetection, Event, ProbeOutcome, Start, State, Trouble};

use crate::script::{ADDRESS, OTHER_MAC, Timeline, ack, config, nak, offer};

const SELECT: &str = "SELECT 192.0.2.7 of 192.0.2.1";
const PROBE: &str = "PROBE 192.0.2.7 20ms";
const DECLINE: &str = "DECLINE 192.0.2.7 of 192.0.2.1";
const BIND: &str = "BIND 192.0.2.7/24";

fn fast() -> Config {
    Config {
        conflict: ConflictDetection::Fast,
        ..config()
    }
}

#[test]
fn a_fast_probe_overlaps_the_request() {
    let mut t = Timeline::start(fast(), &["DISCOVER"]);
    t.gets(offer(), &[SELECT, PROBE]);
    t.probe_clear(&[]);
    t.gets(ack(), &[BIND]);
}

#[test]
fn an_ack_before_the_probes_end_waits_for_it() {
    let mut t = Timeline::start(fast(), &["DISCOVER"]);
    t.gets(offer(), &[SELECT, PROBE]);
    t.gets(ack(), &[]);
    assert_eq!((t.client.state(), t.client.lease()), (State::Probing, None));
    t.probe_clear(&[BIND]);
}

#[test]
fn a_probe_without_a_result_costs_a_quarter_of_a_second() {
    let mut t = Timeline::start(fast(), &["DISCOVER"]);
    t.gets(offer(), &[SELECT, PROBE]);
    t.gets(ack(), &[]);
    t.at(0.27..=0.27, &[BIND]);

    let mut t = Timeline::start(fast(), &["DISCOVER"]);
    t.gets(offer(), &[SELECT, PROBE]);
    t.silent_until(0.5);
    t.gets(ack(), &[BIND]);
}

#[test]
fn a_conflict_is_declined_and_another_address_asked_for_at_once() {
    for ack_first in [true, false] {
        let mut t = Timeline::start(fast(), &["DISCOVER"]);
        t.gets(offer(), &[SELECT, PROBE]);
        if ack_first {
            t.gets(ack(), &[]);
            t.probe_conflict(&[DECLINE, "DISCOVER"]);
        } else {
            t.probe_conflict(&[]);
            t.gets(ack(), &[DECLINE, "DISCOVER"]);
        }
        let expected = Trouble::Conflict {
            address: ADDRESS,
            with: OTHER_MAC,
        };
        assert_eq!(t.client.trouble(), Some(&expected));
        assert_eq!(
            expected.to_string(),
            "192.0.2.7 is in use by 02:00:00:00:00:09"
        );
        let other = Ipv4Addr::new(192, 0, 2, 8);
        t.gets(
            offer().at(other),
            &["SELECT 192.0.2.8 of 192.0.2.1", "PROBE 192.0.2.8 20ms"],
        );
        t.probe_conflict(&[]);
        t.gets(ack().at(other), &[]);
        assert_eq!(
            t.client.state(),
            State::Probing,
            "the old address's probe says nothing"
        );
        let outcome = ProbeOutcome::Clear;
        t.event(
            Event::ProbeResult {
                address: other,
                outcome,
            },
            &["BIND 192.0.2.8/24"],
        );

        assert_eq!(t.client.trouble(), None);
    }
}

#[test]
fn conflicts_in_a_row_slow_the_client_down() {
    let mut t = Timeline::start(fast(), &["DISCOVER"]);
    let mut waits = Vec::new();
    for n in 0..12 {
        t.gets(offer(), &[SELECT, PROBE]);
        t.probe_conflict(&[]);
        if n == 0 {
            t.gets(ack(), &[DECLINE, "DISCOVER"]);
            continue;
        }
        t.gets(ack(), &[DECLINE]);
        let from = waits.iter().sum::<f64>();
        let at = t.seconds(t.client.deadline().unwrap());
        waits.push(at - from);
        t.at(at..=at, &["DISCOVER"]);
    }
    assert!(
        waits[..9].iter().all(|wait| (10.0..=11.0).contains(wait)),
        "{waits:?}"
    );
    assert!(
        waits[9..].iter().all(|wait| (60.0..=61.0).contains(wait)),
        "{waits:?}"
    );
}

#[test]
fn a_conflict_found_after_binding_ends_the_lease() {
    let mut t = Timeline::bound(ack());
    t.probe_clear(&[]);
    let outcome = ProbeOutcome::Conflict { with: OTHER_MAC };
    t.event(
        Event::ProbeResult {
            address: [192, 0, 2, 9].into(),
            outcome,
        },
        &[],
    );
    t.probe_conflict(&["UNBIND 192.0.2.7: Declined", DECLINE, "DISCOVER"]);
    assert_eq!(t.client.lease(), None);
}

#[test]
fn a_conflict_found_while_renewing_ends_the_lease() {
    for at in [1800.0, 3200.0] {
        let mut t = Timeline::bound(ack());
        let message = if at < 3000.0 {
            "RENEW 192.0.2.7 at 192.0.2.1"
        } else {
            "REBIND 192.0.2.7"
        };
        t.wakes_at(at, &[message]);
        t.probe_conflict(&["UNBIND 192.0.2.7: Declined", DECLINE, "DISCOVER"]);
    }
}

#[test]
fn a_strict_probe_takes_its_time_after_the_ack() {
    let strict = Config {
        conflict: ConflictDetection::Strict,
        ..config()
    };
    let mut t = Timeline::start(strict, &["DISCOVER"]);
    t.gets(offer(), &[SELECT]);
    let payload = t.payload(&ack());
    let actions = t.client.step(
        Event::Received { payload: &payload },
        crate::script::instant(0.0),
    );
    let [Action::Probe(probe)] = &actions[..] else {
        panic!("{actions:?}")
    };
    let [first, second, third] = probe.send_at[..] else {
        panic!("{probe:?}")
    };
    let one_to_two = |a: Duration, b: Duration| {
        (Duration::from_secs(1)..=Duration::from_secs(2)).contains(&b.saturating_sub(a))
    };
    assert!(first <= Duration::from_secs(1));
    assert!(one_to_two(first, second));
    assert!(one_to_two(second, third));
    assert_eq!(probe.conclude_after, third + Duration::from_secs(2));
    assert_eq!(t.client.state(), State::Probing);
    t.probe_clear(&[BIND]);
}

#[test]
fn the_probe_of_another_address_than_the_acknowledged_one_says_nothing() {
    let mut t = Timeline::start(fast(), &["DISCOVER"]);
    t.gets(offer(), &[SELECT, PROBE]);
    t.probe_conflict(&[]);
    t.gets(ack().at([192, 0, 2, 8].into()), &["PROBE 192.0.2.8 20ms"]);
    t.at(0.27..=0.27, &["BIND 192.0.2.8/24"]);
}

#[test]
fn an_address_that_a_renewal_changes_is_probed_for() {
    let mut t = Timeline::start(fast(), &["DISCOVER"]);
    t.gets(offer(), &[SELECT, PROBE]);
    t.probe_clear(&[]);
    t.gets(ack(), &[BIND]);
    t.at(1620.0..=1800.0, &["RENEW 192.0.2.7 at 192.0.2.1"]);
    let changed = ack().at([192, 0, 2, 8].into());
    t.gets(
        changed,
        &[
            "PROBE 192.0.2.8 20ms",
            "UPDATE 192.0.2.7/24 to 192.0.2.8/24",
        ],
    );
}

#[test]
fn a_former_address_is_probed_for_while_it_is_asked_for() {
    let config = Config {
        start: Start::Address(ADDRESS),
        ..fast()
    };
    let mut t = Timeline::start(config, &["REBOOT 192.0.2.7", PROBE]);
    t.probe_conflict(&[]);
    t.gets(ack(), &[DECLINE, "DISCOVER"]);
}

#[test]
fn a_nak_while_probing_overlaps_is_a_nak() {
    let mut t = Timeline::start(fast(), &["DISCOVER"]);
    t.gets(offer(), &[SELECT, PROBE]);
    t.gets(nak(), &["DISCOVER"]);
    t.probe_conflict(&[]);
}
