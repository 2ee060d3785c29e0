//! Servers that answer at odd times, too often, or not at all (RFC 2131 §3, §4.3, §4.4).

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;
use testbed::server::{Message, MessageType, Reply};

use super::cases;
use super::outcome::{error, ordinary_pod, pod};
use super::server::{
    LEASED, SERVER, Script, bytes, deliver, ordinary, replace, script, server, without,
};

cases! {
    silence: script(|_| Vec::new()) => error(&["no DHCP server answered on \"net1\"", "2 DISCOVER sent, 0 replies"]);
    answers_by_broadcast: bytes(|reply| reply.bytes()) => ordinary_pod();
    answers_by_unicast: script(|request| ordinary(request).iter().map(Reply::unicast).collect()) => ordinary_pod();
    answers_from_another_of_its_addresses: script(|request| {
        ordinary(request).map(|reply| deliver(request, &reply).from(SECOND)).into_iter().collect()
    })
        => ordinary_pod().lan("192.168.50.2", 24);
    every_answer_twice: script(|request| {
        ordinary(request).map(|reply| vec![deliver(request, &reply); 2]).unwrap_or_default()
    })
        => ordinary_pod();
    answers_after_half_a_second: script(|request| {
        let late = ordinary(request).map(|reply| deliver(request, &reply).after(Duration::from_millis(500)));
        late.into_iter().collect()
    })
        => ordinary_pod();
    a_lost_discover_or_offer: losing(&[(MessageType::Discover, 1)]) => ordinary_pod();
    a_lost_request_or_ack: losing(&[(MessageType::Request, 1)]) => ordinary_pod();
    one_loss_at_each_step: losing(&[(MessageType::Discover, 1), (MessageType::Request, 1)]) => ordinary_pod();
    a_request_never_answered: losing(&[(MessageType::Request, usize::MAX)]) => error(&["no lease", "1 reply"]);
    an_offer_without_what_was_asked: script(|request| {
        let reply = ordinary(request).map(|reply| match reply.kind() {
            Some(MessageType::Offer) => without(without(reply, 1), 51),
            _ => reply.with(3, [192, 168, 50, 1]).with(6, [9, 9, 9, 9]),
        });
        reply.map(|reply| deliver(request, &reply)).into_iter().collect()
    })
        => ordinary_pod().gateway("192.168.50.1").dns(json!({"nameservers": ["9.9.9.9"]}));
    an_ack_without_what_was_offered: script(|request| {
        let reply = ordinary(request).map(|reply| match reply.kind() {
            Some(MessageType::Offer) => reply.with(3, [192, 168, 50, 1]).with(6, [9, 9, 9, 9]),
            _ => reply,
        });
        reply.map(|reply| deliver(request, &reply)).into_iter().collect()
    })
        => ordinary_pod();
    an_ack_of_another_address: script(|request| {
        let reply = ordinary(request).map(|reply| match reply.kind() {
            Some(MessageType::Offer) => reply,
            _ => reply.yiaddr([192, 168, 50, 78].into()),
        });
        reply.map(|reply| deliver(request, &reply)).into_iter().collect()
    })
        => pod("192.168.50.78/24");

    a_nak_first: refusing(1) => ordinary_pod();
    two_naks_first: refusing(2) => ordinary_pod();
    naks_only: refusing(usize::MAX) => error(&["server 192.168.50.1 refused: \"go  away\""]);
    a_nak_without_a_server_identifier: script(|request| {
        let nak = request.reply(MessageType::Nak);
        let naks = (request.kind() == Some(MessageType::Request)).then(|| Reply::broadcast(&nak));
        naks.into_iter().chain(ordinary(request).map(|reply| deliver(request, &reply))).collect()
    })
        => ordinary_pod();
    a_nak_of_another_server: script(|request| {
        let nak = request.reply(MessageType::Nak).with_addresses(54, &[SECOND]);
        let naks = (request.kind() == Some(MessageType::Request)).then(|| Reply::broadcast(&nak));
        naks.into_iter().chain(ordinary(request).map(|reply| deliver(request, &reply))).collect()
    })
        => ordinary_pod()
            .wavers("Go: a NAK of any server can end the attempt, whichever is read first");
    two_servers: script(|request| {
        let Some(first) = ordinary(request) else { return Vec::new() };
        let second = replace(first.clone(), 54, SECOND.octets()).yiaddr([192, 168, 50, 99].into());
        match request.address(54) {
            None => vec![deliver(request, &first), deliver(request, &second).from(SECOND)],
            Some(SERVER) => vec![deliver(request, &first)],
            Some(_) => vec![deliver(request, &second)],
        }
    })
        => ordinary_pod().lan("192.168.50.2", 24);
    two_servers_that_both_think_they_were_chosen: script(|request| {
        let Some(first) = ordinary(request) else { return Vec::new() };
        let second = replace(first.clone(), 54, SECOND.octets()).yiaddr([192, 168, 50, 99].into());
        let first = deliver(request, &first);
        match request.address(54) {
            None => vec![first, deliver(request, &second)],
            Some(_) => vec![deliver(request, &second), first],
        }
    })
        => ordinary_pod()
            .differs("Go: an ACK of a server that was not chosen is taken");
    a_hundred_answers_to_others: script(|request| {
        let Some(right) = ordinary(request) else { return Vec::new() };
        let others = (1..=100).map(|number| {
            let mut other = right.clone().yiaddr([192, 168, 50, 99].into());
            other.xid = other.xid.wrapping_add(number);
            Reply::broadcast(&other)
        });
        others.chain([deliver(request, &right)]).collect()
    })
        => ordinary_pod();
    a_relay_between: relayed([192, 168, 50, 1]) => ordinary_pod().gateway("192.168.50.1").lan("10.66.0.1", 32);
    a_server_that_cannot_be_reached: script(|request| {
        ordinary(request).map(|reply| deliver(request, &replace(reply, 54, [10, 66, 0, 1]))).into_iter().collect()
    })
        => ordinary_pod();
}

/// Leaves so many messages of each of these types unanswered.
fn losing(losses: &[(MessageType, usize)]) -> Script {
    let mut losses = losses.to_vec();
    script(move |request| {
        let loss = losses
            .iter_mut()
            .find(|(kind, left)| request.kind() == Some(*kind) && *left > 0);
        match loss {
            Some((_, left)) => {
                *left -= 1;
                Vec::new()
            }
            None => ordinary(request)
                .map(|reply| deliver(request, &reply))
                .into_iter()
                .collect(),
        }
    })
}

/// Refuses so many REQUESTs.
fn refusing(mut left: usize) -> Script {
    script(move |request| {
        if request.kind() == Some(MessageType::Request) && left > 0 {
            left -= 1;
            let nak = request
                .reply(MessageType::Nak)
                .with_addresses(54, &[SERVER]);
            return vec![Reply::broadcast(&nak.with(56, *b"go\r\naway"))];
        }
        ordinary(request)
            .map(|reply| deliver(request, &reply))
            .into_iter()
            .collect()
    })
}

/// Answers for a server in another network, through a relay.
fn relayed(relay: [u8; 4]) -> Script {
    let through = move |mut reply: Message| {
        reply.giaddr = Ipv4Addr::from(relay);
        replace(reply, 54, [10, 66, 0, 1])
            .with(82, *b"\x01\x04port")
            .with(3, relay)
    };
    server(move |reply| {
        assert_eq!(reply.yiaddr, LEASED);
        through(reply)
    })
}

const SECOND: Ipv4Addr = Ipv4Addr::new(192, 168, 50, 2);
