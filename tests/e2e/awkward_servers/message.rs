//! Fields and options of a message (RFC 2131 §2, §4.1; RFC 2132; RFC 3396).

use std::time::Duration;

use serde_json::json;
use testbed::server::{Message, Reply};

use super::cases;
use super::outcome::{error, ordinary_pod, pod};
use super::server::{
    LEASED, Script, addresses, bytes, classless, deliver, ordinary, replace, script, server,
    without,
};

cases! {
    no_mask: server(|reply| without(reply, 1)) => ordinary_pod()
            .differs("Go: an ACK without a mask fails the ADD");
    no_mask_in_a_large_network: server(|reply| without(reply, 1).yiaddr([10, 1, 2, 3].into())) => pod("10.1.2.3/8")
            .differs("Go: an ACK without a mask fails the ADD");
    a_mask_with_holes: server(|reply| replace(reply, 1, [255, 0, 255, 0])) => error(&["malformed subnet mask"]);
    a_mask_of_nothing: server(|reply| replace(reply, 1, [0; 4])) => error(&["malformed subnet mask"]);
    no_server_identifier: server(|reply| without(reply, 54)) => error(&["no valid server identifier"]);
    a_server_identifier_that_is_no_host: server(|reply| replace(reply, 54, [0; 4]))
        => error(&["no valid server identifier"]);
    no_lease_time: server(|reply| without(reply, 51)) => ordinary_pod()
            .differs("Go: an ACK without a lease time fails the ADD");
    a_lease_of_no_time: server(|reply| replace(reply, 51, [0; 4])) => error(&["malformed or zero lease time"]);
    a_lease_without_end: server(|reply| replace(reply, 51, [255; 4])) => ordinary_pod();
    t1_and_t2_after_the_end: server(|reply| reply.with_seconds(58, 4000).with_seconds(59, 3900)) => ordinary_pod();
    t1_and_t2_of_zero: server(|reply| reply.with_seconds(58, 0).with_seconds(59, 0)) => ordinary_pod();
    another_next_server: server(|mut reply| {
        reply.siaddr = [10, 66, 0, 1].into();
        reply
    })
        => ordinary_pod();
    no_address: server(|reply| reply.yiaddr([0; 4].into())) => error(&["unusable address"]);
    the_subnets_broadcast_address: server(|reply| reply.yiaddr([192, 168, 50, 255].into()))
        => error(&["unusable address"]);
    a_loopback_address: server(|reply| reply.yiaddr([127, 0, 0, 1].into())) => error(&["unusable address"]);
    no_message_type: server(|reply| without(reply, 53)) => error(&["no valid message type"]);
    a_message_type_of_two_bytes: bytes(|mut reply| {
        reply.options[0] = (53, vec![0, 2]);
        reply.bytes()
    })
        => error(&["no valid message type"]);
    an_mtu_too_small_for_ipv4: server(|reply| reply.with(26, [0, 68])) => ordinary_pod();
    an_absurd_broadcast_address: server(|reply| reply.with(28, [1, 2, 3, 4])) => ordinary_pod();
    options_given_twice: server(|reply| {
        let server = reply.address(54).expect("a server identifier");
        reply.with_addresses(54, &[server]).with(1, [255, 255, 255, 0]).with_seconds(51, 3600)
    })
        => ordinary_pod();
    options_nobody_knows: server(|reply| reply.with(150, [1]).with(224, vec![7; 255]).with(254, []))
        => ordinary_pod();

    options_in_the_file_field: server(|mut reply| {
        field(&mut reply.file, &[3, 4, 192, 168, 50, 1]);
        reply.with(52, [1])
    })
        => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: options in other fields are not read");
    options_in_the_sname_field: server(|mut reply| {
        field(&mut reply.sname, &[3, 4, 192, 168, 50, 1]);
        reply.with(52, [2])
    })
        => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: options in other fields are not read");
    options_in_both_fields: server(|mut reply| {
        field(&mut reply.file, &[3, 4, 192, 168, 50, 1]);
        field(&mut reply.sname, &[6, 4, 9, 9, 9, 9]);
        reply.with(52, [3])
    })
        => ordinary_pod().gateway("192.168.50.1").dns(json!({"nameservers": ["9.9.9.9"]}))
            .differs("Go: options in other fields are not read");
    names_in_the_fields_without_overload: server(|mut reply| {
        field(&mut reply.file, b"\x03\x04boot");
        field(&mut reply.sname, b"\x06\x04name");
        reply
    })
        => ordinary_pod();
    an_option_split_in_place: bytes(|reply| {
        let value = classless(&[("0.0.0.0/0", "192.168.50.1"), ("10.0.0.0/8", "192.168.50.2")]);
        reply.with(121, &value[..3]).with(121, &value[3..]).bytes()
    })
        => ordinary_pod().gateway("192.168.50.1").route("10.0.0.0/8 via 192.168.50.2")
            .differs("Go: classless routes give no gateway");
    an_option_split_apart: server(|reply| {
        let value = classless(&[("0.0.0.0/0", "192.168.50.1"), ("10.0.0.0/8", "192.168.50.2")]);
        reply.with(121, &value[..3]).with(6, [9, 9, 9, 9]).with(121, &value[3..])
    })
        => ordinary_pod().gateway("192.168.50.1").route("10.0.0.0/8 via 192.168.50.2")
            .dns(json!({"nameservers": ["9.9.9.9"]}))
            .differs("Go: classless routes give no gateway");
    an_option_split_over_the_fields: server(|mut reply| {
        let value = classless(&[("0.0.0.0/0", "192.168.50.1"), ("10.0.0.0/8", "192.168.50.2")]);
        let mut rest = vec![121, u8::try_from(value.len() - 3).expect("a short value")];
        rest.extend(&value[3..]);
        field(&mut reply.sname, &rest);
        reply.with(121, &value[..3]).with(52, [2])
    })
        => ordinary_pod().gateway("192.168.50.1").route("10.0.0.0/8 via 192.168.50.2")
            .differs("Go: classless routes give no gateway");
    a_message_as_long_as_ethernet: server(|reply| {
        let mut long = reply;
        while long.bytes().len() + 257 + 6 < ETHERNET {
            long = long.with(224, vec![7; 255]);
        }
        long.with(3, [192, 168, 50, 1])
    })
        => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: a long answer loses its router");
    a_message_filled_up_to_ethernet: padded(ETHERNET) => ordinary_pod().gateway("192.168.50.1");
    a_message_filled_up_to_the_old_least: padded(548) => ordinary_pod().gateway("192.168.50.1");
    a_message_that_is_not_filled_up: bytes(|reply| {
        let mut bytes = reply.with(3, [192, 168, 50, 1]).bytes();
        let end = bytes.iter().rposition(|byte| *byte == END).expect("an end");
        bytes.truncate(end + 1);
        bytes
    })
        => ordinary_pod().gateway("192.168.50.1");
    no_end: bytes(|reply| {
        let mut bytes = reply.with(3, [192, 168, 50, 1]).bytes();
        let end = bytes.iter().rposition(|byte| *byte == END).expect("an end");
        bytes.truncate(end);
        bytes
    })
        => ordinary_pod().gateway("192.168.50.1");
    garbage_after_the_end: bytes(|reply| {
        let mut bytes = reply.with(3, [192, 168, 50, 1]).bytes();
        bytes.extend([3, 4, 10, 0, 0, 1, 53, 1, 6, 0xde, 0xad]);
        bytes
    })
        => ordinary_pod().gateway("192.168.50.1");
    padding_between_options: bytes(|reply| {
        let mut bytes = reply.with(3, [192, 168, 50, 1]).bytes();
        for _ in 0..5 {
            bytes.insert(FIRST_OPTION, 0);
        }
        bytes
    })
        => ordinary_pod().gateway("192.168.50.1");
    an_option_that_runs_out_of_the_message: bytes(|reply| {
        let mut bytes = reply.with(3, [192, 168, 50, 1]).bytes();
        let end = bytes.iter().rposition(|byte| *byte == END).expect("an end");
        bytes.truncate(end);
        bytes.extend([6, 200, 9, 9]);
        bytes
    })
        => ordinary_pod().gateway("192.168.50.1");

    a_wrong_xid: server(|mut reply| {
        reply.xid ^= 1;
        reply
    })
        => error(&["wrong xid"]);
    a_wrong_chaddr: bytes(|mut reply| {
        reply.chaddr[5] ^= 1;
        reply.bytes()
    })
        => error(&["no DHCP server answered"]);
    a_wrong_cookie: bytes(|reply| {
        let mut bytes = reply.bytes();
        bytes[COOKIE] ^= 1;
        bytes
    })
        => error(&["wrong magic cookie"]);
    a_request_for_a_reply: server(|mut reply| {
        reply.op = 1;
        reply
    })
        => error(&["no DHCP server answered"]);
    another_kind_of_hardware: server(|mut reply| {
        reply.htype = 6;
        reply
    })
        => error(&["wrong hardware"]);
    another_clients_identifier: server(|reply| reply.with(61, [0, b'x'])) => error(&["wrong client identifier"]);
    the_clients_identifier: script(|request| {
        let echo = request.option(61).map(<[u8]>::to_vec);
        ordinary(request).map(|reply| deliver(request, &reply.with(61, echo.unwrap_or_default()))).into_iter().collect()
    })
        => ordinary_pod();
    nothing_before_the_answer: before_the_right_one(|_| Vec::new()) => ordinary_pod();
    garbage_before_the_answer: before_the_right_one(|_| vec![0xff; 400]) => ordinary_pod();
    half_a_message_before_the_answer: before_the_right_one(|reply| reply.bytes()[..120].to_vec()) => ordinary_pod();
    a_wrong_xid_before_the_answer: before_the_right_one(|mut reply| {
        reply.xid ^= 1;
        reply.bytes()
    })
        => ordinary_pod();
    a_wrong_chaddr_before_the_answer: before_the_right_one(|mut reply| {
        reply.chaddr[0] ^= 4;
        reply.bytes()
    })
        => ordinary_pod()
            .differs("Go: an answer to another client is taken");
    a_request_before_the_answer: before_the_right_one(|mut reply| {
        reply.op = 1;
        reply.bytes()
    })
        => ordinary_pod()
            .differs("Go: a message of a client is taken for an answer");
    an_empty_message_type_before_the_answer: before_the_right_one(|mut reply| {
        reply.options[0] = (53, vec![]);
        reply.bytes()
    })
        => ordinary_pod();
    a_release_before_the_answer: before_the_right_one(|mut reply| {
        reply.options[0] = (53, vec![7]);
        reply.bytes()
    })
        => ordinary_pod();
    an_answer_of_nobody_before_the_answer: before_the_right_one(|reply| without(reply, 54).bytes())
        => ordinary_pod()
            .differs("Go: an answer without a server identifier is taken");
    an_answer_without_an_address_before_the_answer: before_the_right_one(|reply| reply.yiaddr([0; 4].into()).bytes())
        => ordinary_pod()
            .differs("Go: an answer without an address is taken");

    names_that_are_names: server(|reply| {
        reply.with(15, *b"example.net").with(119, *b"\x03lab\x07example\x03net\0\x04pods\xc0\x04")
    })
        => ordinary_pod().dns(json!({
            "domain": "example.net", "search": ["lab.example.net", "pods.example.net"],
        }));
    a_domain_with_a_zero_at_its_end: server(|reply| reply.with(15, *b"example.net\0"))
        => ordinary_pod().dns(json!({"domain": "example.net"}));
    a_domain_with_a_zero_in_it: server(|reply| reply.with(15, *b"example\0net")) => ordinary_pod();
    a_domain_of_two_lines: server(|reply| reply.with(15, *b"lan\nnameserver 6.6.6.6")) => ordinary_pod();
    a_domain_with_spaces: server(|reply| reply.with(15, *b"the lan")) => ordinary_pod();
    a_domain_that_is_not_utf8: server(|reply| reply.with(15, [b'l', 0xff, 0xfe])) => ordinary_pod();
    a_domain_of_255_bytes: server(|reply| reply.with(15, vec![b'a'; 255])) => ordinary_pod();
    no_domain: server(|reply| reply.with(15, [])) => ordinary_pod();
    search_names_that_are_no_names: server(|reply| reply.with(119, *b"\x03a b\0\x02-x\0\x03lan\0"))
        => ordinary_pod().dns(json!({"search": ["lan"]}));
    a_search_list_that_points_at_itself: server(|reply| reply.with(119, *b"\x03lan\xc0\x00")) => ordinary_pod();
    strings_that_print_badly: server(|reply| {
        let text = b"\x1b[2J\0\r\n\xff".to_vec();
        reply.with(12, text.clone()).with(14, text.clone()).with(17, text.clone()).with(56, text.clone())
            .with(66, text.clone()).with(67, text)
    })
        => ordinary_pod();
    name_servers_that_are_no_hosts: server(|reply| {
        reply.with(6, addresses(&["0.0.0.0", "255.255.255.255", "9.9.9.9", "224.0.0.1"]))
    })
        => ordinary_pod().dns(json!({"nameservers": ["9.9.9.9"]}));
    name_servers_cut_short: server(|reply| reply.with(6, [9, 9, 9])) => ordinary_pod();
}

/// Writes options into one of the fields, with an end.
fn field(field: &mut [u8], options: &[u8]) {
    field[..options.len()].copy_from_slice(options);
    field[options.len()] = END;
}

/// Sends an answer that is no good, and the right one a little later.
fn before_the_right_one(change: fn(Message) -> Vec<u8>) -> Script {
    script(move |request| {
        let Some(right) = ordinary(request) else {
            return Vec::new();
        };
        let wrong = change(right.clone().yiaddr([192, 168, 50, 99].into()));
        let later = Duration::from_millis(50);
        vec![Reply::raw(wrong), deliver(request, &right).after(later)]
    })
}

fn padded(length: usize) -> Script {
    bytes(move |reply| {
        assert_eq!(reply.yiaddr, LEASED);
        let mut bytes = reply.with(3, [192, 168, 50, 1]).bytes();
        bytes.resize(length, 0);
        bytes
    })
}

const END: u8 = 255;
const COOKIE: usize = 236;
const FIRST_OPTION: usize = 240;

/// 1500 bytes without the headers of IPv4 and UDP.
const ETHERNET: usize = 1472;
