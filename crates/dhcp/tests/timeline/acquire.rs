//! From nothing to a lease.

use dhcp_client::{Broadcast, Config, Event, State, Trouble};

use crate::script::{ADDRESS, OTHER_SERVER, SERVER, Timeline, ack, config, nak, offer};

#[test]
fn a_lease_takes_four_messages() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    assert_eq!(t.client.state(), State::Selecting);
    let discover = t.last_sent().clone();
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    assert_eq!(t.client.state(), State::Requesting);
    assert_eq!(
        t.last_sent().xid(),
        discover.xid(),
        "RFC 2131 §4.4.1: the xid of the DISCOVER"
    );
    assert_eq!(
        t.last_sent().secs(),
        discover.secs(),
        "RFC 2131 §3.1: the secs of the DISCOVER"
    );
    t.gets(ack(), &["BIND 192.0.2.7/24"]);
    assert_eq!(t.client.state(), State::Bound);
    assert!(!t.client.listens());
    let lease = t.client.lease().unwrap();
    assert_eq!((lease.address, lease.server_id), (ADDRESS, SERVER));
}

#[test]
fn a_silent_network_is_asked_for_ever() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.at(0.8..=1.2, &["DISCOVER"]);
    let xid = t.last_sent().xid();
    t.at(2.4..=3.6, &["DISCOVER +broadcast"]);
    t.at(5.6..=8.4, &["DISCOVER +broadcast"]);
    t.at(12.6..=17.4, &["DISCOVER +broadcast"]);
    let mut last = t.seconds(t.client.deadline().unwrap());
    for _ in 0..1000 {
        t.at(last..=last, &["DISCOVER +broadcast"]);
        let next = t.seconds(t.client.deadline().unwrap());
        assert!((13.0..=15.0).contains(&(next - last)), "{}", next - last);
        last = next;
    }
    assert_eq!(t.last_sent().xid(), xid, "a late OFFER still counts");
    assert!(t.last_sent().secs() > 10_000);
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1 +broadcast"]);
}

#[test]
fn secs_stay_within_their_field() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    assert_eq!(
        t.last_sent().secs(),
        1,
        "some relays drop messages that say 0"
    );
    t.wakes_at(65_534.5, &["DISCOVER"]);
    assert_eq!(t.last_sent().secs(), 65_534);
    t.wakes_at(1e9, &["DISCOVER +broadcast"]);
    assert_eq!(t.last_sent().secs(), 65_535);
}

#[test]
fn the_broadcast_flag_is_what_was_configured() {
    let always = Config {
        broadcast: Broadcast::Always,
        ..config()
    };
    let mut t = Timeline::start(always, &["DISCOVER +broadcast"]);
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1 +broadcast"]);
    t.gets(ack(), &["BIND 192.0.2.7/24"]);
    t.at(1620.0..=1800.0, &["RENEW 192.0.2.7 at 192.0.2.1"]);

    let never = Config {
        broadcast: Broadcast::Never,
        ..config()
    };
    let mut t = Timeline::start(never, &["DISCOVER"]);
    for _ in 0..5 {
        t.at(0.0..=100.0, &["DISCOVER"]);
    }
}

#[test]
fn a_lost_request_is_sent_again_and_then_given_up() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    let select = "SELECT 192.0.2.7 of 192.0.2.1";
    t.gets(offer(), &[select]);
    let xid = t.last_sent().xid();
    t.at(0.8..=1.2, &[select]);
    t.at(2.4..=3.6, &["SELECT 192.0.2.7 of 192.0.2.1 +broadcast"]);
    t.at(5.6..=8.4, &["DISCOVER 192.0.2.7"]);
    assert_ne!(t.last_sent().xid(), xid, "a new exchange");
}

#[test]
fn a_lost_packet_costs_a_second() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.at(0.8..=1.2, &["DISCOVER"]);
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    t.at(1.6..=2.4, &["SELECT 192.0.2.7 of 192.0.2.1"]);
    t.gets(ack(), &["BIND 192.0.2.7/24"]);
    let lease = t.client.lease().unwrap();
    let acquired_at = t.seconds(lease.acquired_at);
    assert!(
        (0.8..=1.2).contains(&acquired_at),
        "its first REQUEST, not the DISCOVER"
    );
}

#[test]
fn the_first_offer_wins_and_the_other_servers_word_does_not_count() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    t.gets(offer().from(OTHER_SERVER), &[]);
    t.gets(nak().from(OTHER_SERVER), &[]);
    t.gets(ack().from(OTHER_SERVER), &[]);
    t.gets(ack(), &["BIND 192.0.2.7/24"]);
    assert_eq!(t.client.lease().unwrap().server_id, SERVER);
}

#[test]
fn an_offer_that_cannot_be_used_leaves_the_next_one_its_chance() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.gets(offer().lasting(0), &[]);
    t.gets(offer().at([224, 0, 0, 1].into()), &[]);
    t.gets(offer().with(1, [255, 0, 255, 0]), &[]);
    t.gets(
        offer().from(OTHER_SERVER),
        &["SELECT 192.0.2.7 of 192.0.2.2"],
    );
}

#[test]
fn a_refused_request_starts_over_at_once_then_more_and_more_slowly() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    t.gets(nak().with(56, *b"wrong network\0"), &["DISCOVER"]);
    let trouble = t.client.trouble().unwrap();
    let message = Some("wrong network".to_owned());
    assert_eq!(
        *trouble,
        Trouble::Refused {
            server: SERVER,
            message
        }
    );
    assert_eq!(
        trouble.to_string(),
        "server 192.0.2.1 refused: \"wrong network\""
    );
    let mut from = 0.0;
    for wait in [
        0.8..=1.2,
        1.6..=2.4,
        3.2..=4.8,
        7.0..=9.0,
        13.0..=15.0,
        13.0..=15.0,
    ] {
        t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
        t.gets(nak(), &[]);
        assert_eq!(t.client.state(), State::Init);
        let at = t.seconds(t.client.deadline().unwrap());
        assert!(wait.contains(&(at - from)), "{}", at - from);
        t.at(at..=at, &["DISCOVER"]);
        from = at;
    }
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    t.gets(ack(), &["BIND 192.0.2.7/24"]);
    assert_eq!(t.client.trouble(), None);
    t.at(1600.0..=1900.0, &["RENEW 192.0.2.7 at 192.0.2.1"]);
    t.gets(nak(), &["UNBIND 192.0.2.7: Nak", "DISCOVER"]);
}

#[test]
fn a_carrier_that_comes_up_is_used_at_once_but_not_in_a_storm() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    for _ in 0..4 {
        t.at(
            0.0..=30.0,
            &[if t.client.sent()[&dhcp_client::Intent::Discover] < 2 {
                "DISCOVER"
            } else {
                "DISCOVER +broadcast"
            }],
        );
    }
    let now = t.seconds(t.client.deadline().unwrap()) - 13.0;
    t.event(Event::LinkDown, &[]);
    t.event(Event::LinkUp, &[]);
    t.event(Event::LinkUp, &[]);
    t.at(now - 2.0..=now + 2.0, &["DISCOVER +broadcast"]);
    let sent = t.seconds(t.client.deadline().unwrap());
    t.at(sent..=sent, &["DISCOVER +broadcast"]);
    assert!(sent < now + 4.0, "the waits are short again");
}

#[test]
fn the_ack_may_give_another_address_than_the_offer() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    t.gets(ack().at([192, 0, 2, 8].into()), &["BIND 192.0.2.8/24"]);
}

#[test]
fn a_suggested_address_is_asked_for() {
    let hint = Config {
        requested_address: Some(ADDRESS),
        ..config()
    };
    Timeline::start(hint, &["DISCOVER 192.0.2.7"]);
    let provided = Config {
        extra_options: vec![(50, ADDRESS.octets().to_vec())],
        ..config()
    };
    Timeline::start(provided, &["DISCOVER 192.0.2.7"]);
}

#[test]
fn a_lease_that_is_over_when_its_ack_comes_is_no_lease() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    t.at(0.8..=1.2, &["SELECT 192.0.2.7 of 192.0.2.1"]);
    t.at(2.4..=3.6, &["SELECT 192.0.2.7 of 192.0.2.1 +broadcast"]);
    t.gets(ack().lasting(1), &[]);
    assert_eq!(t.client.ignored()[&dhcp_client::Ignored::AlreadyExpired], 1);
    t.gets(ack().lasting(3600), &["BIND 192.0.2.7/24"]);
}

#[test]
fn a_server_that_was_silent_is_found_within_fifteen_seconds() {
    for silence in [10.0, 75.0, 3600.0] {
        let mut t = Timeline::start(config(), &["DISCOVER"]);
        let found = loop {
            let (at, seen) = t.next();
            assert!(seen[0].starts_with("DISCOVER"), "{seen:?}");
            if at >= silence {
                break at;
            }
        };
        assert!(found - silence <= 15.0, "{found}");
        t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1 +broadcast"]);
        t.gets(ack(), &["BIND 192.0.2.7/24"]);
    }
}
