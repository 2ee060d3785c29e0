//! The `ipam` section, from JSON to what the daemon gets.

use cni::{ContainerId, IfName, NetworkName};
use serde_json::{Value, json};

use super::*;

fn attachment() -> Attachment {
    Attachment {
        network: NetworkName::parse("lan").unwrap(),
        container_id: ContainerId::parse("c0ffee").unwrap(),
        ifname: IfName::parse("net1").unwrap(),
    }
}

fn resolve_with(args: &str, mut ipam: Value) -> Result<LeaseConfig, Error> {
    ipam["type"] = "dhcp".into();
    let document: Document = cni::decode(&json!({ "ipam": ipam }))?;
    document.resolve(&attachment(), &Args::parse(args).unwrap())
}

fn resolve(ipam: Value) -> Result<LeaseConfig, Error> {
    resolve_with("", ipam)
}

#[test]
fn an_empty_section_asks_as_the_reference_would_and_for_more() {
    let config = resolve(json!({})).unwrap();
    assert_eq!(
        config.client_id,
        ClientId::Bytes(b"\0c0ffee/lan/net1".to_vec())
    );
    assert_eq!(config.hostname, None);
    assert_eq!(config.request, DEFAULT_PARAMETERS);
    assert!(config.provide.is_empty());
    assert_eq!(
        (config.priority, config.timeout_ms, config.broadcast),
        (None, None, None)
    );
    assert_eq!(config.on_address_change, OnAddressChange::Apply);
}

#[test]
fn the_choice_of_the_default_route_is_taken_from_beside_the_section() {
    for (value, expected) in [
        (json!("always"), DefaultRoute::Always),
        (json!("unless-present"), DefaultRoute::UnlessPresent),
        (json!("never"), DefaultRoute::Never),
        (json!(""), DefaultRoute::Always),
        (json!(null), DefaultRoute::Always),
        (json!(true), DefaultRoute::Always),
    ] {
        let document = json!({"ipam": {"type": "dhcp"}, "defaultRoute": value});
        let document: Document = cni::decode(&document).unwrap();
        let config = document.resolve(&attachment(), &Args::default()).unwrap();
        assert_eq!(config.default_route, expected, "{value}");
    }
}

#[test]
fn requested_options_come_after_the_defaults_or_in_their_place() {
    let added = resolve(json!({"request": [{"option": "host-name"}, {"option": "121"}]})).unwrap();
    assert_eq!(added.request, [&DEFAULT_PARAMETERS[..], &[12]].concat());
    let own = json!({"request": [{"skipDefault": true, "option": "6"}, {"option": "routers"}]});
    assert_eq!(resolve(own).unwrap().request, [6, 3]);
    let none = resolve(json!({"request": [{"skipDefault": true}]})).unwrap();
    assert!(none.request.is_empty());
}

#[test]
fn provided_options_are_text_typed_or_from_an_argument() {
    let config = resolve_with(
        "IgnoreUnknown=1;K8S_POD_NAME=web-0",
        json!({"provide": [
            {"option": "vendor-class-identifier", "value": "lanyard"},
            {"option": "77", "value": "hex:0401020304"},
            {"option": "57", "value": 1400},
            {"option": "host-name", "fromArg": "K8S_POD_NAME"},
            {"option": "43", "fromArg": "NOT_THERE"},
            {"option": "60", "value": "later wins"},
        ]}),
    )
    .unwrap();
    let provided: Vec<_> = config
        .provide
        .iter()
        .map(|option| (option.code, option.value.as_slice()))
        .collect();
    let expected = [
        (77, &[4, 1, 2, 3, 4][..]),
        (57, &[5, 120]),
        (12, b"web-0"),
        (60, b"later wins"),
    ];
    assert_eq!(provided, expected);
}

#[test]
fn an_argument_wins_over_a_value_as_in_the_reference() {
    let both = json!({"provide": [{"option": "60", "value": "a", "fromArg": "CLASS"}]});
    let config = resolve_with("IgnoreUnknown=1;CLASS=b", both).unwrap();
    assert_eq!(
        config.provide,
        [ProvidedOption {
            code: 60,
            value: b"b".to_vec()
        }]
    );
}

#[test]
fn an_empty_argument_provides_nothing() {
    let provide = |option| json!({"provide": [{"option": option, "fromArg": "K8S_POD_NAME"}]});
    for option in ["host-name", "dhcp-client-identifier"] {
        let config = resolve_with("IgnoreUnknown=1;K8S_POD_NAME=", provide(option)).unwrap();
        assert_eq!(config.provide, [], "{option}");
    }
    let fallback = json!({"provide": [{"option": "60", "value": "a", "fromArg": "CLASS"}]});
    let config = resolve_with("IgnoreUnknown=1;CLASS=", fallback).unwrap();
    assert_eq!(config.provide[0].value, b"a");
}

#[test]
fn more_options_than_a_message_holds_are_refused() {
    let provide = |count: u8| -> Vec<_> {
        let option = |code: u8| json!({"option": code.to_string(), "value": "x".repeat(98)});
        (150..150 + count).map(option).collect()
    };
    assert!(resolve(json!({"provide": provide(4)})).is_ok());
    let error = resolve(json!({"provide": provide(5)})).unwrap_err();
    assert_eq!(error.code, Code::InvalidConfig);
    assert!(
        error.msg.starts_with("ipam.provide: 500 bytes"),
        "{}",
        error.msg
    );
}

#[test]
fn identity_follows_the_pod_or_the_link() {
    let args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0";
    let config = resolve_with(args, json!({"clientID": "pod"})).unwrap();
    assert_eq!(
        config.client_id,
        ClientId::Bytes(b"\0shop/web-0/lan/net1".to_vec())
    );
    assert_eq!(config.hostname.as_deref(), Some("web-0"));
    let client_id = |text: &str| resolve(json!({"clientID": text})).unwrap().client_id;
    assert_eq!(client_id("mac"), ClientId::Mac);
    assert_eq!(client_id("none"), ClientId::None);
    assert_eq!(client_id("hex:00:01"), ClientId::Bytes(vec![0, 1]));
}

#[test]
fn a_host_name_is_sent_once() {
    let args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0";
    let hostname = |ipam| resolve_with(args, ipam).unwrap().hostname;
    assert_eq!(hostname(json!({"hostname": "none"})), None);
    assert_eq!(
        hostname(json!({"hostname": "db.example"})).as_deref(),
        Some("db.example")
    );
    assert_eq!(
        hostname(json!({"provide": [{"option": "12", "value": "own"}]})),
        None
    );
}

#[test]
fn the_founding_reports_section_resolves() {
    let routes = json!([{"dst": "192.168.0.0/16", "gw": "192.168.0.1"}]);
    let config = resolve(json!({"routes": routes, "priority": 50, "timeout": "1m"})).unwrap();
    assert_eq!(config.routes.len(), 1);
    assert_eq!(config.priority, Some(50));
    assert_eq!(config.timeout_ms, Some(60_000));
}

#[test]
fn faults_name_the_key_and_the_value() {
    for (ipam, code, msg) in [
        (json!({"priority": "high"}), 6, "ipam.priority"),
        (
            json!({"request": [{"option": "mtu"}]}),
            2,
            "ipam.request[0].option: unsupported value \"mtu\"",
        ),
        (
            json!({"request": [{}]}),
            2,
            "ipam.request[0].option: unsupported value \"\"",
        ),
        (
            json!({"provide": [{"option": "53", "value": "x"}]}),
            2,
            "ipam.provide[0].option",
        ),
        (
            json!({"provide": [{"option": "43", "value": "hex:0"}]}),
            2,
            "ipam.provide[0].value",
        ),
        (
            json!({"provide": [{"option": "43", "value": "x".repeat(256)}]}),
            7,
            "ipam.provide[0]",
        ),
        (
            json!({"clientID": "duid"}),
            2,
            "ipam.clientID: unsupported value \"duid\"",
        ),
        (json!({"clientID": "hex:00"}), 2, "ipam.clientID"),
        (json!({"clientID": "pod"}), 7, "ipam.clientID"),
        (json!({"hostname": "a b"}), 2, "ipam.hostname"),
        (json!({"timeout": "30"}), 7, "ipam.timeout"),
        (json!({"timeout": "0"}), 2, "ipam.timeout"),
        (json!({"suppress": ["everything"]}), 2, "ipam.suppress[0]"),
        (
            json!({"onAddressChange": "fail"}),
            2,
            "ipam.onAddressChange",
        ),
        (
            json!({"routes": [{"dst": "10.0.0.0/8", "gw": "2001:db8::1"}]}),
            7,
            "ipam.routes[0]",
        ),
        (
            json!({"routes": [{"gw": "10.0.0.1"}]}),
            7,
            "ipam.routes[0].dst",
        ),
    ] {
        let error = resolve(ipam.clone()).unwrap_err();
        assert_eq!(error.code.number(), code, "{ipam}: {error}");
        assert!(error.msg.starts_with(msg), "{ipam}: {error}");
    }
}

#[test]
fn an_argument_with_control_characters_is_not_sent() {
    let ipam = json!({"provide": [{"option": "12", "fromArg": "K8S_POD_NAME"}]});
    let error = resolve_with("IgnoreUnknown=1;K8S_POD_NAME=a\nb", ipam).unwrap_err();
    assert!(error.msg.starts_with("ipam.provide[0].fromArg"), "{error}");
}
