//! The host-local IPAM: which address is next, and the files that say so, which the Go plugin reads too.

use serde_json::{Value, json};
use testbed::{Attachment, Bed, differs, suite};

use crate::networks::{ipam_alone, with};
use crate::traces::reservations;

fn attachment(bed: &Bed, name: &str, ipam: Value) -> Attachment {
    let mut config = ipam_alone(with(ipam, json!({"type": "host-local"})));
    config["type"] = json!("host-local");
    Attachment::new(&bed.node.pod(name), config)
}

fn first_address(result: &Value) -> &str {
    result["ips"][0]["address"].as_str().unwrap()
}

fn small() -> Value {
    json!({"type": "host-local", "subnet": "10.1.2.0/24", "rangeStart": "10.1.2.10", "rangeEnd": "10.1.2.12"})
}

#[test]
fn the_files_are_those_of_the_reference() {
    let bed = Bed::new();
    let mut attachment = attachment(&bed, "pod", small()).ifname("eth7");
    let result = attachment.add();
    assert_eq!(
        result["ips"],
        json!([{"address": "10.1.2.10/24", "gateway": "10.1.2.1"}])
    );
    let directory = "/var/lib/cni/networks/lan";
    assert_eq!(
        bed.node.list(directory),
        ["10.1.2.10", "last_reserved_ip.0", "lock"]
    );
    let reservation = format!("{}\r\neth7", attachment.id());
    assert_eq!(
        bed.node.read(format!("{directory}/10.1.2.10")),
        Some(reservation)
    );
    assert_eq!(
        bed.node
            .read(format!("{directory}/last_reserved_ip.0"))
            .as_deref(),
        Some("10.1.2.10")
    );
    attachment.check();
    attachment.del();
    assert_eq!(bed.node.list(directory), ["last_reserved_ip.0", "lock"]);
}

#[test]
fn addresses_go_round_so_that_one_is_not_used_again_at_once() {
    let bed = Bed::new();
    let mut given = Vec::new();
    for turn in 0..4 {
        let mut attachment = attachment(&bed, &format!("pod{turn}"), small());
        given.push(first_address(&attachment.add()).to_owned());
        attachment.del();
    }
    assert_eq!(
        given,
        [
            "10.1.2.10/24",
            "10.1.2.11/24",
            "10.1.2.12/24",
            "10.1.2.10/24"
        ]
    );
}

#[test]
fn the_gateway_is_never_given() {
    let bed = Bed::new();
    let ipam = json!({"type": "host-local", "subnet": "10.1.2.0/29"});
    let given: Vec<_> = (0..5)
        .map(|turn| {
            first_address(&attachment(&bed, &format!("pod{turn}"), ipam.clone()).add()).to_owned()
        })
        .collect();
    assert_eq!(
        given,
        [2, 3, 4, 5, 6].map(|host| format!("10.1.2.{host}/29"))
    );
}

#[test]
fn each_range_set_gives_an_address() {
    let bed = Bed::new();
    let ranges = json!([
        [{"subnet": "10.1.2.0/24", "rangeStart": "10.1.2.9", "rangeEnd": "10.1.2.9"}, {"subnet": "10.1.3.0/24"}],
        [{"subnet": "fd00:1::/64", "gateway": "fd00:1::fe"}],
    ]);
    let ipam = json!({"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]});
    let result = attachment(&bed, "one", ipam.clone()).add();
    let expected = json!([
        {"address": "10.1.2.9/24", "gateway": "10.1.2.1"},
        {"address": "fd00:1::1/64", "gateway": "fd00:1::fe"},
    ]);
    assert_eq!(result["ips"], expected);
    assert_eq!(result["routes"], ipam["routes"]);
    let second = attachment(&bed, "two", ipam).add();
    assert_eq!(first_address(&second), "10.1.3.2/24");
    assert_eq!(reservations(&bed.node, "lan").len(), 4);
}

#[test]
fn an_address_can_be_asked_for_in_every_way() {
    let bed = Bed::new();
    let by_user = json!({"args": {"cni": {"ips": ["10.1.2.21"]}}});
    let by_runtime =
        json!({"capabilities": {"ips": true}, "runtimeConfig": {"ips": ["10.1.2.22/24"]}});
    let ipam = json!({"type": "host-local", "subnet": "10.1.2.0/24"});
    let args = attachment(&bed, "a", ipam.clone())
        .args("IgnoreUnknown=1;IP=10.1.2.20")
        .add();
    assert_eq!(first_address(&args), "10.1.2.20/24");
    for (name, keys, expected) in [
        ("b", by_user, "10.1.2.21/24"),
        ("c", by_runtime, "10.1.2.22/24"),
    ] {
        let config = with(ipam_alone(ipam.clone()), keys);
        let result = attachment(&bed, name, ipam.clone()).config(config).add();
        assert_eq!(first_address(&result), expected);
    }
    differs(
        "Go: the comma list that Multus sends in IP= does not parse",
        || {
            let ranges = json!({"type": "host-local", "ranges": [[{"subnet": "10.1.4.0/24"}], [{"subnet": "fd00:1::/64"}]]});
            let result = attachment(&bed, "d", ranges)
                .args("IgnoreUnknown=true;IP=10.1.4.30,fd00:1::30")
                .add();
            assert_eq!(first_address(&result), "10.1.4.30/24");
            assert_eq!(result["ips"][1]["address"], "fd00:1::30/64");
        },
    );
}

#[test]
fn ranges_of_the_runtime_come_first() {
    let bed = Bed::new();
    let keys = json!({"capabilities": {"ipRanges": true}, "runtimeConfig": {"ipRanges": [[{"subnet": "10.9.0.0/24"}]]}});
    let mut attachment = attachment(&bed, "pod", small()).config(with(ipam_alone(small()), keys));
    let result = attachment.add();
    assert_eq!(first_address(&result), "10.9.0.2/24");
    assert_eq!(result["ips"][1]["address"], "10.1.2.10/24");
}

#[test]
fn a_second_add_of_an_attachment_gives_the_address_it_has() {
    let bed = Bed::new();
    let mut attachment = attachment(&bed, "pod", small());
    let first = attachment.add();
    let again = attachment.try_add();
    differs(
        "Go: a second ADD of the same attachment is refused as a duplicate",
        || assert_eq!(again.ok(), first),
    );
    assert_eq!(reservations(&bed.node, "lan"), ["10.1.2.10"]);
}

#[test]
fn two_interfaces_of_a_container_have_an_address_each() {
    let bed = Bed::new();
    let mut one = attachment(&bed, "pod", small());
    one.add();
    let mut two = one.clone().ifname("net2");
    two.add();
    assert_eq!(reservations(&bed.node, "lan"), ["10.1.2.10", "10.1.2.11"]);
    one.del();
    assert_eq!(reservations(&bed.node, "lan"), ["10.1.2.11"]);
    two.check();
}

#[test]
fn an_exhausted_range_is_an_error_that_names_it() {
    let bed = Bed::new();
    for turn in 0..3 {
        attachment(&bed, &format!("pod{turn}"), small()).add();
    }
    let error = attachment(&bed, "late", small()).try_add().error();
    assert!(error.msg.contains("10.1.2.10-10.1.2.12"), "{error:?}");
    differs("Go: an exhausted range has code 999", || {
        assert_eq!(error.code, 101);
    });
    assert_eq!(reservations(&bed.node, "lan").len(), 3);
}

#[test]
fn a_requested_address_that_is_taken_or_foreign_is_an_error_that_names_it() {
    let bed = Bed::new();
    attachment(&bed, "one", small()).args("IP=10.1.2.11").add();
    for (name, address, code) in [
        ("two", "10.1.2.11", 101),
        ("three", "10.7.7.7", 7),
        ("four", "10.1.2.1", 7),
    ] {
        let error = attachment(&bed, name, small())
            .args(&format!("IP={address}"))
            .try_add()
            .error();
        assert!(error.msg.contains(address), "{error:?}");
        differs(
            "Go: a requested address that cannot be given has code 999",
            || assert_eq!(error.code, code, "{error:?}"),
        );
    }
    assert_eq!(reservations(&bed.node, "lan"), ["10.1.2.11"]);
}

#[test]
fn a_reservation_that_a_crash_left_empty_does_not_hold_an_address() {
    let bed = Bed::new();
    bed.node.write("/var/lib/cni/networks/lan/10.1.2.10", "");
    let result = attachment(&bed, "pod", small()).add();
    differs(
        "Go: an empty reservation file holds its address for ever",
        || {
            assert_eq!(first_address(&result), "10.1.2.10/24");
        },
    );
}

#[test]
fn resolv_conf_becomes_the_dns_of_the_result() {
    let bed = Bed::new();
    bed.node.write("/run/resolv.conf", "# comment\nnameserver 8.8.8.8\nnameserver 9.9.9.9\ndomain example.com\nsearch a.b c.d\noptions ndots:2\n");
    let result = attachment(
        &bed,
        "pod",
        with(small(), json!({"resolvConf": "/run/resolv.conf"})),
    )
    .add();
    let expected = json!({
        "nameservers": ["8.8.8.8", "9.9.9.9"], "domain": "example.com", "search": ["a.b", "c.d"], "options": ["ndots:2"],
    });
    assert_eq!(result["dns"], expected);
}

#[test]
fn another_data_directory_is_used_where_one_is_given() {
    let bed = Bed::new();
    attachment(
        &bed,
        "pod",
        with(small(), json!({"dataDir": "/run/elsewhere"})),
    )
    .add();
    assert_eq!(
        bed.node.list("/run/elsewhere/lan"),
        ["10.1.2.10", "last_reserved_ip.0", "lock"]
    );
}

#[test]
fn check_misses_a_reservation_that_is_gone() {
    let bed = Bed::new();
    let mut attachment = attachment(&bed, "pod", small());
    attachment.add();
    bed.node
        .enter(|| std::fs::remove_file("/var/lib/cni/networks/lan/10.1.2.10").unwrap());
    let error = attachment.try_check().error();
    differs("Go: a missing reservation has code 999", || {
        assert_eq!(error.code, 104);
    });
}

#[test]
fn both_implementations_serve_one_directory_at_the_same_time() {
    let reference = std::path::Path::new("/usr/lib/cni/host-local");
    if suite().is_reference() {
        return;
    }
    if !reference.is_file() {
        return testbed::not_run("the Go plugins are not installed (containernetworking-plugins)");
    }
    let bed = Bed::new();
    let ipam = json!({"type": "host-local", "subnet": "10.1.2.0/24"});
    let running: Vec<_> = (0..20)
        .map(|turn| {
            let call = attachment(&bed, &format!("pod{turn}"), ipam.clone()).invocation("ADD");
            if turn % 2 == 0 {
                call.directory(reference.parent().unwrap()).start()
            } else {
                call.start()
            }
        })
        .collect();
    let mut given: Vec<_> = running
        .into_iter()
        .map(|run| first_address(&run.finish().ok()).to_owned())
        .collect();
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 20);
    let mut owners: Vec<_> = reservations(&bed.node, "lan")
        .iter()
        .map(|address| {
            bed.node
                .read(format!("/var/lib/cni/networks/lan/{address}"))
                .unwrap()
        })
        .collect();
    owners.sort();
    owners.dedup();
    assert_eq!(owners.len(), 20);
}
