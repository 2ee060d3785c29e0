//! What the decoder takes, what it refuses, and what it says about it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use cni::{Code, MacAddr, decode};
use ipnetwork::IpNetwork;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Config {
    master: String,
    mode: Mode,
    #[serde(rename = "linkInContainer")]
    link_in_container: bool,
    mtu: Option<u16>,
    bcqueuelen: i64,
    mac: Option<MacAddr>,
    #[serde(with = "cni::net::optional_address")]
    gateway: Option<IpAddr>,
    #[serde(with = "cni::net::optional_cidr")]
    subnet: Option<IpNetwork>,
    ranges: Vec<Vec<Range>>,
    sysctl: BTreeMap<String, String>,
    pair: Option<(u8, u8)>,
    shape: Option<Shape>,
    any: Value,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Range {
    #[serde(with = "cni::net::cidr")]
    subnet: IpNetwork,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Bridge,
    Private,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shape {
    Point,
    Circle(u8),
    Square { side: u8 },
}

#[test]
fn keys_match_in_any_case_an_exact_one_first() {
    let config: Config = decode(&json!({
        "MASTER": "eth1", "linkincontainer": true, "Mtu": 1, "mtu": 2, "MTU": 3
    }))
    .expect("decodable");
    assert_eq!(config.master, "eth1");
    assert!(config.link_in_container);
    assert_eq!(config.mtu, Some(2));
}

#[test]
fn null_is_absent_and_unknown_keys_are_passed_over() {
    let all_null = json!({
        "master": null, "mode": null, "linkInContainer": null, "mtu": null, "bcqueuelen": null, "mac": null,
        "gateway": null, "subnet": null, "ranges": null, "sysctl": null, "pair": null, "any": null,
        "unknown": { "deep": [1, "x"] }
    });
    assert_eq!(decode(&all_null), Ok(Config::default()));
    assert_eq!(decode(&json!({})), Ok(Config::default()));
}

#[test]
fn every_kind_of_value_is_decoded() {
    let config: Config = decode(&json!({
        "mode": "private",
        "bcqueuelen": -1,
        "mac": "02:00:00:00:00:01",
        "gateway": "192.0.2.1",
        "subnet": "192.0.2.5/24",
        "ranges": [[{ "subnet": "2001:db8::/64" }], []],
        "sysctl": { "net.ipv4.ip_forward": "1" },
        "pair": [1, 2],
        "shape": { "square": { "SIDE": 7 } },
        "any": { "a": [null, 1.5] }
    }))
    .expect("decodable");
    assert_eq!(config.mode, Mode::Private);
    assert_eq!(config.bcqueuelen, -1);
    assert_eq!(config.mac, Some(MacAddr::new([2, 0, 0, 0, 0, 1])));
    assert_eq!(
        config.subnet.map(|subnet| subnet.to_string()).as_deref(),
        Some("192.0.2.5/24")
    );
    assert_eq!(
        config.ranges.iter().map(Vec::len).collect::<Vec<_>>(),
        [1, 0]
    );
    assert_eq!(
        config.sysctl.get("net.ipv4.ip_forward").map(String::as_str),
        Some("1")
    );
    assert_eq!(config.pair, Some((1, 2)));
    assert_eq!(config.shape, Some(Shape::Square { side: 7 }));
    assert_eq!(config.any, json!({ "a": [null, 1.5] }));
    for (value, shape) in [
        (json!("point"), Shape::Point),
        (json!({"circle": 3}), Shape::Circle(3)),
    ] {
        assert_eq!(decode::<Shape>(&value), Ok(shape));
    }
}

#[test]
fn empty_text_is_an_unset_address() {
    let config: Config = decode(&json!({ "gateway": "", "subnet": "" })).expect("decodable");
    assert_eq!((config.gateway, config.subnet), (None, None));
}

#[test]
fn a_fault_is_reported_with_its_place_and_code() {
    let cases = [
        (
            json!([]),
            Code::Decode,
            "expected an object, found an array",
        ),
        (
            json!("x"),
            Code::Decode,
            r#"expected an object, found string "x""#,
        ),
        (
            json!({"master": 5}),
            Code::Decode,
            "master: expected a string, found number 5",
        ),
        (
            json!({"MASTER": ["a"]}),
            Code::Decode,
            "master: expected a string, found an array",
        ),
        (
            json!({"mtu": "1500"}),
            Code::Decode,
            r#"mtu: expected a number from 0 to 65535, found string "1500""#,
        ),
        (
            json!({"mtu": 1.5}),
            Code::Decode,
            "mtu: expected a number from 0 to 65535, found number 1.5",
        ),
        (
            json!({"mtu": 1e300}),
            Code::Decode,
            "mtu: expected a number from 0 to 65535, found number 1e300",
        ),
        (
            json!({"mtu": 65536}),
            Code::InvalidConfig,
            "mtu: number 65536 is not allowed, expected a number from 0 to 65535",
        ),
        (
            json!({"mtu": -1}),
            Code::InvalidConfig,
            "mtu: number -1 is not allowed, expected a number from 0 to 65535",
        ),
        (
            json!({"linkInContainer": "true"}),
            Code::Decode,
            r#"linkInContainer: expected true or false, found string "true""#,
        ),
        (
            json!({"mode": "brigde"}),
            Code::UnsupportedField,
            r#"mode: "brigde" is not supported, expected "bridge" or "private""#,
        ),
        (
            json!({"mode": 1}),
            Code::Decode,
            "mode: expected a string, found number 1",
        ),
        (
            json!({"mac": "02:00"}),
            Code::InvalidConfig,
            r#"mac: "02:00" is not a 48-bit MAC address"#,
        ),
        (
            json!({"gateway": "192.0.2"}),
            Code::InvalidConfig,
            r#"gateway: "192.0.2" is not an IP address"#,
        ),
    ];
    assert_faults(&cases);
}

#[test]
fn a_fault_deep_inside_is_reported_with_the_way_to_it() {
    let cases = [
        (
            json!({"ranges": [[], {}]}),
            Code::Decode,
            "ranges[1]: expected an array, found an object",
        ),
        (
            json!({"ranges": [[{"subnet": "::/0"}, {"subnet": 5}]]}),
            Code::Decode,
            "ranges[0][1].subnet: expected a string, found number 5",
        ),
        (
            json!({"ranges": [[{"subnet": "::"}]]}),
            Code::InvalidConfig,
            r#"ranges[0][0].subnet: "::" is not an IP address with a prefix length"#,
        ),
        (
            json!({"ranges": [[{"subnet": null}]]}),
            Code::InvalidConfig,
            "ranges[0][0].subnet: missing",
        ),
        (
            json!({"ranges": [[null]]}),
            Code::Decode,
            "ranges[0][0]: expected an object, found null",
        ),
        (
            json!({"sysctl": {"net.core.somaxconn": 500}}),
            Code::Decode,
            r#"sysctl["net.core.somaxconn"]: expected a string, found number 500"#,
        ),
        (
            json!({"pair": [1]}),
            Code::InvalidConfig,
            "pair: expected a tuple of size 2, found 1 elements",
        ),
        (
            json!({"shape": {"square": {"side": "x"}}}),
            Code::Decode,
            r#"shape.square.side: expected a number from 0 to 255, found string "x""#,
        ),
        (
            json!({"shape": {"circle": 1, "point": 2}}),
            Code::Decode,
            "shape: expected a string, found an object",
        ),
        (
            json!({"shape": {"cube": 1}}),
            Code::UnsupportedField,
            r#"shape: "cube" is not supported, expected "point" or "circle" or "square""#,
        ),
    ];
    assert_faults(&cases);
}

#[test]
fn a_long_value_is_cut_and_control_characters_are_escaped() {
    let error = decode::<Config>(&json!({ "gateway": format!("\n{}", "ä".repeat(5000)) }))
        .expect_err("no address");
    assert!(error.msg.len() < 300, "{}", error.msg.len());
    assert!(error.msg.starts_with(r#"gateway: "\nää"#), "{}", error.msg);
}

fn assert_faults(cases: &[(Value, Code, &str)]) {
    for (value, code, msg) in cases {
        let error = decode::<Config>(value)
            .map(drop)
            .map_err(|error| (error.code, error.msg));
        assert_eq!(error, Err((*code, (*msg).to_owned())));
    }
}
