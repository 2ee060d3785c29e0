//! A lease in use: renewed, rebound, changed, lost.

use dhcp_client::{Action, Event, Ignored, Intent, State};

use crate::script::{ADDRESS, OTHER_SERVER, SERVER, Timeline, ack, instant, nak, offer};

const RENEW: &str = "RENEW 192.0.2.7 at 192.0.2.1";
const REBIND: &str = "REBIND 192.0.2.7";

#[test]
fn a_lease_is_renewed_at_its_server_by_unicast() {
    let mut t = Timeline::bound(ack());
    assert_eq!(t.client.lease().unwrap().acquired_at, instant(0.0));
    t.at(1620.0..=1800.0, &[RENEW]);
    assert_eq!(t.client.state(), State::Renewing);
    assert!(t.client.listens());
    let sent = t.client.lease().unwrap().t1().unwrap();
    t.gets(ack(), &["RENEWED 192.0.2.7/24"]);
    assert_eq!(t.client.state(), State::Bound);
    let lease = t.client.lease().unwrap();
    assert!(
        lease.acquired_at <= sent,
        "the lease begins with its REQUEST"
    );
    t.at(3240.0..=3600.0, &[RENEW]);
}

#[test]
fn the_lease_begins_with_the_request_that_is_answered() {
    let mut t = Timeline::bound(ack());
    t.at(1620.0..=1800.0, &[RENEW]);
    let first = t.last_sent().clone();
    t.at(2160.0..=2475.0, &[RENEW]);
    let second = t.last_sent().clone();
    assert_ne!(first.xid(), second.xid());
    assert!(second.secs() > 400, "secs count from the first");
    let late = crate::script::Reply {
        xid: Some(first.xid()),
        ..ack()
    };
    t.gets(late, &[]);
    t.gets(ack(), &["RENEWED 192.0.2.7/24"]);
    assert!(t.client.lease().unwrap().acquired_at >= instant(2160.0));
}

#[test]
fn a_silent_server_is_asked_until_expiry_and_then_everybody_for_ever() {
    let mut t = Timeline::bound(ack());
    // T1 1800, T2 3150, expiry 3600; each up to a tenth earlier.
    t.at(1620.0..=1800.0, &[RENEW]);
    let rebound_at = loop {
        let (at, seen) = t.next();
        if seen != [RENEW] {
            assert_eq!(seen, [REBIND]);
            break at;
        }
    };
    assert!((2997.0..=3150.0).contains(&rebound_at), "{rebound_at}");
    assert!(
        (3..=7).contains(&t.client.sent()[&Intent::Renew]),
        "{:?}",
        t.client.sent()
    );
    assert_eq!(t.client.state(), State::Rebinding);
    let mut last = t.seconds(t.client.deadline().unwrap());
    while last < 3600.0 {
        t.at(last..=last, &[REBIND]);
        let next = t.seconds(t.client.deadline().unwrap());
        assert!(
            next - last <= 20.0,
            "a server that is back is found: {}",
            next - last
        );
        last = next;
    }
    assert_eq!(t.client.lease().unwrap().address, ADDRESS);
    t.at(
        3600.0..=3600.0,
        &["UNBIND 192.0.2.7: Expired", "DISCOVER 192.0.2.7"],
    );
    assert_eq!(t.client.lease(), None);
    assert!(
        t.client.sent()[&Intent::Rebind] < 70,
        "{:?}",
        t.client.sent()
    );
    t.at(3600.8..=3601.2, &["DISCOVER 192.0.2.7"]);
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    t.gets(ack(), &["BIND 192.0.2.7/24"]);
}

#[test]
fn a_rebinding_ack_moves_renewals_to_the_answering_server() {
    let mut t = Timeline::bound(ack().lasting(120));
    t.at(54.0..=60.0, &[RENEW]);
    t.gets(ack().from(OTHER_SERVER), &[]);
    assert_eq!(t.client.ignored()[&Ignored::ForeignServer], 1);
    t.wakes_at(106.0, &[REBIND]);
    t.gets(
        ack().from(OTHER_SERVER).lasting(120),
        &["RENEWED 192.0.2.7/24"],
    );
    assert_eq!(t.client.lease().unwrap().server_id, OTHER_SERVER);
    t.at(150.0..=166.0, &["RENEW 192.0.2.7 at 192.0.2.2"]);
    t.gets(nak(), &[]);
    t.gets(
        nak().from(OTHER_SERVER),
        &["UNBIND 192.0.2.7: Nak", "DISCOVER"],
    );
}

#[test]
fn a_rebinding_client_hears_every_servers_nak() {
    let mut t = Timeline::bound(ack().lasting(120));
    t.wakes_at(106.0, &[REBIND]);
    t.gets(
        nak().from(OTHER_SERVER),
        &["UNBIND 192.0.2.7: Nak", "DISCOVER"],
    );
    assert_eq!(t.client.lease(), None);
}

#[test]
fn nothing_is_heard_while_nothing_is_asked() {
    let mut t = Timeline::bound(ack());
    t.gets(nak(), &[]);
    t.gets(ack(), &[]);
    assert_eq!(t.client.ignored()[&Ignored::Unasked], 2);
    t.silent_until(1600.0);
}

#[test]
fn a_changed_configuration_is_an_update_from_the_old_to_the_new() {
    let mut t = Timeline::bound(ack());
    t.at(1620.0..=1800.0, &[RENEW]);
    t.gets(
        ack().with(3, [192, 0, 2, 254]),
        &["UPDATE 192.0.2.7/24 to 192.0.2.7/24"],
    );
    let Action::Update { old, new } = &t.last_actions[0] else {
        panic!()
    };
    assert_eq!(old.routers, [SERVER]);
    assert_eq!(new.routers, [std::net::Ipv4Addr::new(192, 0, 2, 254)]);
    t.at(3240.0..=3600.0, &[RENEW]);
    let elsewhere = ack().at([198, 51, 100, 7].into());
    t.gets(elsewhere, &["UPDATE 192.0.2.7/24 to 198.51.100.7/24"]);
    t.at(4860.0..=5400.0, &["RENEW 198.51.100.7 at 192.0.2.1"]);
}

#[test]
fn what_a_renewal_leaves_out_stays() {
    let mut t = Timeline::bound(ack().with(6, [192, 0, 2, 53]));
    t.at(1620.0..=1800.0, &[RENEW]);
    t.gets(ack().without(1).without(3), &["RENEWED 192.0.2.7/24"]);
    let lease = t.client.lease().unwrap();
    assert_eq!((lease.routers.len(), lease.dns.len()), (1, 1));
}

#[test]
fn an_infinite_lease_needs_nothing() {
    let mut t = Timeline::bound(ack().lasting(u32::MAX));
    assert_eq!(t.client.deadline(), None);
    t.silent_until(1e6);
    t.event(Event::Renew, &[RENEW]);
    for _ in 0..3 {
        let deadline = t.seconds(t.client.deadline().unwrap());
        t.at(deadline..=deadline, &[RENEW]);
    }
    let deadline = t.seconds(t.client.deadline().unwrap());
    t.at(deadline..=deadline, &[]);
    assert_eq!(
        (t.client.state(), t.client.deadline()),
        (State::Bound, None)
    );
}

#[test]
fn a_lease_of_a_second_takes_two_packets_a_second() {
    let mut t = Timeline::bound(ack().lasting(1));
    for n in 0..20 {
        let (from, to) = (0.45 * f64::from(n + 1), 0.5 * f64::from(n + 1));
        t.at(from..=to, &[RENEW]);
        t.gets(ack().lasting(1), &["RENEWED 192.0.2.7/24"]);
    }
}

#[test]
fn a_lease_of_a_second_that_is_not_renewed_is_over_in_time() {
    let mut t = Timeline::bound(ack().lasting(1));
    t.at(0.45..=0.5, &[RENEW]);
    t.at(0.8..=0.875, &[REBIND]);
    t.at(
        1.0..=1.0,
        &["UNBIND 192.0.2.7: Expired", "DISCOVER 192.0.2.7"],
    );
}

#[test]
fn after_a_suspend_only_what_still_makes_sense_is_sent() {
    let mut t = Timeline::bound(ack());
    t.wakes_at(3200.0, &[REBIND]);
    let mut t = Timeline::bound(ack());
    t.wakes_at(9999.0, &["UNBIND 192.0.2.7: Expired", "DISCOVER 192.0.2.7"]);
}

#[test]
fn an_ack_that_comes_with_the_deadline_is_heard_first() {
    let mut t = Timeline::bound(ack().lasting(120));
    t.at(54.0..=60.0, &[RENEW]);
    let payload = t.payload(&ack().lasting(120));
    let late = instant(90.0);
    let actions = t.client.step(Event::Received { payload: &payload }, late);
    assert!(matches!(actions[..], [Action::Renewed(_)]), "{actions:?}");
    assert_eq!(t.client.state(), State::Bound);
}

#[test]
fn a_renewal_can_be_asked_for() {
    let mut t = Timeline::bound(ack());
    t.silent_until(10.0);
    t.event(Event::Renew, &[RENEW]);
    t.event(Event::Renew, &[]);
    t.at(11.0..=11.0, &[RENEW]);
    t.gets(ack(), &["RENEWED 192.0.2.7/24"]);
}

#[test]
fn t1_and_t2_of_the_server_are_followed() {
    let short = ack()
        .with(58, 10_u32.to_be_bytes())
        .with(59, 20_u32.to_be_bytes())
        .lasting(600);
    let mut t = Timeline::bound(short);
    t.at(9.0..=10.0, &[RENEW]);
    t.at(18.0..=20.0, &[REBIND]);
}
