//! ADD, and the files it leaves.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use serde_json::json;

use crate::invocation::Network;

#[test]
fn add_reserves_an_address_of_each_set_in_the_files_of_the_reference() {
    let network = Network::new(json!({
        "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "2001:DB8::/64"}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "2001:db8:1::/48", "gw": "2001:db8::9"}],
    }));
    let outcome = network.add("c1");
    assert_eq!(
        outcome.output,
        json!({
            "cniVersion": "1.1.0",
            "ips": [
                {"address": "10.1.2.2/24", "gateway": "10.1.2.1"},
                {"address": "2001:db8::2/64", "gateway": "2001:db8::1"},
            ],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "2001:db8:1::/48", "gw": "2001:db8::9"}],
        })
    );
    let file = |name: &str, contents: &str| (name.to_owned(), contents.to_owned());
    assert_eq!(
        network.files(),
        [
            file("10.1.2.2", "c1\r\neth0"),
            file("2001:db8::2", "c1\r\neth0"),
            file("last_reserved_ip.0", "10.1.2.2"),
            file("last_reserved_ip.1", "2001:db8::2"),
        ]
    );
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(network.dir()), 0o755);
    assert_eq!(mode(network.dir().join("lock")), 0o750);
    assert_eq!(mode(network.dir().join("10.1.2.2")), 0o600);
}

#[test]
fn an_empty_gateway_is_the_first_address_and_the_second_is_given() {
    let network = Network::new(json!({
        "subnet": "10.10.20.0/24", "rangeStart": "10.10.20.1", "rangeEnd": "10.10.20.254",
        "routes": [{"dst": "0.0.0.0/0"}], "gateway": "",
    }));
    let outcome = network.add("c1");
    assert_eq!(outcome.addresses(), ["10.10.20.2/24"]);
    assert_eq!(outcome.output["ips"][0]["gateway"], "10.10.20.1");
}

#[test]
fn a_second_add_changes_nothing_and_says_the_same() {
    let network = Network::of_subnet("10.1.2.0/24");
    let first = network.add("c1");
    network.add("c2");
    let files = network.files();
    assert_eq!(network.add("c1"), first);
    assert_eq!(network.run("ADD", "c1", "IP=10.1.2.2"), first);
    assert_eq!(network.run("ADD", "c1", "IP=10.1.2.9").error().0, 7);
    assert_eq!(network.files(), files);
}

#[test]
fn addresses_go_round_before_one_comes_again() {
    let network = Network::of_subnet("10.1.2.0/29");
    for expected in [
        "10.1.2.2/29",
        "10.1.2.3/29",
        "10.1.2.4/29",
        "10.1.2.5/29",
        "10.1.2.6/29",
    ] {
        assert_eq!(network.add("c1").addresses(), [expected]);
        assert!(network.del("c1").ok);
    }
    assert_eq!(network.add("c1").addresses(), ["10.1.2.2/29"]);
}

#[test]
fn the_next_round_starts_after_a_requested_address() {
    let network = Network::of_subnet("10.1.2.0/24");
    assert_eq!(
        network.run("ADD", "c1", "IP=10.1.2.77").addresses(),
        ["10.1.2.77/24"]
    );
    assert_eq!(network.add("c2").addresses(), ["10.1.2.78/24"]);
    let (code, msg) = (
        101,
        "requested address 10.1.2.77 (CNI_ARGS IP) is reserved for \"eth0\" of container \"c1\"",
    );
    assert_eq!(
        network.run("ADD", "c3", "IP=10.1.2.77").error(),
        (code, msg)
    );
}

#[test]
fn a_set_without_a_free_address_fails_the_whole_add_and_leaves_no_trace() {
    let network = Network::new(json!({
        "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00::/126"}]],
    }));
    network.add("c1");
    network.add("c2");
    let files = network.files();
    let outcome = network.add("c3");
    assert_eq!(
        outcome.error(),
        (
            101,
            "no free address in fd00::1-fd00::3 of network \"n\": all 2 are reserved"
        )
    );
    assert_eq!(network.files(), files);
}

#[test]
fn whatever_stands_under_the_name_of_an_address_reserves_it() {
    let network = Network::of_subnet("10.1.2.0/29");
    fs::create_dir_all(network.dir().join("10.1.2.2")).unwrap();
    symlink("/dev/null", network.dir().join("10.1.2.3")).unwrap();
    network.write("10.1.2.4", "not-ours");
    assert_eq!(network.add("c1").addresses(), ["10.1.2.5/29"]);
}

#[test]
fn what_crashed_writers_left_is_used_again() {
    let network = Network::of_subnet("10.1.2.0/29");
    network.write("10.1.2.2", "");
    network.write("10.1.2.4", "");
    network.write(".reservation.new", "longer-than-what-comes-next\r\neth0");
    network.write("last_reserved_ip.0", "");
    assert_eq!(network.add("c1").addresses(), ["10.1.2.2/29"]);
    assert_eq!(network.reserved(), ["10.1.2.2"]);
    assert_eq!(network.read("10.1.2.2"), "c1\r\neth0");
}

#[test]
fn the_last_reserved_address_is_exact_after_one_with_more_digits() {
    let network = Network::of_subnet("10.1.2.0/24");
    network.run("ADD", "c1", "IP=10.1.2.254");
    network.add("c2");
    assert_eq!(network.read("last_reserved_ip.0"), "10.1.2.2");
}

#[test]
fn dns_comes_from_the_resolv_conf() {
    let mut network = Network::of_subnet("10.1.2.0/24");
    network.write(
        "resolv.conf",
        "nameserver 10.1.2.53\nsearch a.example b.example\n",
    );
    network.config["ipam"]["resolvConf"] = json!(network.dir().join("resolv.conf"));
    assert_eq!(
        network.add("c1").output["dns"],
        json!({"nameservers": ["10.1.2.53"], "search": ["a.example", "b.example"]})
    );
    network.config["ipam"]["resolvConf"] = json!("/nowhere/resolv.conf");
    let outcome = network.add("c2");
    let (code, msg) = outcome.error();
    assert_eq!(code, 5);
    assert!(
        msg.starts_with("ipam.resolvConf: cannot read \"/nowhere/resolv.conf\": "),
        "{msg}"
    );
    assert_eq!(network.reserved(), ["10.1.2.2", "resolv.conf"]);
}

#[test]
fn a_message_fits_a_line_however_many_ranges_there_are() {
    let sets: Vec<_> = (0..200)
        .map(|n| json!([{"subnet": format!("2001:db8:aaaa:bbbb:cccc:{n:x}::/96")}]))
        .collect();
    let network = Network::new(json!({"ranges": sets}));
    let outcome = network.run("ADD", "c1", "IP=2001:db8::1");
    let (code, msg) = outcome.error();
    assert_eq!(code, 7);
    assert!(msg.len() < 300 && msg.ends_with(", and 197 more"), "{msg}");
    let outcome = network.run("ADD", "c1", "A=;B=;C=;D=;E=");
    assert_eq!(
        outcome.error(),
        (4, r#"CNI_ARGS: unknown keys: "A", "B", "C", and 2 more"#)
    );
}

#[test]
fn relative_paths_start_where_the_runtime_runs() {
    let mut network = Network::of_subnet("10.1.2.0/24");
    let here = std::env::current_dir().unwrap();
    let root: PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = root.join(network.data_dir.strip_prefix("/").unwrap());
    network.config["ipam"]["dataDir"] = json!(relative);
    network.config["ipam"]["resolvConf"] = json!(relative.join("n/resolv.conf"));
    network.write("resolv.conf", "nameserver 10.1.2.53\n");
    let outcome = network.add("c1");
    assert_eq!(outcome.output["dns"]["nameservers"], json!(["10.1.2.53"]));
    assert_eq!(network.reserved(), ["10.1.2.2", "resolv.conf"]);
    assert!(network.del("c1").ok);
    assert_eq!(network.reserved(), ["resolv.conf"]);
    network.config["ipam"]["dataDir"] = json!("not-made-yet");
    assert!(network.run("STATUS", "", "").ok);
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let mut network = Network::of_subnet("10.1.2.0/24");
    network.config["ipam"]["dataDir"] = json!("/dev/null/networks");
    let outcome = network.add("c1");
    let (code, msg) = outcome.error();
    assert_eq!(code, 5);
    assert!(msg.contains("/dev/null/networks/n"), "{msg}");
}
