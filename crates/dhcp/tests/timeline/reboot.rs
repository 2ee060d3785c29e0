//! INIT-REBOOT: after a restart of the client, or on a link that was away.

use std::time::Duration;

use dhcp_client::{Client, Config, Event, Instant, Lease, Start, State, Times};

use crate::script::{ADDRESS, OTHER_SERVER, Timeline, ack, config, instant, nak, offer};

const REBOOT: &str = "REBOOT 192.0.2.7";
const RENEW: &str = "RENEW 192.0.2.7 at 192.0.2.1";

/// A lease of an hour that began at the start of the timeline.
fn lease() -> Lease {
    Timeline::bound(ack()).client.lease().unwrap().clone()
}

fn starting(start: Start) -> Config {
    Config { start, ..config() }
}

#[test]
fn a_former_address_is_asked_for_and_bound() {
    let mut t = Timeline::start(starting(Start::Address(ADDRESS)), &[REBOOT]);
    assert_eq!(
        (t.client.state(), t.client.lease()),
        (State::Rebooting, None)
    );
    t.gets(ack().from(OTHER_SERVER), &["BIND 192.0.2.7/24"]);
}

#[test]
fn a_former_address_that_nobody_knows_is_the_hint_of_a_discover() {
    let mut t = Timeline::start(starting(Start::Address(ADDRESS)), &[REBOOT]);
    t.at(0.8..=1.2, &[REBOOT]);
    t.at(2.4..=3.6, &["DISCOVER 192.0.2.7"]);
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
}

#[test]
fn a_former_address_that_is_refused_is_not_asked_for_again() {
    let mut t = Timeline::start(starting(Start::Address(ADDRESS)), &[REBOOT]);
    t.gets(nak(), &["DISCOVER"]);
}

#[test]
fn a_held_lease_is_verified_and_goes_on() {
    let mut t = Timeline::start(starting(Start::Reboot(lease())), &[REBOOT]);
    assert_eq!(t.client.lease().unwrap().address, ADDRESS);
    t.gets(ack(), &["RENEWED 192.0.2.7/24"]);
    assert_eq!(t.client.state(), State::Bound);
}

#[test]
fn a_held_lease_that_changed_is_updated() {
    let mut t = Timeline::start(starting(Start::Reboot(lease())), &[REBOOT]);
    t.gets(
        ack().with(26, [5, 0]),
        &["UPDATE 192.0.2.7/24 to 192.0.2.7/24"],
    );
}

#[test]
fn a_held_lease_that_is_refused_is_dropped_at_once() {
    let mut t = Timeline::start(starting(Start::Reboot(lease())), &[REBOOT]);
    t.gets(
        nak().from(OTHER_SERVER),
        &["UNBIND 192.0.2.7: Nak", "DISCOVER"],
    );
}

#[test]
fn a_held_lease_is_kept_while_the_server_is_silent() {
    let mut t = Timeline::start(starting(Start::Reboot(lease())), &[REBOOT]);
    t.at(0.8..=1.2, &[REBOOT]);
    t.at(2.4..=3.6, &["REBOOT 192.0.2.7 +broadcast"]);
    t.at(5.6..=8.4, &["REBOOT 192.0.2.7 +broadcast"]);
    t.at(12.6..=17.4, &[]);
    assert_eq!(t.client.state(), State::Bound);
    assert_eq!(t.client.lease().unwrap().address, ADDRESS);
    t.at(66.0..=78.0, &[RENEW]);
    t.gets(ack(), &["RENEWED 192.0.2.7/24"]);
    t.at(1680.0..=1900.0, &[RENEW]);
}

#[test]
fn a_record_is_resumed_as_its_times_have_it() {
    let mut t = Timeline::start(starting(Start::Resume(lease())), &[]);
    assert_eq!(t.client.state(), State::Bound);
    t.at(1620.0..=1800.0, &[RENEW]);

    let past = |seconds: f64| {
        let mut lease = lease();
        let times = lease.times.as_mut().unwrap();
        let by = Duration::from_secs_f64(seconds);
        lease.acquired_at = lease.acquired_at - by;
        (times.t1, times.t2, times.expiry) = (times.t1 - by, times.t2 - by, times.expiry - by);
        lease
    };
    // The timeline starts a thousand seconds after boot; the lease is cut to fit.
    let mut nearly_over = past(900.0);
    let times = nearly_over.times.as_mut().unwrap();
    times.t1 = nearly_over.acquired_at + Duration::from_mins(1);
    Timeline::start(starting(Start::Resume(nearly_over.clone())), &[REBOOT]);
    let times = nearly_over.times.as_mut().unwrap();
    times.t2 = times.t1;
    times.expiry = times.t1;
    let over = nearly_over;
    let expected = ["UNBIND 192.0.2.7: Expired", "DISCOVER 192.0.2.7"];
    Timeline::start(starting(Start::Resume(over.clone())), &expected);
    Timeline::start(starting(Start::Reboot(over)), &expected);
}

#[test]
fn a_lease_that_ends_while_it_is_verified_is_over() {
    let mut short = lease();
    let times = short.times.as_mut().unwrap();
    times.t1 = short.acquired_at + Duration::from_secs(2);
    times.t2 = times.t1 + Duration::from_millis(500);
    times.expiry = times.t2 + Duration::from_millis(500);
    let mut t = Timeline::start(starting(Start::Reboot(short)), &[REBOOT]);
    t.at(0.8..=1.2, &[REBOOT]);
    let next = t.seconds(t.client.deadline().unwrap());
    if next < 3.0 {
        t.at(2.4..=3.0, &["REBOOT 192.0.2.7 +broadcast"]);
    }
    t.at(
        3.0..=3.0,
        &["UNBIND 192.0.2.7: Expired", "DISCOVER 192.0.2.7"],
    );
}

#[test]
fn a_carrier_that_comes_back_has_the_lease_verified() {
    let mut t = Timeline::bound(ack());
    t.silent_until(100.0);
    t.event(Event::LinkDown, &[]);
    assert_eq!(t.client.state(), State::InitReboot);
    assert_eq!(t.client.lease().unwrap().address, ADDRESS);
    t.silent_until(200.0);
    t.event(Event::LinkUp, &[REBOOT]);
    t.gets(ack(), &["RENEWED 192.0.2.7/24"]);
}

#[test]
fn a_carrier_that_flaps_makes_no_storm() {
    let mut t = Timeline::bound(ack());
    t.silent_until(100.0);
    t.event(Event::LinkUp, &[REBOOT]);
    for _ in 0..100 {
        t.event(Event::LinkDown, &[]);
        t.event(Event::LinkUp, &[]);
    }
    t.at(101.0..=101.0, &[REBOOT]);
}

#[test]
fn a_carrier_that_stays_away_does_not_stop_the_clock() {
    let mut t = Timeline::bound(ack());
    t.event(Event::LinkDown, &[]);
    t.at(1620.0..=1800.0, &[REBOOT]);
    t.wakes_at(3600.0, &["UNBIND 192.0.2.7: Expired", "DISCOVER 192.0.2.7"]);

    let mut t = Timeline::bound(ack());
    t.event(Event::LinkDown, &[]);
    t.wakes_at(3600.0, &["UNBIND 192.0.2.7: Expired", "DISCOVER 192.0.2.7"]);

    let mut t = Timeline::bound(ack().lasting(u32::MAX));
    t.event(Event::LinkDown, &[]);
    assert_eq!(t.client.deadline(), None);
    t.silent_until(10.0);
    t.event(Event::LinkUp, &[REBOOT]);
}

#[test]
fn a_carrier_lost_during_a_renewal_is_verified_when_it_is_back() {
    for (at, message) in [(1800.0, RENEW), (3200.0, "REBIND 192.0.2.7")] {
        let mut t = Timeline::bound(ack());
        t.wakes_at(at, &[message]);
        t.event(Event::LinkDown, &[]);
        t.silent_until(at + 5.0);
        t.event(Event::LinkUp, &[REBOOT]);
        t.event(Event::LinkDown, &[]);
        t.gets(ack(), &[]);
        assert_eq!(t.client.state(), State::InitReboot);
    }
}

#[test]
fn a_client_that_waits_says_nothing_until_it_is_told_to() {
    for (start, first) in [
        (Start::Fresh, "DISCOVER"),
        (Start::Address(ADDRESS), "DISCOVER 192.0.2.7"),
        (Start::Reboot(lease()), REBOOT),
        (Start::Resume(late()), REBOOT),
    ] {
        let config = Config {
            waits: true,
            ..starting(start)
        };
        let mut t = Timeline::start(config, &[]);
        t.silent_until(300.0);
        t.event(Event::LinkUp, &[first]);
        assert_eq!(t.client.repeated(), 0);
        t.at(300.8..=301.2, &[first]);
        assert_eq!(t.client.repeated(), 1);
    }
}

#[test]
fn a_lease_that_is_held_ends_in_time_though_its_client_waits() {
    let waiting = |start| Config {
        waits: true,
        ..starting(start)
    };
    let mut t = Timeline::start(waiting(Start::Resume(late())), &[]);
    t.at(
        1600.0..=1600.0,
        &["UNBIND 192.0.2.7: Expired", "DISCOVER 192.0.2.7"],
    );

    let mut over = late();
    over.times = over.times.map(|times| Times {
        expiry: instant(0.0),
        ..times
    });
    let mut t = Timeline::start(waiting(Start::Resume(over)), &["UNBIND 192.0.2.7: Expired"]);
    t.silent_until(300.0);
    t.event(Event::Renew, &["DISCOVER 192.0.2.7"]);
}

#[test]
fn a_record_that_needs_nothing_does_not_wait() {
    let config = Config {
        waits: true,
        ..starting(Start::Resume(lease()))
    };
    let mut t = Timeline::start(config, &[]);
    assert_eq!(t.client.state(), State::Bound);
    t.at(1620.0..=1800.0, &[RENEW]);
}

/// A client's own T1 may be up to a tenth before the server's.
#[test]
fn a_record_close_to_its_t1_waits_like_one_past_it() {
    for seed in 0..50 {
        let config = Config {
            waits: true,
            ..starting(Start::Resume(lease()))
        };
        let (client, actions) = Client::new(config, seed, instant(1700.0));
        assert_eq!(actions, [], "seed {seed}");
        let state = client.state();
        assert!(
            matches!(state, State::Bound | State::InitReboot),
            "seed {seed}: {state:?}"
        );
    }
}

/// A lease of an hour that began 2000 s ago.
fn late() -> Lease {
    let ago = |at: Instant| at - Duration::from_secs(2000);
    let mut lease = lease();
    lease.acquired_at = ago(lease.acquired_at);
    lease.times = lease.times.map(|times| Times {
        t1: ago(times.t1),
        t2: ago(times.t2),
        expiry: ago(times.expiry),
    });
    lease
}
