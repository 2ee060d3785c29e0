//! Which addresses come out of a configuration and the caller's arguments.

use cni::{Code, Verb};
use serde_json::{Value, json};

use super::*;

#[test]
fn configured_addresses_come_first_then_those_of_cni_args() {
    let ipam = json!({"addresses": [
        {"address": "10.1.2.3/24", "gateway": "10.1.2.1"},
        {"address": "fd00::3/64", "gateway": ""},
    ]});
    let got = addresses(
        &json!({"ipam": ipam}),
        "IP=10.1.3.5/24, fd01::5/64;IgnoreUnknown=1;X=y",
    );
    assert_eq!(
        got.unwrap(),
        [
            "10.1.2.3/24 via 10.1.2.1",
            "fd00::3/64",
            "10.1.3.5/24",
            "fd01::5/64"
        ]
    );
}

#[test]
fn a_gateway_of_cni_args_goes_to_the_addresses_whose_subnet_it_is_in() {
    let ipam = json!({"addresses": [
        {"address": "10.1.2.3/24", "gateway": "10.1.2.1"},
        {"address": "10.1.3.3/24"},
    ]});
    let args = "IP=10.1.2.4/24,fd00::4/64;GATEWAY=10.1.2.254,10.1.3.254,fd00::1,192.0.2.1";
    assert_eq!(
        addresses(&json!({"ipam": ipam}), args).unwrap(),
        [
            "10.1.2.3/24 via 10.1.2.1",
            "10.1.3.3/24 via 10.1.3.254",
            "10.1.2.4/24 via 10.1.2.254",
            "fd00::4/64 via fd00::1",
        ]
    );
}

#[test]
fn the_callers_lists_replace_all_before_them() {
    let mut config = json!({
        "ipam": {"addresses": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}]},
        "args": {"cni": {"ips": ["10.1.2.7/24"]}},
    });
    let args = "IP=10.1.2.4/24;GATEWAY=10.1.2.1";
    assert_eq!(addresses(&config, args).unwrap(), ["10.1.2.7/24"]);
    config["runtimeConfig"] = json!({"ips": ["10.1.2.8/24", "", "fd00::8/64"]});
    assert_eq!(
        addresses(&config, args).unwrap(),
        ["10.1.2.8/24", "fd00::8/64"]
    );
    config["runtimeConfig"] = json!({"ips": []});
    config["args"] = json!({"cni": {"ips": null}});
    assert_eq!(
        addresses(&config, "").unwrap(),
        ["10.1.2.3/24 via 10.1.2.1"],
        "an empty list replaces nothing"
    );
}

#[test]
fn an_address_named_twice_is_one_address() {
    let ipam = json!({"addresses": [{"address": "10.1.2.3/24"}]});
    let args = "IP=10.1.2.3/24,10.1.2.3/25;GATEWAY=10.1.2.1";
    assert_eq!(
        addresses(&json!({"ipam": ipam}), args).unwrap(),
        ["10.1.2.3/24 via 10.1.2.1", "10.1.2.3/25 via 10.1.2.1"]
    );
}

#[test]
fn faults_name_the_path_of_the_field() {
    let cases = [
        (json!({}), "", "ipam: missing"),
        (
            json!({"ipam": {"addresses": [{}]}}),
            "",
            "ipam.addresses[0].address: missing",
        ),
        (
            json!({"ipam": {"addresses": [{"address": "10.1.2.3"}]}}),
            "",
            "ipam.addresses[0].address: \"10.1.2.3\" is not an IP address with a prefix length",
        ),
        (
            json!({"ipam": {"addresses": [{"address": "10.1.2.3/24", "gateway": "fd00::1"}]}}),
            "",
            "ipam.addresses[0].gateway: fd00::1 is not of the same family as 10.1.2.3/24",
        ),
        (
            json!({"ipam": {}}),
            "IP=10.1.2.3/24,10.1.2.4",
            "CNI_ARGS IP: \"10.1.2.4\" is not an IP address with a prefix length",
        ),
        (
            json!({"ipam": {}}),
            "GATEWAY=10.1.2.1/24",
            "CNI_ARGS GATEWAY: \"10.1.2.1/24\" is not an IP address",
        ),
        (
            json!({"ipam": {}, "args": {"cni": {"ips": ["10.1.2.3/24", "x"]}}}),
            "",
            "args.cni.ips[1]: \"x\" is not an IP address with a prefix length",
        ),
        (
            json!({"ipam": {}, "runtimeConfig": {"ips": ["x"]}}),
            "",
            "runtimeConfig.ips[0]: \"x\" is not an IP address with a prefix length",
        ),
        (
            json!({"cniVersion": "0.2.0", "ipam": {"addresses": [{"address": "10.1.2.3/24"}]}}),
            "IP=10.1.2.4/24",
            "CNI_ARGS IP 10.1.2.4/24: beside ipam.addresses[0] 10.1.2.3/24 a second address of its \
             family, but cniVersion 0.2.0 has one",
        ),
    ];
    for (config, args, expected) in cases {
        let error = addresses(&config, args).unwrap_err();
        assert_eq!(
            (error.msg.as_str(), error.code),
            (expected, Code::InvalidConfig)
        );
    }
}

#[test]
fn keys_of_cni_args_that_are_not_known_are_refused_unless_ignored() {
    let config = json!({"ipam": {}});
    assert_eq!(
        addresses(&config, "MAC=x").unwrap_err().code,
        Code::InvalidEnvironment
    );
    assert!(addresses(&config, "MAC=x;IgnoreUnknown=true").is_ok());
}

#[test]
fn before_0_3_0_each_family_has_one_address() {
    let config = |version: SpecVersion, two: &str| {
        let list = json!([{"address": "10.1.2.3/24"}, {"address": two}]);
        json!({"cniVersion": version.as_str(), "ipam": {"addresses": list}})
    };
    for version in SpecVersion::ALL {
        assert!(
            addresses(&config(version, "fd00::3/64"), "").is_ok(),
            "{version}"
        );
        let same_family = addresses(&config(version, "10.1.2.4/24"), "");
        assert_eq!(
            same_family.is_ok(),
            version >= SpecVersion::V0_3_0,
            "{version}"
        );
    }
}

fn addresses(config: &Value, args: &str) -> Result<Vec<String>, cni::Error> {
    let mut config = config.clone();
    config["name"] = json!("n");
    if config.get("cniVersion").is_none() {
        config["cniVersion"] = json!("1.0.0");
    }
    let request = RequestConfig::parse(config.to_string().into_bytes(), Verb::Add).unwrap();
    let config = Config::read(&request, &Args::parse(args).unwrap())?;
    let text = |address: &Address| match address.gateway {
        Some(gateway) => format!("{} via {gateway}", address.cidr),
        None => address.cidr.to_string(),
    };
    Ok(config.addresses.iter().map(text).collect())
}
