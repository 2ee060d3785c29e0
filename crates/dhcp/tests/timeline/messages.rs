//! What the messages carry, read by another decoder.

use dhcp_client::{Config, DEFAULT_PARAMETERS, Event};
use dhcproto::v4::{DhcpOption, Message, OptionCode};

use crate::script::{Timeline, ack, config, offer};

fn codes(message: &Message) -> Vec<u8> {
    message
        .opts()
        .iter()
        .map(|(code, _)| u8::from(*code))
        .collect()
}

fn client_id(message: &Message) -> Vec<u8> {
    match message.opts().get(OptionCode::ClientIdentifier) {
        Some(DhcpOption::ClientIdentifier(id)) => id.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_discover_carries_what_was_configured() {
    let config = Config {
        hostname: Some("web-0".to_owned()),
        ..config()
    };
    let t = Timeline::start(config, &["DISCOVER"]);
    let message = t.last_sent();
    assert_eq!(codes(message), [12, 53, 55, 57, 61]);
    let parameters = DEFAULT_PARAMETERS.map(OptionCode::from).to_vec();
    assert_eq!(
        message.opts().get(OptionCode::ParameterRequestList),
        Some(&DhcpOption::ParameterRequestList(parameters))
    );
    assert_eq!(
        message.opts().get(OptionCode::Hostname),
        Some(&DhcpOption::Hostname("web-0".to_owned()))
    );
    assert_eq!(
        message.opts().get(OptionCode::MaxMessageSize),
        Some(&DhcpOption::MaxMessageSize(1472))
    );
}

#[test]
fn the_client_identifier_is_the_same_in_every_message() {
    let config = Config {
        extra_options: vec![(61, b"mine".to_vec())],
        ..config()
    };
    let mut t = Timeline::start(config.clone(), &["DISCOVER"]);
    let mut seen = vec![t.last_sent().clone()];
    t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    seen.push(t.last_sent().clone());
    t.gets(ack(), &["BIND 192.0.2.7/24"]);
    t.wakes_at(1800.0, &["RENEW 192.0.2.7 at 192.0.2.1"]);
    seen.push(t.last_sent().clone());
    t.wakes_at(3200.0, &["REBIND 192.0.2.7"]);
    seen.push(t.last_sent().clone());
    t.event(Event::LinkUp, &[]);
    t.wakes_at(3202.0, &["REBOOT 192.0.2.7"]);
    seen.push(t.last_sent().clone());
    let mut declines = Timeline::start(config, &["DISCOVER"]);
    declines.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    declines.gets(ack(), &["BIND 192.0.2.7/24"]);
    declines.probe_conflict(&[
        "UNBIND 192.0.2.7: Declined",
        "DECLINE 192.0.2.7 of 192.0.2.1",
        "DISCOVER",
    ]);
    let dhcp_client::Action::Send(decline) = &declines.last_actions[1] else {
        panic!()
    };
    let decline = crate::script::decode(&decline.message);
    assert_eq!(
        codes(&decline),
        [50, 53, 54, 61],
        "RFC 2131 table 5: nothing else"
    );
    seen.push(decline);
    t.event(
        Event::Release,
        &[
            "RELEASE 192.0.2.7 of 192.0.2.1",
            "UNBIND 192.0.2.7: Released",
        ],
    );
    assert_eq!(
        codes(t.last_sent()),
        [53, 54, 61],
        "RFC 2131 table 5: nothing else"
    );
    assert_eq!(t.last_sent().secs(), 0, "RFC 2131 table 5");
    seen.push(t.last_sent().clone());
    for message in seen {
        assert_eq!(
            client_id(&message),
            b"mine",
            "{:?}",
            message.opts().msg_type()
        );
    }
}

#[test]
fn extra_options_replace_ours_and_the_last_one_counts() {
    let extra = [
        (57, vec![2, 64]),
        (12, b"a".to_vec()),
        (60, b"v".to_vec()),
        (60, b"w".to_vec()),
    ];
    let hostname = Some("b".to_owned());
    let config = Config {
        extra_options: extra.to_vec(),
        hostname,
        ..config()
    };
    let t = Timeline::start(config, &["DISCOVER"]);
    let options = t.last_sent().opts();
    assert_eq!(
        options.get(OptionCode::MaxMessageSize),
        Some(&DhcpOption::MaxMessageSize(576))
    );
    assert_eq!(
        options.get(OptionCode::Hostname),
        Some(&DhcpOption::Hostname("a".to_owned()))
    );
    assert_eq!(
        options.get(OptionCode::ClassIdentifier),
        Some(&DhcpOption::ClassIdentifier(b"w".to_vec()))
    );
}

#[test]
fn options_of_the_protocol_cannot_be_replaced() {
    let extra = [0, 50, 52, 53, 54, 255].map(|code| (code, vec![9, 9]));
    let t = Timeline::start(
        Config {
            extra_options: extra.to_vec(),
            ..config()
        },
        &["DISCOVER"],
    );
    assert_eq!(codes(t.last_sent()), [53, 55, 57, 61]);
}

#[test]
fn empty_values_are_left_out_or_sent_as_the_user_says() {
    let config = Config {
        client_id: None,
        hostname: Some(String::new()),
        parameter_request_list: Vec::new(),
        extra_options: vec![(80, Vec::new())],
        ..config()
    };
    let t = Timeline::start(config, &["DISCOVER"]);
    let dhcp_client::Action::Send(sent) = &t.last_actions[0] else {
        panic!()
    };
    assert_eq!(
        sent.message[240..],
        {
            let mut options = vec![53, 1, 1, 57, 2, 5, 192, 80, 0, 255];
            options.resize(60, 0);
            options
        }[..]
    );
}

#[test]
fn long_options_are_split() {
    let long: Vec<u8> = (0..=u8::MAX).cycle().take(600).collect();
    let config = Config {
        extra_options: vec![(60, long.clone())],
        ..config()
    };
    let t = Timeline::start(config, &["DISCOVER"]);
    assert_eq!(
        t.last_sent().opts().get(OptionCode::ClassIdentifier),
        Some(&DhcpOption::ClassIdentifier(long))
    );
}
