//! Results in the shape of every version, converted both ways.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use cni::{AddResult, Code, Dns, Interface, IpConfig, Route, SpecVersion, net};
use serde_json::{Value, json};

#[test]
fn a_dual_stack_result_is_printed_in_each_version_with_what_it_can_carry() {
    let lists = |version: &str| {
        json!({
            "cniVersion": version,
            "interfaces": [{ "name": "net1", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/a" }],
            "ips": [
                { "version": "4", "interface": 0, "address": "192.0.2.5/24", "gateway": "192.0.2.1" },
                { "version": "4", "interface": 0, "address": "198.51.100.5/24" },
                { "version": "6", "interface": 0, "address": "2001:db8::5/64", "gateway": "2001:db8::1" }
            ],
            "routes": [
                { "dst": "0.0.0.0/0" },
                { "dst": "203.0.113.0/24", "gw": "192.0.2.9", "mtu": 1400, "table": 0, "scope": 0 },
                { "dst": "::/0", "gw": "2001:db8::9", "priority": 5 }
            ],
            "dns": { "nameservers": ["192.0.2.53"], "domain": "example.org" }
        })
    };
    let mut latest = lists("1.1.0");
    latest["interfaces"][0]["mtu"] = json!(1500);
    latest["interfaces"][0]["pciID"] = json!("0000:00:1f.6");
    for ip in latest["ips"].as_array_mut().expect("a list") {
        ip.as_object_mut().expect("an object").remove("version");
    }
    let mut previous = latest.clone();
    previous["cniVersion"] = json!("1.0.0");
    let families = |version: &str| {
        json!({
            "cniVersion": version,
            "ip4": {
                "ip": "192.0.2.5/24",
                "gateway": "192.0.2.1",
                "routes": [{ "dst": "0.0.0.0/0" }, { "dst": "203.0.113.0/24", "gw": "192.0.2.9" }]
            },
            "ip6": {
                "ip": "2001:db8::5/64",
                "gateway": "2001:db8::1",
                "routes": [{ "dst": "::/0", "gw": "2001:db8::9" }]
            },
            "dns": { "nameservers": ["192.0.2.53"], "domain": "example.org" }
        })
    };
    let expected = [
        families("0.1.0"),
        families("0.2.0"),
        lists("0.3.0"),
        lists("0.3.1"),
        lists("0.4.0"),
        previous,
        latest,
    ];
    for (version, expected) in SpecVersion::ALL.into_iter().zip(expected) {
        assert_eq!(dual_stack().to_json(version), Ok(expected), "{version}");
    }
}

#[test]
fn an_empty_result_has_dns_only_where_the_version_always_prints_it() {
    let empty = AddResult::default();
    for version in SpecVersion::ALL {
        match version {
            SpecVersion::V0_1_0 | SpecVersion::V0_2_0 => {
                assert!(empty.to_json(version).is_err(), "{version}");
            }
            SpecVersion::V0_3_0 | SpecVersion::V0_3_1 | SpecVersion::V0_4_0 => assert_eq!(
                empty.to_json(version),
                Ok(json!({ "cniVersion": version.as_str(), "dns": {} }))
            ),
            SpecVersion::V1_0_0 | SpecVersion::V1_1_0 => {
                assert_eq!(
                    empty.to_json(version),
                    Ok(json!({ "cniVersion": version.as_str() }))
                );
            }
        }
    }
}

#[test]
fn versions_without_interfaces_refuse_a_result_without_addresses() {
    let layer_2 = AddResult {
        ips: Vec::new(),
        ..dual_stack()
    };
    for version in SpecVersion::ALL {
        let written = layer_2.to_json(version);
        assert_eq!(written.is_ok(), version.carries_layer_2(), "{version}");
        if let Err(error) = written {
            assert_eq!(error.code, Code::InvalidConfig);
            assert!(error.msg.contains(version.as_str()), "{error}");
        }
    }
}

#[test]
fn routes_of_a_family_without_an_address_are_dropped_where_they_have_no_place() {
    let mut result = dual_stack();
    result.ips.retain(|ip| ip.address.is_ipv6());
    let written = result.to_json(SpecVersion::V0_2_0).expect("an address");
    assert_eq!(written.get("ip4"), None);
    assert_eq!(
        written["ip6"]["routes"],
        json!([{ "dst": "::/0", "gw": "2001:db8::9" }])
    );
}

#[test]
fn a_result_of_mixed_shape_or_of_no_version_is_read() {
    let mixed = json!({
        "ip6": { "ip": "2001:db8::5/64", "routes": [{ "dst": "::/0" }] },
        "ips": [{ "address": "192.0.2.5/24", "version": "4", "interface": null }],
        "interfaces": null,
        "dns": null
    });
    let result = AddResult::from_json(&mixed).expect("readable");
    let addresses: Vec<String> = result.ips.iter().map(|ip| ip.address.to_string()).collect();
    assert_eq!(addresses, ["192.0.2.5/24", "2001:db8::5/64"]);
    assert_eq!(result.routes, [route("::/0", None)]);
}

#[test]
fn null_is_an_empty_result() {
    assert_eq!(AddResult::from_json(&Value::Null), Ok(AddResult::default()));
}

#[test]
fn keys_are_read_in_any_case_and_empty_text_is_unset() {
    let result = AddResult::from_json(&json!({
        "CNIVersion": "",
        "Interfaces": [{ "Name": "net1", "Mac": "", "SocketPath": "", "PciID": "x", "mtu": 0 }],
        "IPs": [{ "Address": "192.0.2.5/24", "Gateway": "" }],
    }));
    let expected = AddResult {
        interfaces: vec![Interface {
            name: "net1".into(),
            pci_id: Some("x".into()),
            ..Interface::default()
        }],
        ips: vec![ip(None, "192.0.2.5/24", None)],
        ..AddResult::default()
    };
    assert_eq!(result, Ok(expected));
}

#[test]
fn a_malformed_result_is_refused_with_the_place() {
    let cases = [
        (json!([]), "expected an object, found an array"),
        (
            json!({"ips": {}}),
            "ips: expected an array, found an object",
        ),
        (
            json!({"ips": [{"address": "192.0.2.5"}]}),
            r#"ips[0].address: "192.0.2.5" is not an IP address with a prefix length"#,
        ),
        (json!({"ips": [{}]}), "ips[0].address: missing"),
        (
            json!({"ips": [{"address": "192.0.2.5/24", "interface": -1}]}),
            "ips[0].interface: number -1 is not allowed, expected a whole number, 0 or more",
        ),
        (
            json!({"routes": [{"dst": "::/0", "gw": "here"}]}),
            r#"routes[0].gw: "here" is not an IP address"#,
        ),
        (
            json!({"routes": [{"dst": "::/0", "scope": 256}]}),
            "routes[0].scope: number 256 is not allowed, expected a number from 0 to 255",
        ),
        (
            json!({"ip4": {"ip": 5}}),
            "ip4.ip: expected a string, found number 5",
        ),
        (
            json!({"cniVersion": "2.0.0"}),
            r#"cniVersion: string "2.0.0" is not allowed, expected a version from 0.1.0 to 1.1.0"#,
        ),
    ];
    for (value, expected) in cases {
        let error = AddResult::from_json(&value).expect_err(expected);
        assert_eq!(error.msg, expected);
    }
}

fn dual_stack() -> AddResult {
    AddResult {
        interfaces: vec![Interface {
            name: "net1".into(),
            mac: Some("02:00:00:00:00:01".into()),
            mtu: Some(1500),
            sandbox: Some("/run/netns/a".into()),
            socket_path: None,
            pci_id: Some("0000:00:1f.6".into()),
        }],
        ips: vec![
            ip(Some(0), "192.0.2.5/24", Some("192.0.2.1")),
            ip(Some(0), "198.51.100.5/24", None),
            ip(Some(0), "2001:db8::5/64", Some("2001:db8::1")),
        ],
        routes: vec![
            route("0.0.0.0/0", None),
            Route {
                mtu: Some(1400),
                table: Some(0),
                scope: Some(0),
                ..route("203.0.113.0/24", Some("192.0.2.9"))
            },
            Route {
                priority: Some(5),
                ..route("::/0", Some("2001:db8::9"))
            },
        ],
        dns: Dns {
            nameservers: vec!["192.0.2.53".into()],
            domain: Some("example.org".into()),
            ..Dns::default()
        },
    }
}

fn ip(interface: Option<usize>, address: &str, gateway: Option<&str>) -> IpConfig {
    IpConfig {
        interface,
        address: net::parse_cidr(address).expect("a CIDR"),
        gateway: gateway.map(|gateway| gateway.parse().expect("an address")),
    }
}

fn route(dst: &str, gw: Option<&str>) -> Route {
    Route::new(
        net::parse_cidr(dst).expect("a CIDR"),
        gw.map(|gw| gw.parse().expect("an address")),
    )
}
