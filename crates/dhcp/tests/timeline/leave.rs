//! Giving a lease back, also one that has not come yet.

use dhcp_client::{Config, ConflictDetection, Event, Start, State};

use crate::script::{ADDRESS, Timeline, ack, config, nak, offer};

const RELEASE: &str = "RELEASE 192.0.2.7 of 192.0.2.1";
const GIVE_BACK: &str = "RELEASE 192.0.2.7 of 192.0.2.1 by broadcast";
const UNBIND: &str = "UNBIND 192.0.2.7: Released";

#[test]
fn a_lease_is_released_before_it_is_unbound() {
    let mut t = Timeline::bound(ack());
    t.event(Event::Release, &[RELEASE, UNBIND]);
    assert_eq!(
        (t.client.state(), t.client.deadline()),
        (State::Stopped, None)
    );
    for event in [
        Event::Release,
        Event::LinkUp,
        Event::LinkDown,
        Event::Renew,
        Event::Deadline,
    ] {
        t.event(event, &[]);
    }
    t.gets(ack(), &[]);
    assert_eq!(t.client.state(), State::Stopped);
}

#[test]
fn nothing_is_released_before_a_server_was_asked() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.event(Event::Release, &[]);
    assert_eq!(t.client.state(), State::Stopped);
    t.gets(offer(), &[]);
}

#[test]
fn a_late_ack_after_a_release_is_released() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    let late = t.payload(&ack());
    t.event(Event::Release, &[GIVE_BACK]);
    assert_eq!(t.client.state(), State::Released);
    assert!(t.client.listens());
    t.event(Event::Release, &[]);
    t.silent_until(5.0);
    t.gets_raw(&late, &[GIVE_BACK]);
    t.at(10.0..=10.0, &[]);
    assert_eq!(t.client.state(), State::Stopped);
    t.gets_raw(&late, &[]);
}

#[test]
fn a_late_nak_after_a_release_ends_the_wait() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    let late = t.payload(&nak());
    t.event(Event::Release, &[GIVE_BACK]);
    t.gets_raw(&late, &[]);
    assert_eq!(t.client.state(), State::Stopped);
}

#[test]
fn an_address_granted_but_not_used_is_given_back() {
    let config = Config {
        conflict: ConflictDetection::Fast,
        ..config()
    };
    let mut t = Timeline::start(config, &["DISCOVER"]);
    t.gets(
        offer(),
        &["SELECT 192.0.2.7 of 192.0.2.1", "PROBE 192.0.2.7 20ms"],
    );
    t.gets(ack(), &[]);
    t.event(Event::Release, &[GIVE_BACK]);
    assert_eq!(t.client.state(), State::Stopped);
}

#[test]
fn a_former_address_asked_for_is_given_back_when_it_is_granted() {
    let config = Config {
        start: Start::Address(ADDRESS),
        ..config()
    };
    let mut t = Timeline::start(config, &["REBOOT 192.0.2.7"]);
    let late = t.payload(&ack());
    t.event(Event::Release, &[]);
    t.gets_raw(&late, &[GIVE_BACK]);
}

#[test]
fn a_release_during_a_renewal_waits_for_its_answer() {
    for (at, message) in [
        (1800.0, "RENEW 192.0.2.7 at 192.0.2.1"),
        (3200.0, "REBIND 192.0.2.7"),
    ] {
        let mut t = Timeline::bound(ack());
        t.wakes_at(at, &[message]);
        let late = t.payload(&ack());
        t.event(Event::Release, &[RELEASE, UNBIND]);
        t.gets_raw(&late, &[GIVE_BACK]);
        t.at(at + 10.0..=at + 10.0, &[]);
        assert_eq!(t.client.state(), State::Stopped);
    }
}

#[test]
fn a_release_works_from_a_record() {
    let lease = Timeline::bound(ack()).client.lease().unwrap().clone();
    let mut t = Timeline::start(
        Config {
            start: Start::Resume(lease.clone()),
            ..config()
        },
        &[],
    );
    t.event(Event::Release, &[RELEASE, UNBIND]);
    let start = Start::Reboot(lease);
    let mut t = Timeline::start(Config { start, ..config() }, &["REBOOT 192.0.2.7"]);
    t.event(Event::Release, &[RELEASE, UNBIND]);
}

#[test]
fn a_release_without_a_carrier_is_sent_all_the_same() {
    let mut t = Timeline::bound(ack());
    t.event(Event::LinkDown, &[]);
    t.event(Event::Release, &[RELEASE, UNBIND]);
}

#[test]
fn a_client_that_waits_is_stopped_at_once() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    for _ in 0..2 {
        t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
        let expected: &[&str] = if t.client.received().contains_key(&dhcp_client::Answer::Nak) {
            &[]
        } else {
            &["DISCOVER"]
        };
        t.gets(nak(), expected);
    }
    assert_eq!(t.client.state(), State::Init);
    t.event(Event::Release, &[]);
    assert_eq!(t.client.state(), State::Stopped);
}
