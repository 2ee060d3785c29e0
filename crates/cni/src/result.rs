//! What ADD has made (SPEC §5 "Success"), in the shape of the newest version.
//!
//! The JSON of the older versions is written by [`AddResult::to_json`] and read by [`AddResult::from_json`].

mod read;
mod write;

pub(crate) use write::no_place_for_layer_2;

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};

/// What ADD has made: interfaces, their addresses, routes, and the name service of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddResult {
    /// The interfaces that belong to the attachment, inside and outside of the container.
    pub interfaces: Vec<Interface>,
    /// The addresses.
    pub ips: Vec<IpConfig>,
    /// The routes inside the container.
    pub routes: Vec<Route>,
    /// The name service.
    pub dns: Dns,
}

/// An interface that belongs to an attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// The name.
    pub name: String,
    /// The hardware address.
    pub mac: Option<String>,
    /// The MTU.
    pub mtu: Option<u32>,
    /// The namespace the interface is in; the node's own if there is none.
    pub sandbox: Option<String>,
    /// The socket file behind the interface.
    pub socket_path: Option<String>,
    /// The PCI device behind the interface.
    pub pci_id: Option<String>,
}

/// An address of an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpConfig {
    /// The position in [`AddResult::interfaces`] of the interface that has the address.
    pub interface: Option<usize>,
    /// The address with the prefix length of its subnet.
    pub address: IpNetwork,
    /// The default gateway of the subnet.
    pub gateway: Option<IpAddr>,
}

/// A route of an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where the route goes.
    pub dst: IpNetwork,
    /// The next hop; the gateway of the family if there is none.
    pub gw: Option<IpAddr>,
    /// The MTU along the route.
    pub mtu: Option<u32>,
    /// The maximal segment size to announce to destinations of the route.
    pub advmss: Option<u32>,
    /// The priority: the lowest is preferred.
    pub priority: Option<u32>,
    /// The routing table.
    pub table: Option<u32>,
    /// The scope, as in rtnetlink(7).
    pub scope: Option<u8>,
}

/// The name service of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dns {
    /// The addresses of the servers, in order of preference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// The local domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The domains to search for short names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Options for the resolver.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

impl Route {
    /// Returns a route to `dst` by `gw` with nothing else set.
    #[must_use]
    pub fn new(dst: IpNetwork, gw: Option<IpAddr>) -> Self {
        Self {
            dst,
            gw,
            mtu: None,
            advmss: None,
            priority: None,
            table: None,
            scope: None,
        }
    }
}

impl Dns {
    /// Tells whether nothing is said about the name service.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nameservers.is_empty()
            && self.domain.as_deref().unwrap_or_default().is_empty()
            && self.search.is_empty()
            && self.options.is_empty()
    }
}
