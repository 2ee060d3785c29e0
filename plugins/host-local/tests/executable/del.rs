//! DEL.

use std::fs;

use serde_json::json;

use crate::invocation::Network;

#[test]
fn del_releases_every_address_of_the_attachment_and_no_other() {
    let network = Network::of_subnet("10.1.2.0/24");
    network.add("c1");
    network.add("c2");
    network.write("10.9.9.9", "c1\r\neth0");
    network.write("10.1.2.50", "c1\r\nnet1");
    network.write("10.1.2.51", "c1");
    assert!(network.del("c1").ok);
    assert_eq!(network.reserved(), ["10.1.2.3", "10.1.2.50", "10.1.2.51"]);
}

#[test]
fn reservations_without_an_ifname_go_only_if_there_are_no_others() {
    let network = Network::of_subnet("10.1.2.0/24");
    network.write("10.1.2.51", "c1\n");
    network.write("10.1.2.52", "c10");
    assert!(network.del("c1").ok);
    assert_eq!(network.reserved(), ["10.1.2.52"]);
}

#[test]
fn del_of_what_is_gone_succeeds() {
    let network = Network::of_subnet("10.1.2.0/24");
    assert!(network.del("c1").ok);
    assert!(
        !network.data_dir.exists(),
        "DEL made {}",
        network.data_dir.display()
    );
    network.add("c1");
    assert!(network.del("c1").ok);
    assert!(network.del("c1").ok);
}

#[test]
fn del_needs_neither_ranges_nor_arguments_that_make_sense() {
    let mut network = Network::of_subnet("10.1.2.0/24");
    network.add("c1");
    network.config["ipam"]["ranges"] = json!([[{"subnet": "nonsense"}]]);
    assert!(network.run("DEL", "c1", "FOO=1;IP=nonsense").ok);
    assert_eq!(network.reserved(), [""; 0]);
}

#[test]
fn the_round_goes_on_where_it_was_after_del() {
    let network = Network::of_subnet("10.1.2.0/24");
    network.add("c1");
    network.del("c1");
    let last = fs::read_to_string(network.dir().join("last_reserved_ip.0")).unwrap();
    assert_eq!(last, "10.1.2.2");
}

#[test]
fn an_address_that_cannot_be_released_does_not_keep_the_others() {
    let network = Network::of_subnet("10.1.2.0/24");
    network.add("c1");
    network.write("10.1.2.9", "c1\r\neth0");
    // No file can be removed while it is a mount point.
    crate::full_disk::in_private_mounts(|| {
        let stuck = network.dir().join("10.1.2.2");
        crate::full_disk::bind(&stuck, &stuck);
        let outcome = network.del("c1");
        let (code, msg) = outcome.error();
        assert_eq!(code, 5);
        assert!(
            msg.contains("10.1.2.2") && msg.contains("EBUSY") || msg.contains("busy"),
            "{msg}"
        );
        assert_eq!(network.reserved(), ["10.1.2.2"]);
    });
}
