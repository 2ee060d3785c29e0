//! Reading the results of every version.
//!
//! The shapes of the versions do not collide, so one reader takes them all, a mixture included: up to 0.2.0 `ip4` and
//! `ip6` with routes inside, from 0.3.0 lists.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Unexpected};
use serde_json::Value;

use super::{AddResult, Dns, Interface, IpConfig, Route};
use crate::decode::decode_at;
use crate::error::Error;
use crate::net;
use crate::version::SpecVersion;

impl AddResult {
    /// Reads a result of any version; `null` is an empty result.
    ///
    /// The version that the result names must be a known one; a result that names none is read all the same.
    pub fn from_json(value: &Value) -> Result<Self, Error> {
        Self::from_json_at(value, "")
    }

    /// Reads a result that stands at the place `root` of a greater value.
    pub(crate) fn from_json_at(value: &Value, root: &str) -> Result<Self, Error> {
        if value.is_null() {
            return Ok(Self::default());
        }
        let wire: Wire = decode_at(value, root)?;
        Ok(wire.into())
    }
}

impl From<Wire> for AddResult {
    fn from(wire: Wire) -> Self {
        let mut result = Self {
            interfaces: wire.interfaces.into_iter().map(Interface::from).collect(),
            ips: wire.ips.into_iter().map(IpConfig::from).collect(),
            routes: wire.routes.into_iter().map(Route::from).collect(),
            dns: wire.dns,
        };
        result.dns.domain = result.dns.domain.filter(|domain| !domain.is_empty());
        for family in wire.ip4.into_iter().chain(wire.ip6) {
            let WireFamily {
                ip,
                gateway,
                routes,
            } = family;
            result.ips.push(IpConfig {
                interface: None,
                address: ip,
                gateway,
            });
            result.routes.extend(routes.into_iter().map(Route::from));
        }
        result
    }
}

impl From<WireInterface> for Interface {
    fn from(wire: WireInterface) -> Self {
        Self {
            name: wire.name,
            mac: filled(wire.mac),
            mtu: nonzero(wire.mtu),
            sandbox: filled(wire.sandbox),
            socket_path: filled(wire.socket_path),
            pci_id: filled(wire.pci_id),
        }
    }
}

impl From<WireIp> for IpConfig {
    fn from(
        WireIp {
            interface,
            address,
            gateway,
        }: WireIp,
    ) -> Self {
        Self {
            interface,
            address,
            gateway,
        }
    }
}

impl From<WireRoute> for Route {
    fn from(wire: WireRoute) -> Self {
        Self {
            dst: wire.dst,
            gw: wire.gw,
            mtu: nonzero(wire.mtu),
            advmss: nonzero(wire.advmss),
            priority: nonzero(wire.priority),
            table: wire.table,
            scope: wire.scope,
        }
    }
}

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        WireRoute::deserialize(deserializer).map(Self::from)
    }
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn nonzero(number: u32) -> Option<u32> {
    Some(number).filter(|number| *number != 0)
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    #[serde(rename = "cniVersion")]
    _version: KnownVersion,
    interfaces: Vec<WireInterface>,
    ips: Vec<WireIp>,
    routes: Vec<WireRoute>,
    dns: Dns,
    ip4: Option<WireFamily>,
    ip6: Option<WireFamily>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WireInterface {
    name: String,
    mac: String,
    mtu: u32,
    sandbox: String,
    socket_path: String,
    #[serde(rename = "pciID")]
    pci_id: String,
}

#[derive(Deserialize)]
struct WireIp {
    #[serde(default)]
    interface: Option<usize>,
    #[serde(deserialize_with = "net::cidr::deserialize")]
    address: IpNetwork,
    #[serde(default, deserialize_with = "net::optional_address::deserialize")]
    gateway: Option<IpAddr>,
}

#[derive(Deserialize)]
struct WireRoute {
    #[serde(deserialize_with = "net::cidr::deserialize")]
    dst: IpNetwork,
    #[serde(default, deserialize_with = "net::optional_address::deserialize")]
    gw: Option<IpAddr>,
    #[serde(default)]
    mtu: u32,
    #[serde(default)]
    advmss: u32,
    #[serde(default)]
    priority: u32,
    table: Option<u32>,
    scope: Option<u8>,
}

/// `ip4` and `ip6` of 0.1.0 and 0.2.0.
#[derive(Deserialize)]
struct WireFamily {
    #[serde(deserialize_with = "net::cidr::deserialize")]
    ip: IpNetwork,
    #[serde(default, deserialize_with = "net::optional_address::deserialize")]
    gateway: Option<IpAddr>,
    #[serde(default)]
    routes: Vec<WireRoute>,
}

/// The `cniVersion` of a result: checked, but not needed to tell the shapes apart.
#[derive(Default)]
struct KnownVersion;

impl<'de> Deserialize<'de> for KnownVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match SpecVersion::parse(&text) {
            Some(_) => Ok(Self),
            None => Err(D::Error::invalid_value(
                Unexpected::Str(&text),
                &"a version from 0.1.0 to 1.1.0",
            )),
        }
    }
}
