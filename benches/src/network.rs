//! The networks that are measured.

use serde_json::{Value, json};

/// A network, and how it is to be measured.
#[derive(Debug)]
pub(crate) struct Network {
    /// Its name in the report.
    pub(crate) name: &'static str,
    /// The IPAM section of its configuration.
    ipam: &'static str,
    /// Every how many rounds it is run: an ADD of the Go plugins with DHCP takes seconds.
    pub(crate) every: usize,
    /// Whether it needs a DHCP server and a daemon.
    pub(crate) leases: bool,
}

impl Network {
    /// Returns its configuration.
    pub(crate) fn config(&self) -> Value {
        let ipam: Value = serde_json::from_str(self.ipam).unwrap_or_default();
        json!({"cniVersion": "1.0.0", "name": "bench", "type": "macvlan", "master": "eth1", "ipam": ipam})
    }
}

/// All of them.
pub(crate) const ALL: [Network; 3] = [
    Network {
        name: "macvlan+host-local",
        ipam: r#"{"type": "host-local", "subnet": "10.9.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]}"#,
        every: 1,
        leases: false,
    },
    Network {
        name: "macvlan+static",
        ipam: r#"{"type": "static", "addresses": [{"address": "10.9.0.5/16", "gateway": "10.9.0.1"}], "routes": [{"dst": "0.0.0.0/0"}]}"#,
        every: 1,
        leases: false,
    },
    Network {
        name: "macvlan+dhcp",
        ipam: r#"{"type": "dhcp"}"#,
        every: 10,
        leases: true,
    },
];
