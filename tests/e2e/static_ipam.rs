//! The static IPAM: the addresses that are written or asked for, and no others.

use serde_json::{Value, json};
use testbed::{Attachment, Bed, Outcome, differs};

use crate::networks::{ipam_alone, static_address, with};

fn add(bed: &Bed, config: Value, args: &str) -> Outcome {
    let pod = bed
        .node
        .pod(&format!("pod{}", bed.node.list("/run/netns").len()));
    Attachment::new(&pod, config).args(args).try_add()
}

fn addresses(result: &Value) -> Vec<&str> {
    result["ips"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ip| ip["address"].as_str().unwrap())
        .collect()
}

#[test]
fn addresses_routes_and_dns_are_as_written() {
    let bed = Bed::new();
    let ipam = json!({
        "type": "static",
        "addresses": [
            {"address": "10.10.0.5/24", "gateway": "10.10.0.1"},
            {"address": "fd00:10::5/64", "gateway": "fd00:10::1"},
        ],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "192.168.0.0/16", "gw": "10.10.0.9"}, {"dst": "fd00:99::/64"}],
        "dns": {"nameservers": ["8.8.8.8"], "domain": "example.com", "search": ["example.com"]},
    });
    let result = add(&bed, ipam_alone(ipam.clone()), "").ok();
    assert_eq!(result["ips"], ipam["addresses"]);
    assert_eq!(result["routes"], ipam["routes"]);
    assert_eq!(result["dns"], ipam["dns"]);
}

#[test]
fn cni_args_add_addresses_and_their_gateways() {
    let bed = Bed::new();
    let args = "IP=10.20.0.7/24, 10.30.0.7/16;GATEWAY=10.20.0.1";
    let result = add(&bed, ipam_alone(static_address("10.10.0.5/24")), args).ok();
    assert_eq!(
        addresses(&result),
        ["10.10.0.5/24", "10.20.0.7/24", "10.30.0.7/16"].map(|address| address)
    );
    let with_gateway = result["ips"]
        .as_array()
        .unwrap()
        .iter()
        .find(|ip| ip["address"] == "10.20.0.7/24")
        .unwrap();
    assert_eq!(with_gateway["gateway"], "10.20.0.1");
}

#[test]
fn args_cni_replace_and_the_runtime_has_the_last_word() {
    let bed = Bed::new();
    let network = ipam_alone(static_address("10.10.0.5/24"));
    let user = with(network, json!({"args": {"cni": {"ips": ["10.20.0.6/24"]}}}));
    assert_eq!(
        addresses(&add(&bed, user.clone(), "").ok()),
        ["10.20.0.6/24"]
    );
    let runtime = with(
        user,
        json!({"capabilities": {"ips": true}, "runtimeConfig": {"ips": ["10.30.0.6/24", "fd00::6/64"]}}),
    );
    assert_eq!(
        addresses(&add(&bed, runtime, "").ok()),
        ["10.30.0.6/24", "fd00::6/64"]
    );
}

#[test]
fn an_address_without_prefix_length_is_an_error_that_quotes_it() {
    let bed = Bed::new();
    let error = add(&bed, ipam_alone(static_address("10.10.0.5")), "").error();
    assert!(error.msg.contains("10.10.0.5"), "{error:?}");
    differs("Go: a malformed address has code 999", || {
        assert!([6, 7].contains(&error.code), "{error:?}");
    });
}

#[test]
fn check_finds_an_address_that_the_result_lacks() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, ipam_alone(static_address("10.10.0.5/24")));
    attachment.add();
    attachment.check();
    let outcome = attachment
        .config(ipam_alone(static_address("10.10.0.6/24")))
        .try_check();
    differs(
        "Go: CHECK passes over an address that the result lacks",
        || {
            let error = outcome.error();
            assert_eq!(error.code, 104);
            assert!(error.msg.contains("10.10.0.6"), "{error:?}");
        },
    );
}

#[test]
fn del_needs_nothing() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let attachment = Attachment::new(&pod, ipam_alone(json!({"type": "static"})));
    attachment.invocation("DEL").env("CNI_NETNS", "").run().ok();
}
