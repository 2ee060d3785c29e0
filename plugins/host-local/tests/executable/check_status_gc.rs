//! CHECK, STATUS and GC.

use std::fs;

use serde_json::{Value, json};

use crate::invocation::Network;

#[test]
fn check_compares_the_reservation_with_the_result() {
    let network = Network::of_subnet("10.1.2.0/24");
    let mut result = network.add("c1").output;
    network.add("c2");
    let check = |result: &Value| network.run_with("CHECK", "c1", &[("prevResult", result.clone())]);
    assert!(check(&result).ok);

    result["ips"][0]["address"] = json!("192.0.2.9/24");
    assert!(check(&result).ok, "an address of another plugin");
    result["ips"][0]["address"] = json!("10.1.2.3/24");
    let theirs = "10.1.2.3 of the result is reserved for \"eth0\" of container \"c2\"";
    assert_eq!(check(&result).error(), (104, theirs));
    result["ips"][0]["address"] = json!("10.1.2.9/24");
    assert_eq!(
        check(&result).error(),
        (104, "10.1.2.9 of the result is not reserved")
    );
}

#[test]
fn check_without_a_reservation_fails_and_makes_nothing() {
    let network = Network::of_subnet("10.1.2.0/24");
    let result = json!({"cniVersion": "1.1.0", "ips": [{"address": "10.1.2.2/24"}]});
    let outcome = network.run_with("CHECK", "c1", &[("prevResult", result.clone())]);
    let (code, msg) = outcome.error();
    assert_eq!(code, 104);
    assert!(
        msg.starts_with("nothing is reserved for \"eth0\" of container \"c1\" in "),
        "{msg}"
    );
    assert!(!network.data_dir.exists());

    network.write("10.1.2.2", "c1");
    assert!(
        network
            .run_with("CHECK", "c1", &[("prevResult", result)])
            .ok,
        "no ifname recorded"
    );
}

#[test]
fn status_looks_for_a_free_address_in_every_set() {
    let network = Network::new(json!({
        "ranges": [[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00::/126"}]],
    }));
    assert!(network.run("STATUS", "", "").ok);
    assert!(
        !network.data_dir.exists(),
        "STATUS made {}",
        network.data_dir.display()
    );
    network.add("c1");
    assert!(network.run("STATUS", "", "").ok);
    network.add("c2");
    let outcome = network.run("STATUS", "", "");
    let full = "no free address in fd00::1-fd00::3 of network \"n\": all 2 are reserved";
    assert_eq!(outcome.error(), (50, full));
    assert!(
        outcome.output["details"]
            .as_str()
            .unwrap()
            .contains("ipam.ranges[1]")
    );
    network.del("c1");
    assert!(network.run("STATUS", "", "").ok);
}

#[test]
fn status_looks_at_the_configuration_and_the_directory() {
    let mut network = Network::of_subnet("10.1.2.9/24");
    assert_eq!(network.run("STATUS", "", "").error().0, 7);
    network.config["ipam"]["ranges"] = json!([[{"subnet": "10.1.2.0/24"}]]);
    network.config["ipam"]["dataDir"] = json!("/dev/null/networks");
    assert_eq!(network.run("STATUS", "", "").error().0, 50);
}

#[test]
fn gc_releases_what_no_valid_attachment_has() {
    let network = Network::of_subnet("10.1.2.0/24");
    network.add("keep");
    network.add("stale");
    network.write("10.1.2.50", "keep\r\nnet1");
    network.write("10.1.2.51", "keep");
    network.write("10.1.2.52", "gone");
    network.write("10.1.2.53", "");
    network.write("10.1.2.54", "\0\0\0\0");
    network.write("notes.txt", "stale\r\neth0");
    let valid = json!([{"containerID": "keep", "ifname": "eth0"}]);
    assert!(
        network
            .run_with("GC", "", &[("cni.dev/valid-attachments", valid)])
            .ok
    );
    assert_eq!(network.reserved(), ["10.1.2.2", "10.1.2.51", "notes.txt"]);
    let last = fs::read_to_string(network.dir().join("last_reserved_ip.0")).unwrap();
    assert_eq!(last, "10.1.2.3");
    assert!(network.dir().join("lock").exists());
}

#[test]
fn gc_with_null_for_a_list_releases_everything() {
    let network = Network::of_subnet("10.1.2.0/24");
    let nothing = [
        ("cni.dev/valid-attachments", Value::Null),
        ("cni.dev/attachments", Value::Null),
    ];
    assert!(network.run_with("GC", "", &nothing).ok);
    assert!(
        !network.data_dir.exists(),
        "GC made {}",
        network.data_dir.display()
    );
    network.add("c1");
    assert!(network.run_with("GC", "", &nothing).ok);
    assert_eq!(network.reserved(), [""; 0]);
}
