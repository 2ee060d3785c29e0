//! What holds for every result, text and JSON value.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cni::{
    AddResult, Args, ContainerId, Dns, Document, Error, IfName, Interface, IpConfig, MacAddr,
    RequestConfig, Route, SpecVersion, Verb, net,
};
use ipnetwork::IpNetwork;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::Value;

proptest! {
    #[test]
    fn a_result_comes_back_as_its_version_can_carry_it(result in results(), version in versions()) {
        match result.to_json(version) {
            Ok(json) => prop_assert_eq!(AddResult::from_json(&json), Ok(carried(&result, version))),
            Err(_) => prop_assert!(result.ips.is_empty() && !version.carries_layer_2()),
        }
    }

    #[test]
    fn converting_down_and_up_again_changes_nothing_more(
        result in results(), down in versions(), up in versions(),
    ) {
        let once = carried(&result, down);
        if let Ok(json) = once.to_json(up.max(down)) {
            prop_assert_eq!(AddResult::from_json(&json), Ok(once));
        }
    }

    #[test]
    fn no_json_is_too_strange_to_be_refused_in_order(value in json_values(), verb in verbs()) {
        let _ = AddResult::from_json(&value);
        let _ = Error::parse(&value);
        if let Ok(config) = RequestConfig::parse(value.to_string().into_bytes(), verb) {
            let _ = config.valid_attachments();
            let _ = (config.cni_args(), config.runtime_config());
        }
    }

    #[test]
    fn no_bytes_are_too_strange_to_be_refused_in_order(raw in vec(any::<u8>(), 0..200), text in ".*") {
        if let Err(error) = Document::parse(raw) {
            prop_assert!(error.msg.len() < 300 && !error.msg.contains('\n'));
        }
        let errors = [
            MacAddr::parse(&text).err(), ContainerId::parse(&text).err(), IfName::parse(&text).err(),
            Args::parse(&text).err(), net::parse_cidr(&text).err(),
        ];
        for error in errors.into_iter().flatten() {
            prop_assert!(!error.msg.contains('\n'), "{}", error.msg);
        }
    }

    #[test]
    fn a_mac_address_is_read_back_from_its_text(octets: [u8; 6]) {
        let mac = MacAddr::new(octets);
        prop_assert_eq!(MacAddr::parse(&mac.to_string()), Ok(mac));
        prop_assert_eq!(MacAddr::parse(&mac.to_string().to_uppercase().replace(':', "-")), Ok(mac));
    }

    #[test]
    fn arguments_are_read_back_from_their_text(pairs in vec(("[A-Za-z_]{1,12}", "[^;]{0,12}"), 0..6)) {
        prop_assume!(pairs.iter().all(|(key, _)| key != "IgnoreUnknown"));
        let text: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let args = Args::parse(&text.join(";")).expect("well-formed");
        for (key, _) in &pairs {
            let last = pairs.iter().rev().find(|(name, _)| name == key);
            prop_assert_eq!(args.get(key), last.map(|(_, value)| value.as_str()));
        }
    }
}

/// What is left of a result in the shape of a version.
fn carried(result: &AddResult, version: SpecVersion) -> AddResult {
    let mut carried = result.clone();
    if version < SpecVersion::V1_0_0 {
        for interface in &mut carried.interfaces {
            interface.mtu = None;
            interface.socket_path = None;
            interface.pci_id = None;
        }
    }
    if version < SpecVersion::V0_3_0 {
        let first = |family: fn(&IpNetwork) -> bool| {
            result.ips.iter().find(|ip| family(&ip.address)).cloned()
        };
        let (first4, first6) = (first(IpNetwork::is_ipv4), first(IpNetwork::is_ipv6));
        let of_family = |ipv4: bool| {
            let route = result
                .routes
                .iter()
                .filter(move |route| route.dst.is_ipv4() == ipv4);
            route.map(|route| Route::new(route.dst, route.gw))
        };
        carried.routes = Vec::new();
        carried
            .routes
            .extend(of_family(true).filter(|_| first4.is_some()));
        carried
            .routes
            .extend(of_family(false).filter(|_| first6.is_some()));
        carried.interfaces = Vec::new();
        carried.ips = first4
            .into_iter()
            .chain(first6)
            .map(|ip| IpConfig {
                interface: None,
                ..ip
            })
            .collect();
    }
    carried
}

fn versions() -> impl Strategy<Value = SpecVersion> {
    proptest::sample::select(SpecVersion::ALL.to_vec())
}

fn verbs() -> impl Strategy<Value = Verb> {
    proptest::sample::select(Verb::ALL.to_vec())
}

fn results() -> impl Strategy<Value = AddResult> {
    (
        vec(interfaces(), 0..3),
        vec(ips(), 0..4),
        vec(routes(), 0..5),
        dns(),
    )
        .prop_map(|(interfaces, ips, routes, dns)| AddResult {
            interfaces,
            ips,
            routes,
            dns,
        })
}

fn interfaces() -> impl Strategy<Value = Interface> {
    let text = || of(".{1,20}");
    (".{0,15}", text(), of(1u32..), text(), text(), text()).prop_map(
        |(name, mac, mtu, sandbox, socket_path, pci_id)| Interface {
            name,
            mac,
            mtu,
            sandbox,
            socket_path,
            pci_id,
        },
    )
}

fn ips() -> impl Strategy<Value = IpConfig> {
    (of(0usize..5), networks(), of(addresses())).prop_map(|(interface, address, gateway)| {
        IpConfig {
            interface,
            address,
            gateway,
        }
    })
}

fn routes() -> impl Strategy<Value = Route> {
    let number = || of(1u32..);
    (
        networks(),
        of(addresses()),
        number(),
        number(),
        number(),
        of(any::<u32>()),
        of(any::<u8>()),
    )
        .prop_map(|(dst, gw, mtu, advmss, priority, table, scope)| Route {
            dst,
            gw,
            mtu,
            advmss,
            priority,
            table,
            scope,
        })
}

fn dns() -> impl Strategy<Value = Dns> {
    let list = || vec(".{0,10}", 0..3);
    (list(), of(".{1,10}"), list(), list()).prop_map(|(nameservers, domain, search, options)| Dns {
        nameservers,
        domain,
        search,
        options,
    })
}

fn networks() -> impl Strategy<Value = IpNetwork> {
    (addresses(), 0u8..=128).prop_map(|(address, prefix)| {
        let prefix = if address.is_ipv4() {
            prefix % 33
        } else {
            prefix
        };
        IpNetwork::new(address, prefix).expect("a prefix length of the family")
    })
}

fn addresses() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| IpAddr::from(Ipv6Addr::from(bits)).to_canonical()),
    ]
}

/// JSON made of the keys that are looked at, and of others.
fn json_values() -> impl Strategy<Value = Value> {
    let keys = proptest::sample::select(vec![
        "cniVersion",
        "CNIVERSION",
        "name",
        "type",
        "ipam",
        "dns",
        "prevResult",
        "ips",
        "ip4",
        "routes",
        "interfaces",
        "address",
        "dst",
        "gw",
        "code",
        "msg",
        "interface",
        "args",
        "cni",
        "cni.dev/attachments",
        "containerID",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(vec!["", "1.1.0", "0.2.0", "192.0.2.1/24", "lan", "::"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((keys.clone(), inner), 0..8).prop_map(|members| members
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect()),
        ]
    })
}
