//! What a lease and a network's configuration together mean for a pod, as a CNI result.

use std::net::{IpAddr, Ipv4Addr};

use cni::{AddResult, Dns, IpConfig, Route};
use dhcp_client::Lease;
use dhcp_client::routes::{self, PlannedRoute};
use ipnetwork::IpNetwork;

use crate::lease_config::{LeaseConfig, Suppressed};

/// Returns the address, routes and name service of `lease`.
pub(crate) fn of_lease(lease: &Lease, config: &LeaseConfig) -> AddResult {
    let plan = routes::plan(lease);
    let gateway = plan
        .gateway
        .filter(|_| !config.suppresses(Suppressed::Gateway));
    let ip = IpConfig {
        interface: None,
        address: IpNetwork::V4(lease.network()),
        gateway: gateway.map(IpAddr::V4),
    };
    let leased = plan.routes.iter().filter(|route| wanted(route, config));
    let leased = leased.map(|route| leased_route(route, config));
    let own: Vec<Route> = config.routes.iter().map(Route::from).collect();
    let leased = leased.filter(|route| !own.iter().any(|own| own.dst == route.dst));
    let routes = leased.chain(own.iter().cloned()).collect();
    AddResult {
        interfaces: Vec::new(),
        ips: vec![ip],
        routes,
        dns: name_service(lease, config),
    }
}

fn wanted(route: &PlannedRoute, config: &LeaseConfig) -> bool {
    let is_default = route.dst.prefix() == 0;
    let unwanted = config.suppresses(Suppressed::Routes)
        || is_default && config.suppresses(Suppressed::Gateway);
    !unwanted
}

fn leased_route(route: &PlannedRoute, config: &LeaseConfig) -> Route {
    // A route without any gateway would get that of the address. The reference says 0.0.0.0 too.
    let gateway = route.gw.unwrap_or(Ipv4Addr::UNSPECIFIED);
    Route {
        priority: config.priority,
        scope: route.gw.is_none().then_some(LINK_SCOPE),
        ..Route::new(IpNetwork::V4(route.dst), Some(IpAddr::V4(gateway)))
    }
}

fn name_service(lease: &Lease, config: &LeaseConfig) -> Dns {
    if config.suppresses(Suppressed::Dns) {
        return Dns::default();
    }
    Dns {
        nameservers: lease.dns.iter().map(ToString::to_string).collect(),
        domain: lease.domain.clone(),
        search: lease.search.clone(),
        options: Vec::new(),
    }
}

/// rtnetlink(7): `RT_SCOPE_LINK`.
const LINK_SCOPE: u8 = 253;

#[cfg(test)]
mod tests {
    use dhcp_client::{ClasslessRoute, Instant};
    use serde_json::{Value, json};

    use super::*;

    fn lease() -> Lease {
        let lease = json!({
            "address": "192.0.2.5", "prefix_len": 24, "server_id": "192.0.2.1",
            "acquired_at": Instant::default(),
            "routers": ["192.0.2.1"], "dns": ["192.0.2.2", "192.0.2.3"],
            "domain": "example.net", "search": ["pods.example.net"],
        });
        serde_json::from_value(lease).unwrap()
    }

    fn config(keys: &Value) -> LeaseConfig {
        let mut config = json!({
            "clientId": "none", "hostname": null, "request": [], "provide": [], "routes": [],
            "suppress": [], "priority": null, "timeoutMs": null, "conflictDetection": "off",
            "broadcast": null, "onAddressChange": "apply",
        });
        for (key, value) in keys.as_object().unwrap() {
            config[key] = value.clone();
        }
        serde_json::from_value(config).unwrap()
    }

    fn route(dst: &str, gw: &str) -> Route {
        Route::new(dst.parse().unwrap(), Some(gw.parse().unwrap()))
    }

    #[test]
    fn the_router_is_the_gateway_and_the_default_route() {
        let result = of_lease(&lease(), &config(&json!({})));
        assert_eq!(result.ips[0].address, "192.0.2.5/24".parse().unwrap());
        assert_eq!(result.ips[0].gateway, Some("192.0.2.1".parse().unwrap()));
        assert_eq!(result.routes, [route("0.0.0.0/0", "192.0.2.1")]);
        assert_eq!(result.dns.nameservers, ["192.0.2.2", "192.0.2.3"]);
        assert_eq!(result.dns.domain.as_deref(), Some("example.net"));
        assert_eq!(result.dns.search, ["pods.example.net"]);
    }

    #[test]
    fn a_route_on_the_link_has_the_references_shape() {
        let on_link = ClasslessRoute {
            destination: "198.51.100.0/24".parse().unwrap(),
            router: Ipv4Addr::UNSPECIFIED,
        };
        let lease = Lease {
            classless_routes: Some(vec![on_link]),
            ..lease()
        };
        let result = of_lease(&lease, &config(&json!({"priority": 50})));
        let expected = Route {
            scope: Some(LINK_SCOPE),
            priority: Some(50),
            ..route("198.51.100.0/24", "0.0.0.0")
        };
        assert_eq!(result.routes, [expected]);
    }

    #[test]
    fn the_users_routes_are_added_and_win() {
        let routes = json!([
            {"dst": "0.0.0.0/0", "gw": "192.0.2.254"},
            {"dst": "10.0.0.0/8", "gw": "192.0.2.9"},
        ]);
        let result = of_lease(
            &lease(),
            &config(&json!({"routes": routes, "priority": 50})),
        );
        let expected = [
            route("0.0.0.0/0", "192.0.2.254"),
            route("10.0.0.0/8", "192.0.2.9"),
        ];
        assert_eq!(
            result.routes, expected,
            "the priority is for the server's routes"
        );
    }

    #[test]
    fn what_is_suppressed_is_left_out() {
        let without = |part: &str| of_lease(&lease(), &config(&json!({"suppress": [part]})));
        let result = without("gateway");
        assert_eq!((result.ips[0].gateway, result.routes.len()), (None, 0));
        let result = without("routes");
        assert!(result.ips[0].gateway.is_some() && result.routes.is_empty());
        assert!(without("dns").dns.is_empty());
    }
}
