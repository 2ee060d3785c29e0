//! The networks that most tests start from.

use serde_json::{Value, json};

/// A macvlan on `eth1` with this IPAM.
pub(crate) fn macvlan(ipam: Value) -> Value {
    json!({"cniVersion": "1.0.0", "name": "lan", "type": "macvlan", "master": "eth1", "ipam": ipam})
}

/// A macvlan on `eth1` with the address `10.10.0.5/24`.
pub(crate) fn macvlan_static() -> Value {
    macvlan(static_address("10.10.0.5/24"))
}

/// A macvlan on `eth1` with addresses from `10.10.20.0/24`.
pub(crate) fn macvlan_host_local() -> Value {
    macvlan(json!({"type": "host-local", "subnet": "10.10.20.0/24"}))
}

/// A macvlan on `eth1` with a lease from the LAN.
pub(crate) fn macvlan_dhcp() -> Value {
    macvlan(json!({"type": "dhcp"}))
}

/// One address, as IPAM.
pub(crate) fn static_address(address: &str) -> Value {
    json!({"type": "static", "addresses": [{"address": address}]})
}

/// An IPAM plugin on its own, as a network.
pub(crate) fn ipam_alone(ipam: Value) -> Value {
    json!({"cniVersion": "1.0.0", "name": "lan", "type": ipam["type"], "ipam": ipam})
}

/// The network with some keys replaced or added; null removes one.
pub(crate) fn with(mut network: Value, keys: Value) -> Value {
    merge(&mut network, keys);
    network
}

fn merge(into: &mut Value, keys: Value) {
    let Value::Object(keys) = keys else {
        *into = keys;
        return;
    };
    for (key, value) in keys {
        if value.is_null() {
            into.as_object_mut()
                .expect("a network is an object")
                .remove(&key);
        } else {
            merge(&mut into[key.as_str()], value);
        }
    }
}
