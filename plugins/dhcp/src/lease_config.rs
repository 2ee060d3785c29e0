//! How a lease is asked for and what is made of it: the `ipam` section, resolved.
//!
//! The plugin makes it from the configuration and `CNI_ARGS`; the daemon gets it ready to use.

use std::net::IpAddr;
use std::time::Duration;

use ipnetwork::IpNetwork;
use netlink::apply::DefaultRoute;
use serde::{Deserialize, Serialize};

/// The resolved `ipam` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeaseConfig {
    pub(crate) client_id: ClientId,
    /// Sent as option 12.
    pub(crate) hostname: Option<String>,
    /// Codes of the parameter request list, in order.
    pub(crate) request: Vec<u8>,
    /// Options sent in every message.
    pub(crate) provide: Vec<ProvidedOption>,
    /// The user's routes, which win over the server's.
    pub(crate) routes: Vec<Route>,
    pub(crate) suppress: Vec<Suppressed>,
    /// Metric of every route from the server.
    pub(crate) priority: Option<u32>,
    /// How long an ADD may take; the daemon's own limit where absent.
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) conflict_detection: ConflictDetection,
    /// Whether to ask for answers by broadcast; the daemon's default where absent.
    pub(crate) broadcast: Option<bool>,
    pub(crate) on_address_change: OnAddressChange,
    /// Whether a changed lease brings its default route, as the interface plugin decides it at ADD.
    #[serde(default)]
    pub(crate) default_route: DefaultRoute,
}

impl LeaseConfig {
    /// How long an ADD may take, where the network says.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }

    /// Whether what the server says about `part` is to be ignored.
    pub(crate) fn suppresses(&self, part: Suppressed) -> bool {
        self.suppress.contains(&part)
    }
}

/// The client identifier (option 61, RFC 2132 §9.14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientId {
    /// These bytes.
    Bytes(#[serde(with = "hex")] Vec<u8>),
    /// Hardware type 1 and the link's MAC address.
    Mac,
    /// None is sent.
    None,
}

/// One option of `provide`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProvidedOption {
    pub(crate) code: u8,
    #[serde(with = "hex")]
    pub(crate) value: Vec<u8>,
}

/// A route that the user adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Route {
    pub(crate) dst: IpNetwork,
    pub(crate) gw: Option<IpAddr>,
    pub(crate) mtu: Option<u32>,
    pub(crate) advmss: Option<u32>,
    pub(crate) priority: Option<u32>,
    pub(crate) table: Option<u32>,
    pub(crate) scope: Option<u8>,
}

impl From<&cni::Route> for Route {
    fn from(route: &cni::Route) -> Self {
        let cni::Route {
            dst,
            gw,
            mtu,
            advmss,
            priority,
            table,
            scope,
        } = *route;
        Self {
            dst,
            gw,
            mtu,
            advmss,
            priority,
            table,
            scope,
        }
    }
}

impl From<&Route> for cni::Route {
    fn from(route: &Route) -> Self {
        let Route {
            dst,
            gw,
            mtu,
            advmss,
            priority,
            table,
            scope,
        } = *route;
        Self {
            dst,
            gw,
            mtu,
            advmss,
            priority,
            table,
            scope,
        }
    }
}

/// What the server says and the network does not want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Suppressed {
    /// The gateway of the address, and the default route through it.
    Gateway,
    /// Every route.
    Routes,
    Dns,
    /// The MTU of the link.
    Mtu,
}

/// How an address is tested before it is used (RFC 5227).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ConflictDetection {
    Off,
    Fast,
    Strict,
}

/// What becomes of the pod when its server gives it another lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnAddressChange {
    /// Address and routes follow the lease.
    Apply,
    /// They stay as ADD set them.
    Keep,
}

/// Bytes as a string of hexadecimal digits.
mod hex {
    use std::fmt::Write as _;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::config::options::parse_hex;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        to.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        if text.is_empty() {
            return Ok(Vec::new());
        }
        parse_hex(&text).ok_or_else(|| D::Error::custom("expected hexadecimal digits"))
    }
}
