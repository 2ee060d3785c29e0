//! Every JSON example of the specification's versions is read, and each result and error is written as it is printed there.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use cni::{AddResult, Code, Error, RequestConfig, SpecVersion, Verb};
use serde_json::{Value, json};

/// The request configurations of "Example: Adding an attachment" and its siblings for CHECK and DEL.
#[test]
fn the_request_configurations_of_1_1_0_are_read() {
    let bridge = json!({
        "cniVersion": "1.1.0",
        "name": "dbnet",
        "type": "bridge",
        "bridge": "cni0",
        "keyA": ["some more", "plugin specific", "configuration"],
        "ipam": { "type": "host-local", "subnet": "10.1.0.0/16", "gateway": "10.1.0.1" },
        "dns": { "nameservers": ["10.1.0.1"] }
    });
    let config = parse(&bridge, Verb::Add);
    assert_eq!(config.version, SpecVersion::V1_1_0);
    assert_eq!(config.name.as_str(), "dbnet");
    assert_eq!(config.plugin_type, "bridge");
    assert_eq!(config.ipam_type.as_deref(), Some("host-local"));
    assert_eq!(config.dns.nameservers, ["10.1.0.1"]);
    assert_eq!(config.prev_result, None);

    for verb in [Verb::Add, Verb::Check, Verb::Del] {
        let bridge = with(&bridge, &[("prevResult", attachment_result())]);
        let config = parse(&bridge, verb);
        assert_eq!(
            config.prev_result.map(|result| result.interfaces.len()),
            Some(3),
            "{verb}"
        );
    }
}

#[test]
fn the_chained_plugins_of_1_1_0_get_the_result_before_them() {
    let tuning = json!({
        "cniVersion": "1.1.0",
        "name": "dbnet",
        "type": "tuning",
        "sysctl": { "net.core.somaxconn": "500" },
        "runtimeConfig": { "mac": "00:11:22:33:44:66" },
        "prevResult": attachment_result()
    });
    let portmap = json!({
        "cniVersion": "1.1.0",
        "name": "dbnet",
        "type": "portmap",
        "runtimeConfig": {
            "portMappings": [{ "hostPort": 8080, "containerPort": 80, "protocol": "tcp" }]
        },
        "prevResult": attachment_result()
    });
    for (request, capability) in [(tuning, "mac"), (portmap, "portMappings")] {
        for verb in [Verb::Add, Verb::Check, Verb::Del] {
            let config = parse(&request, verb);
            let expected = AddResult::from_json(&attachment_result()).expect("the example");
            assert_eq!(config.required_prev_result(), Ok(&expected));
            assert!(
                config
                    .runtime_config()
                    .and_then(|args| args.get(capability))
                    .is_some()
            );
            assert_eq!(config.ipam_type, None);
        }
    }
}

/// The elements of the `plugins` list of "Example configuration", as the runtime hands them out.
#[test]
fn the_example_network_of_1_1_0_is_read() {
    let plugins = json!([
        {
            "type": "bridge",
            "bridge": "cni0",
            "keyA": ["some more", "plugin specific", "configuration"],
            "ipam": {
                "type": "host-local",
                "subnet": "10.1.0.0/16",
                "gateway": "10.1.0.1",
                "routes": [{ "dst": "0.0.0.0/0" }]
            },
            "dns": { "nameservers": ["10.1.0.1"] }
        },
        {
            "type": "tuning",
            "capabilities": { "mac": true },
            "sysctl": { "net.core.somaxconn": "500" }
        },
        { "type": "portmap", "capabilities": { "portMappings": true } }
    ]);
    for plugin in plugins.as_array().expect("a list") {
        for version in ["1.0.0", "1.1.0"] {
            let request = with(
                plugin,
                &[("cniVersion", json!(version)), ("name", json!("dbnet"))],
            );
            let config = parse(&request, Verb::Add);
            assert_eq!(Some(config.plugin_type.as_str()), plugin["type"].as_str());
        }
    }
}

#[test]
fn the_example_networks_of_the_older_versions_are_read() {
    let networks = [
        json!({
            "name": "dbnet",
            "type": "bridge",
            "bridge": "cni0",
            "ipam": { "type": "host-local", "subnet": "10.1.0.0/16", "gateway": "10.1.0.1" },
            "dns": { "nameservers": ["10.1.0.1"] }
        }),
        json!({
            "name": "pci",
            "type": "ovs",
            "bridge": "ovs0",
            "vxlanID": 42,
            "ipam": {
                "type": "dhcp",
                "routes": [{ "dst": "10.3.0.0/16" }, { "dst": "10.4.0.0/16" }]
            },
            "args": { "labels": { "appVersion": "1.0" } }
        }),
        json!({
            "name": "wan",
            "type": "macvlan",
            "ipam": { "type": "dhcp", "routes": [{ "dst": "10.0.0.0/8", "gw": "10.0.0.1" }] },
            "dns": { "nameservers": ["10.0.0.1"] }
        }),
    ];
    for network in networks {
        for version in SpecVersion::ALL {
            let request = with(&network, &[("cniVersion", json!(version.as_str()))]);
            assert_eq!(parse(&request, Verb::Add).version, version);
        }
    }
}

#[test]
fn the_garbage_collection_request_of_1_1_0_is_read() {
    let request = json!({
        "cniVersion": "1.1.0",
        "name": "dbnet",
        "type": "bridge",
        "cni.dev/valid-attachments": [
            { "containerID": "ctr1", "ifname": "eth0" },
            { "containerID": "ctr2", "ifname": "eth1" }
        ]
    });
    let valid = parse(&request, Verb::Gc)
        .valid_attachments()
        .expect("the example");
    let valid: Vec<String> = valid
        .iter()
        .map(|(id, ifname)| format!("{id}/{ifname}"))
        .collect();
    assert_eq!(valid, ["ctr1/eth0", "ctr2/eth1"]);
}

#[test]
fn the_results_of_1_0_0_and_1_1_0_are_printed_as_they_were_read() {
    for version in [SpecVersion::V1_0_0, SpecVersion::V1_1_0] {
        for example in [
            ipam_result(),
            attachment_result(),
            result_with_every_field(),
        ] {
            assert_printed_as_read(&example, version);
        }
    }
}

#[test]
fn the_result_of_0_3_0_to_0_4_0_is_printed_as_it_was_read() {
    let example = json!({
        "interfaces": [
            { "name": "cni0", "mac": "00:11:22:33:44:55" },
            { "name": "eth0", "mac": "99:88:77:66:55:44", "sandbox": "/var/run/netns/blue" }
        ],
        "ips": [
            { "version": "4", "address": "10.0.0.5/24", "gateway": "10.0.0.1", "interface": 1 },
            { "version": "6", "address": "2001:db8::5/64", "gateway": "2001:db8::1", "interface": 1 }
        ],
        "routes": [{ "dst": "0.0.0.0/0", "gw": "10.0.0.1" }, { "dst": "2001:db8:1::/48" }],
        "dns": {
            "nameservers": ["10.0.0.1"],
            "domain": "example.org",
            "search": ["example.org"],
            "options": ["ndots:2"]
        }
    });
    let ipam = json!({
        "ips": [{ "version": "4", "address": "10.0.0.5/24", "gateway": "10.0.0.1" }],
        "routes": [{ "dst": "0.0.0.0/0" }],
        "dns": {}
    });
    for version in [
        SpecVersion::V0_3_0,
        SpecVersion::V0_3_1,
        SpecVersion::V0_4_0,
    ] {
        assert_printed_as_read(&example, version);
        assert_printed_as_read(&ipam, version);
    }
}

#[test]
fn the_result_of_0_1_0_and_0_2_0_is_printed_as_it_was_read() {
    let example = json!({
        "ip4": {
            "ip": "10.0.0.5/24",
            "gateway": "10.0.0.1",
            "routes": [{ "dst": "0.0.0.0/0", "gw": "10.0.0.1" }, { "dst": "10.2.0.0/16" }]
        },
        "ip6": {
            "ip": "2001:db8::5/64",
            "gateway": "2001:db8::1",
            "routes": [{ "dst": "::/0" }]
        },
        "dns": { "nameservers": ["10.0.0.1"], "domain": "example.org" }
    });
    for version in [SpecVersion::V0_1_0, SpecVersion::V0_2_0] {
        assert_printed_as_read(&example, version);
    }
}

#[test]
fn the_error_is_printed_as_it_was_read() {
    for version in SpecVersion::ALL {
        let example = json!({
            "cniVersion": version.as_str(),
            "code": 7,
            "msg": "Invalid Configuration",
            "details": "Network 192.168.0.0/31 too small to allocate from."
        });
        let error = Error::parse(&example).expect("an error");
        assert_eq!(error.code, Code::InvalidConfig);
        assert_eq!(error.to_json(version), example);
    }
}

fn ipam_result() -> Value {
    json!({
        "ips": [{ "address": "10.1.0.5/16", "gateway": "10.1.0.1" }],
        "routes": [{ "dst": "0.0.0.0/0" }],
        "dns": { "nameservers": ["10.1.0.1"] }
    })
}

fn attachment_result() -> Value {
    json!({
        "ips": [{ "address": "10.1.0.5/16", "gateway": "10.1.0.1", "interface": 2 }],
        "routes": [{ "dst": "0.0.0.0/0" }],
        "interfaces": [
            { "name": "cni0", "mac": "00:11:22:33:44:55" },
            { "name": "veth3243", "mac": "55:44:33:22:11:11" },
            { "name": "eth0", "mac": "99:88:77:66:55:44", "sandbox": "/var/run/netns/blue" }
        ],
        "dns": { "nameservers": ["10.1.0.1"] }
    })
}

/// The keys of the "Success" section of 1.1.0, each used.
fn result_with_every_field() -> Value {
    json!({
        "interfaces": [{
            "name": "eth0", "mac": "99:88:77:66:55:44", "mtu": 1500, "sandbox": "/var/run/netns/blue",
            "socketPath": "/var/run/vhost.sock", "pciID": "0000:00:1f.6"
        }],
        "ips": [{ "address": "10.1.0.5/16", "gateway": "10.1.0.1", "interface": 0 }],
        "routes": [{
            "dst": "192.0.2.0/24", "gw": "10.1.0.254", "mtu": 1400, "advmss": 1360, "priority": 100, "table": 50,
            "scope": 0
        }],
        "dns": {
            "nameservers": ["10.1.0.1"], "domain": "example.org", "search": ["example.org"], "options": ["ndots:2"]
        }
    })
}

fn assert_printed_as_read(example: &Value, version: SpecVersion) {
    let example = with(example, &[("cniVersion", json!(version.as_str()))]);
    let result = AddResult::from_json(&example).expect("the example");
    assert_eq!(result.to_json(version), Ok(example), "{version}");
}

fn parse(request: &Value, verb: Verb) -> RequestConfig {
    RequestConfig::parse(request.to_string().into_bytes(), verb).expect("the example")
}

fn with(object: &Value, members: &[(&str, Value)]) -> Value {
    let mut object = object.clone();
    for (key, value) in members {
        object[*key] = value.clone();
    }
    object
}
