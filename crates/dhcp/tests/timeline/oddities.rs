//! Packets that awkward servers, relays and strangers send.

use dhcp_client::{Ignored, Lease};

use crate::script::{
    ADDRESS, MASK, OTHER_SERVER, Reply, SERVER, Timeline, ack, config, nak, offer,
};

/// Returns the lease that `ack` makes.
#[track_caller]
fn lease(ack: Reply) -> Lease {
    Timeline::bound(ack).client.lease().unwrap().clone()
}

#[test]
fn what_is_not_an_answer_is_dropped_with_its_reason() {
    let cases = [
        (Ignored::NotAReply, Reply { op: 1, ..offer() }),
        (
            Ignored::WrongHardware,
            Reply {
                hlen: 16,
                ..offer()
            },
        ),
        (
            Ignored::WrongHardware,
            Reply {
                hlen: 255,
                ..offer()
            },
        ),
        (
            Ignored::WrongCookie,
            Reply {
                cookie: [0; 4],
                ..offer()
            },
        ),
        (
            Ignored::WrongChaddr,
            Reply {
                chaddr: [9; 6],
                ..offer()
            },
        ),
        (
            Ignored::WrongXid,
            Reply {
                xid: Some(1),
                ..offer()
            },
        ),
        (Ignored::NoMessageType, offer().without(53)),
        (Ignored::NoMessageType, offer().with(53, [])),
        (Ignored::NoMessageType, offer().with(53, [2, 5])),
        (Ignored::WrongMessageType, offer().with(53, [1])),
        (Ignored::WrongMessageType, offer().with(53, [99])),
        (Ignored::WrongMessageType, ack()),
        (Ignored::WrongMessageType, nak()),
        (Ignored::NoServerIdentifier, offer().without(54)),
        (Ignored::NoServerIdentifier, offer().with(54, [192, 0, 2])),
        (
            Ignored::NoServerIdentifier,
            offer().from([0, 0, 0, 0].into()),
        ),
        (Ignored::NoServerIdentifier, offer().from([255; 4].into())),
        (
            Ignored::WrongClientIdentifier,
            offer().with(61, *b"\0other"),
        ),
        (Ignored::BadAddress, offer().at([0; 4].into())),
        (Ignored::BadAddress, offer().at([127, 0, 0, 1].into())),
        (Ignored::BadAddress, offer().at([224, 0, 0, 9].into())),
        (Ignored::BadAddress, offer().at([255; 4].into())),
        (Ignored::BadAddress, offer().at([192, 0, 2, 255].into())),
        (Ignored::BadSubnetMask, offer().with(1, [255, 0, 255, 0])),
        (Ignored::BadSubnetMask, offer().with(1, [0; 4])),
        (Ignored::BadSubnetMask, offer().with(1, [255, 255])),
        (Ignored::BadLeaseTime, offer().with(51, [0; 4])),
        (Ignored::BadLeaseTime, offer().with(51, [1, 2])),
    ];
    for (reason, reply) in cases {
        let mut t = Timeline::start(config(), &["DISCOVER"]);
        t.gets(reply, &[]);
        assert_eq!(t.client.ignored().keys().collect::<Vec<_>>(), [&reason]);
        assert!(t.client.received().is_empty());
        t.gets(offer(), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    }
}

#[test]
fn a_packet_cut_anywhere_does_no_harm() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    let whole = t.payload(&offer());
    for length in 0..240 {
        t.gets_raw(&whole[..length], &[]);
    }
    assert_eq!(t.client.ignored()[&Ignored::TooShort], 240);
    for length in 240..249 {
        t.gets_raw(&whole[..length], &[]);
    }
    t.gets_raw(&whole[..249], &["SELECT 192.0.2.7 of 192.0.2.1"]);
}

#[test]
fn our_own_client_identifier_may_be_echoed() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.gets(
        offer().with(61, *b"\0id"),
        &["SELECT 192.0.2.7 of 192.0.2.1"],
    );
}

#[test]
fn the_next_server_and_the_relay_are_not_the_server() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    let mut payload = t.payload(&offer());
    payload[3] = 4;
    payload[20..28].copy_from_slice(&[198, 51, 100, 1, 198, 51, 100, 2]);
    t.gets_raw(&payload, &["SELECT 192.0.2.7 of 192.0.2.1"]);
}

#[test]
fn an_offer_of_nothing_but_an_address_is_enough() {
    let bare = |reply: Reply| reply.without(1).without(3).without(51);
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.gets(bare(offer()), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    t.gets(bare(ack()), &["BIND 192.0.2.7/24"]);
}

#[test]
fn an_ack_without_a_lease_time_lasts_an_hour() {
    let lease = lease(ack().without(51));
    let expiry = lease.expiry().unwrap().duration_since(lease.acquired_at);
    assert_eq!(expiry.as_secs(), 3600);
}

#[test]
fn an_ack_without_a_mask_is_classful() {
    assert_eq!(lease(ack().without(1)).prefix_len, 24);
}

#[test]
fn a_point_to_point_address_may_be_its_subnets_last() {
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    let odd = |reply: Reply| reply.with(1, [255, 255, 255, 254]);
    t.gets(odd(offer()), &["SELECT 192.0.2.7 of 192.0.2.1"]);
    t.gets(odd(ack()), &["BIND 192.0.2.7/31"]);
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    t.gets(
        offer().with(1, [255; 4]),
        &["SELECT 192.0.2.7 of 192.0.2.1"],
    );
    t.gets(ack().with(1, [255; 4]), &["BIND 192.0.2.7/32"]);
}

#[test]
fn options_are_read_from_file_and_sname_and_put_together() {
    let mut reply = ack().with(52, [3]);
    reply.options.push((6, vec![192, 0, 2, 53]));
    reply.file = [&[6, 4, 192, 0, 2, 54][..], &[15, 3], b"lan", &[255]].concat();
    reply.sname = vec![0, 0, 6, 4, 192, 0, 2, 55, 255];
    let lease = lease(reply);
    let last: Vec<u8> = lease.dns.iter().map(|server| server.octets()[3]).collect();
    assert_eq!(last, [53, 54, 55]);
    assert_eq!(lease.domain.as_deref(), Some("lan"));
}

#[test]
fn classless_routes_split_around_another_option_are_whole() {
    let mut reply = ack().without(51);
    let routes: Vec<u8> = (0..50).flat_map(|n| [24, 10, 0, n, 192, 0, 2, 1]).collect();
    reply.options.push((121, routes[..255].to_vec()));
    reply.options.push((51, vec![0, 0, 0, 100]));
    reply.options.push((121, routes[255..].to_vec()));
    assert_eq!(lease(reply).classless_routes.unwrap().len(), 50);
}

#[test]
fn garbage_after_the_end_and_padding_change_nothing() {
    let plain = lease(ack());
    let garbage = Reply {
        tail: [&[255, 1, 2, 3][..], &[7; 1200]].concat(),
        ..ack()
    };
    assert_eq!(lease(garbage).options, plain.options);
    let padded = Reply {
        tail: [&[0; 900][..], &[255]].concat(),
        ..ack()
    };
    assert_eq!(lease(padded).options, plain.options);
    let endless = Reply {
        tail: Vec::new(),
        ..ack()
    };
    assert_eq!(lease(endless).options, plain.options);
}

#[test]
fn a_truncated_option_costs_only_what_follows() {
    let cut = Reply {
        tail: vec![6, 200, 1, 2, 3],
        ..ack()
    };
    let lease = lease(cut);
    assert_eq!((lease.routers.len(), lease.dns.len()), (1, 0));
}

#[test]
fn a_bad_option_costs_that_option_alone() {
    for code in [6, 15, 26, 28, 33, 42, 58, 59, 119, 121, 249] {
        let lease = lease(ack().with(code, vec![0xfe; 3]));
        assert_eq!(lease.routers, [SERVER], "option {code}");
        assert_eq!(lease.options.get(code), Some(&[0xfe; 3][..]));
    }
}

#[test]
fn strings_that_are_no_names_are_dropped() {
    for bad in [
        &b"a\nb"[..],
        b"a b",
        b"\xff\xfe",
        b"a\0b",
        b"",
        &[b'a'; 255],
    ] {
        assert_eq!(lease(ack().with(15, bad)).domain, None, "{bad:?}");
    }
    assert_eq!(
        lease(ack().with(15, *b"example.org\0")).domain.as_deref(),
        Some("example.org")
    );
}

#[test]
fn a_repeated_option_counts_once_and_a_contradiction_not_at_all() {
    let mut twice = ack();
    twice.options.extend([
        (54, SERVER.octets().to_vec()),
        (1, MASK.to_vec()),
        (53, vec![5]),
    ]);
    assert_eq!(lease(twice).address, ADDRESS);
    let mut t = Timeline::start(config(), &["DISCOVER"]);
    let mut both = offer();
    both.options.push((54, OTHER_SERVER.octets().to_vec()));
    t.gets(both, &[]);
    assert_eq!(t.client.ignored()[&Ignored::NoServerIdentifier], 1);
}

#[test]
fn a_reply_of_a_whole_frame_is_read() {
    let mut reply = ack();
    for _ in 0..4 {
        reply.options.push((43, vec![1; 255]));
    }
    assert_eq!(lease(reply).options.get(43).unwrap().len(), 4 * 255);
}

#[test]
fn a_lease_survives_its_record() {
    let lease = lease(
        ack()
            .with(121, [0, 192, 0, 2, 9])
            .with(33, [10, 0, 0, 1, 192, 0, 2, 9]),
    );
    let text = serde_json::to_string(&lease).unwrap();
    assert_eq!(serde_json::from_str::<Lease>(&text).unwrap(), lease);

    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["of_a_later_version"] = 1.into();
    assert_eq!(
        serde_json::from_value::<Lease>(record.clone()).unwrap(),
        lease
    );

    let needed = ["address", "prefix_len", "server_id", "acquired_at"];
    record
        .as_object_mut()
        .unwrap()
        .retain(|key, _| needed.contains(&key.as_str()));
    let bare = serde_json::from_value::<Lease>(record).unwrap();
    assert_eq!((bare.address, bare.times), (ADDRESS, None));
}
