//! What becomes of a result: the annotation `k8s.v1.cni.cncf.io/network-status`.

use cni::AddResult;
use serde_json::{Value, json};

/// Returns the object of a network that is not the pod's default one, with the keys that Go would leave out left out.
pub(crate) fn network_status(result: &Value, network: &str) -> Value {
    let result = AddResult::from_json(result).expect("a result of the specification");
    let mut status = json!({"name": network});
    // Only an interface with a sandbox is the pod's.
    if let Some(interface) = result.interfaces.iter().rfind(|one| one.sandbox.is_some()) {
        status["interface"] = json!(interface.name);
        status["mac"] = json!(interface.mac);
        status["mtu"] = json!(interface.mtu);
    }
    let ips: Vec<_> = result.ips.iter().map(|ip| ip.address.ip()).collect();
    status["ips"] = json!(ips);
    let gateways: Vec<_> = result
        .routes
        .iter()
        .filter(|route| route.dst.prefix() == 0)
        // A route without a next hop is printed as Go prints no address.
        .map(|route| route.gw.map_or("<nil>".to_owned(), |gw| gw.to_string()))
        .collect();
    status["gateway"] = json!(gateways);
    let dns = &result.dns;
    status["dns"] = json!({
        "nameservers": dns.nameservers, "domain": dns.domain, "search": dns.search, "options": dns.options,
    });
    omit_empty(&mut status["dns"]);
    omit_empty(&mut status);
    status
}

fn omit_empty(object: &mut Value) {
    if let Some(object) = object.as_object_mut() {
        object.retain(|key, value| {
            let empty = value.is_null() || value == &json!([]) || value == &json!("");
            key == "dns" || !empty
        });
    }
}
