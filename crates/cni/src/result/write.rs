//! Writing a result in the shape of a version.
//!
//! | versions | shape |
//! |---|---|
//! | 1.0.0, 1.1.0 | lists; empty ones and an empty `dns` are left out |
//! | 0.3.0 to 0.4.0 | lists; `ips` with the family's number; interfaces have name, MAC and sandbox only; `dns` always |
//! | 0.1.0, 0.2.0 | the first address of each family with its routes; `dns` always |

use std::fmt::Display;

use ipnetwork::IpNetwork;
use serde_json::{Map, Value, json};

use super::{AddResult, Dns, Interface, IpConfig, Route};
use crate::error::{Code, Error};
use crate::version::SpecVersion;

impl AddResult {
    /// Writes the result as `version` has it; what the version has no place for is left out.
    ///
    /// # Errors
    /// 0.1.0 and 0.2.0 cannot carry a result without addresses ([`SpecVersion::carries_layer_2`]).
    pub fn to_json(&self, version: SpecVersion) -> Result<Value, Error> {
        let mut object = Map::new();
        object.insert("cniVersion".into(), version.as_str().into());
        if version.carries_layer_2() {
            self.write_lists(&mut object, version);
        } else {
            self.write_families(&mut object, version)?;
        }
        if !self.dns.is_empty() || version < SpecVersion::V1_0_0 {
            object.insert("dns".into(), dns(&self.dns));
        }
        Ok(Value::Object(object))
    }

    fn write_lists(&self, object: &mut Map<String, Value>, version: SpecVersion) {
        let latest_shape = version >= SpecVersion::V1_0_0;
        let mut list = |key: &str, items: Vec<Value>| {
            if !items.is_empty() {
                object.insert(key.into(), items.into());
            }
        };
        list(
            "interfaces",
            self.interfaces
                .iter()
                .map(|item| interface(item, latest_shape))
                .collect(),
        );
        list(
            "ips",
            self.ips.iter().map(|item| ip(item, latest_shape)).collect(),
        );
        list("routes", self.routes.iter().map(route).collect());
    }

    fn write_families(
        &self,
        object: &mut Map<String, Value>,
        version: SpecVersion,
    ) -> Result<(), Error> {
        let of = |family: fn(&IpNetwork) -> bool| self.ips.iter().find(|ip| family(&ip.address));
        let families = [
            ("ip4", of(IpNetwork::is_ipv4)),
            ("ip6", of(IpNetwork::is_ipv6)),
        ];
        if families.iter().all(|(_, first)| first.is_none()) {
            return Err(no_place_for_layer_2(version));
        }
        for (key, first) in families {
            if let Some(first) = first {
                object.insert(key.into(), self.family(first));
            }
        }
        Ok(())
    }

    /// Returns `first` with the routes of its family, as 0.1.0 has them.
    fn family(&self, first: &IpConfig) -> Value {
        let mut object = Map::new();
        object.insert("ip".into(), text(&first.address));
        insert(&mut object, "gateway", first.gateway.as_ref().map(text));
        let routes: Vec<Value> = self
            .routes
            .iter()
            .filter(|route| route.dst.is_ipv4() == first.address.is_ipv4())
            .map(|full| route(&Route::new(full.dst, full.gw)))
            .collect();
        insert(
            &mut object,
            "routes",
            (!routes.is_empty()).then(|| routes.into()),
        );
        Value::Object(object)
    }
}

/// Returns the error for an attachment without addresses under a version whose results are nothing but addresses.
pub(crate) fn no_place_for_layer_2(version: SpecVersion) -> Error {
    Error::new(
        Code::InvalidConfig,
        format!("cniVersion: a result of version {version} cannot do without an IP address, and there is none"),
    )
    .with_details("configure \"ipam\", or set \"cniVersion\" to 0.3.0 or newer")
}

fn interface(interface: &Interface, latest_shape: bool) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), interface.name.as_str().into());
    let mut put = |key, value: &Option<String>| {
        insert(
            &mut object,
            key,
            value
                .as_deref()
                .filter(|text| !text.is_empty())
                .map(Value::from),
        );
    };
    put("mac", &interface.mac);
    put("sandbox", &interface.sandbox);
    if latest_shape {
        put("socketPath", &interface.socket_path);
        put("pciID", &interface.pci_id);
        insert(&mut object, "mtu", nonzero(interface.mtu));
    }
    Value::Object(object)
}

fn ip(ip: &IpConfig, latest_shape: bool) -> Value {
    let mut object = Map::new();
    if !latest_shape {
        let family = if ip.address.is_ipv4() { "4" } else { "6" };
        object.insert("version".into(), family.into());
    }
    object.insert("address".into(), text(&ip.address));
    insert(&mut object, "interface", ip.interface.map(Value::from));
    insert(&mut object, "gateway", ip.gateway.as_ref().map(text));
    Value::Object(object)
}

fn route(route: &Route) -> Value {
    let mut object = Map::new();
    object.insert("dst".into(), text(&route.dst));
    insert(&mut object, "gw", route.gw.as_ref().map(text));
    insert(&mut object, "mtu", nonzero(route.mtu));
    insert(&mut object, "advmss", nonzero(route.advmss));
    insert(&mut object, "priority", nonzero(route.priority));
    insert(&mut object, "table", route.table.map(Value::from));
    insert(&mut object, "scope", route.scope.map(Value::from));
    Value::Object(object)
}

fn dns(dns: &Dns) -> Value {
    let mut object = Map::new();
    let mut list = |key, items: &[String]| {
        insert(&mut object, key, (!items.is_empty()).then(|| json!(items)));
    };
    list("nameservers", &dns.nameservers);
    list("search", &dns.search);
    list("options", &dns.options);
    let domain = dns.domain.as_deref().filter(|domain| !domain.is_empty());
    insert(&mut object, "domain", domain.map(Value::from));
    Value::Object(object)
}

fn insert(object: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        object.insert(key.into(), value);
    }
}

fn nonzero(number: Option<u32>) -> Option<Value> {
    number.filter(|number| *number != 0).map(Value::from)
}

fn text(value: &impl Display) -> Value {
    Value::String(value.to_string())
}
