//! What the kernel holds, as iproute2 reads it: an eye that is independent of the plugins' own.
//!
//! The functions look at the network namespace that the thread is in; use them inside `enter`.

use std::process::Command;

use serde_json::Value;

/// A link.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its index.
    pub index: u64,
    /// Its name.
    pub name: String,
    /// Its kind (`macvlan`, `veth`, …), empty for hardware and loopback.
    pub kind: String,
    /// The kind's own attributes, as `ip -d` has them.
    pub data: Value,
    /// Its hardware address.
    pub mac: String,
    /// Its MTU.
    pub mtu: u64,
    /// Whether it is set up.
    pub up: bool,
    /// Everything `ip -d -j link` says about it.
    pub all: Value,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to: `default`, a prefix, or an address.
    pub dst: String,
    /// The next hop, where there is one.
    pub gateway: Option<String>,
    /// The link it goes out by.
    pub dev: Option<String>,
    /// Its scope: `global`, `link`, `host`, or a number.
    pub scope: Option<String>,
    /// Its metric.
    pub metric: Option<u64>,
    /// Its table, where it is not the main one.
    pub table: Option<String>,
    /// Whether the next hop counts as on the link.
    pub onlink: bool,
    /// Everything `ip -d -j route` says about it.
    pub all: Value,
}

/// Returns all links.
#[must_use]
pub fn links() -> Vec<Link> {
    list(&["-d", "link", "show"])
        .iter()
        .map(parse_link)
        .collect()
}

/// Returns the link of this name.
#[must_use]
pub fn link(name: &str) -> Option<Link> {
    links().into_iter().find(|link| link.name == name)
}

/// Returns the names of all links but loopback.
#[must_use]
pub fn link_names() -> Vec<String> {
    links()
        .into_iter()
        .map(|link| link.name)
        .filter(|name| name != "lo")
        .collect()
}

/// Returns the addresses of a link with their prefix lengths, IPv4 first, without the link-local ones of the kernel.
#[must_use]
pub fn addresses(name: &str) -> Vec<String> {
    address_objects(name)
        .iter()
        .filter(|address| address["scope"] != "link")
        .map(|address| format!("{}/{}", text(address, "local"), address["prefixlen"]))
        .collect()
}

/// Returns everything `ip -d -j address` says about each address of a link.
#[must_use]
pub fn address_objects(name: &str) -> Vec<Value> {
    let links = list(&["-d", "address", "show", "dev", name]);
    links
        .iter()
        .flat_map(|link| link["addr_info"].as_array().cloned().unwrap_or_default())
        .collect()
}

/// Returns the unicast routes of IPv4 and then IPv6, in all tables but the local one, without the kernel's for
/// link-local and multicast addresses.
#[must_use]
pub fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    for family in ["-4", "-6"] {
        for route in list(&[family, "-d", "route", "show", "table", "all"]) {
            let dst = text(&route, "dst");
            let internal =
                route["table"] == "local" || dst.starts_with("fe80:") || dst.starts_with("ff00:");
            if !internal && route["type"] == "unicast" {
                routes.push(parse_route(route));
            }
        }
    }
    routes
}

/// Returns the routes through a link that the kernel did not make itself.
#[must_use]
pub fn configured_routes(name: &str) -> Vec<Route> {
    routes()
        .into_iter()
        .filter(|route| route.dev.as_deref() == Some(name) && route.all["protocol"] != "kernel")
        .collect()
}

/// Returns the value of a sysctl, as `net/ipv4/conf/net1/arp_notify`.
#[must_use]
pub fn sysctl(path: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/sys/{path}"))
        .ok()
        .map(|text| text.trim().to_owned())
}

fn parse_link(link: &Value) -> Link {
    let up = link["flags"]
        .as_array()
        .is_some_and(|flags| flags.iter().any(|flag| flag == "UP"));
    Link {
        index: link["ifindex"].as_u64().expect("a link has an index"),
        name: text(link, "ifname"),
        kind: text(&link["linkinfo"], "info_kind"),
        data: link["linkinfo"]["info_data"].clone(),
        mac: text(link, "address"),
        mtu: link["mtu"].as_u64().expect("a link has an MTU"),
        up,
        all: link.clone(),
    }
}

fn parse_route(route: Value) -> Route {
    let optional = |key: &str| match &route[key] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    Route {
        dst: text(&route, "dst"),
        gateway: optional("gateway"),
        dev: optional("dev"),
        scope: optional("scope"),
        metric: route["metric"].as_u64(),
        table: optional("table"),
        onlink: route["flags"]
            .as_array()
            .is_some_and(|flags| flags.iter().any(|flag| flag == "onlink")),
        all: route,
    }
}

fn text(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn list(arguments: &[&str]) -> Vec<Value> {
    let program = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"]
        .into_iter()
        .find(|path| std::path::Path::new(path).is_file())
        .expect("ip is not installed; on Debian: apt-get install iproute2");
    let output = Command::new(program)
        .arg("-j")
        .args(arguments)
        .output()
        .expect("run ip");
    let stderr = String::from_utf8_lossy(&output.stderr);
    // An absent table or link is an empty list to the caller.
    if !output.status.success() || output.stdout.is_empty() {
        assert!(
            stderr.is_empty() || stderr.contains("does not exist"),
            "ip {}: {stderr}",
            arguments.join(" ")
        );
        return Vec::new();
    }
    let value: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("ip {} did not print JSON: {error}", arguments.join(" ")));
    let objects = value.as_array().cloned().unwrap_or_default();
    // `ip -j` prints an empty object for each entry that it filters out.
    objects
        .into_iter()
        .filter(|object| object.as_object().is_some_and(|object| !object.is_empty()))
        .collect()
}
