//! Routes as users and servers write them, and what becomes of each.

use cni::{IpConfig, Route};

use super::routes;

fn ip(address: &str, gateway: &str) -> IpConfig {
    let gateway = (!gateway.is_empty()).then(|| gateway.parse().unwrap());
    IpConfig {
        interface: Some(0),
        address: address.parse().unwrap(),
        gateway,
    }
}

fn route(dst: &str, gw: &str) -> Route {
    Route::new(
        dst.parse().unwrap(),
        (!gw.is_empty()).then(|| gw.parse().unwrap()),
    )
}

/// Plans and prints the routes as `DST [via GW] [onlink] [table T] [scope S]`.
fn plan(ips: &[IpConfig], given: &[Route]) -> Vec<String> {
    let ips: Vec<_> = ips.iter().collect();
    let print = |planned: &super::Planned<'_>| {
        let new = planned.new;
        let gw = new.gw.map(|gw| format!(" via {gw}")).unwrap_or_default();
        let onlink = if new.onlink { " onlink" } else { "" };
        let table = if new.table == 254 {
            String::new()
        } else {
            format!(" table {}", new.table)
        };
        let scope = new
            .scope
            .map(|scope| format!(" scope {scope}"))
            .unwrap_or_default();
        format!("{}{gw}{onlink}{table}{scope}", new.dst)
    };
    routes(7, &ips, given).iter().map(print).collect()
}

#[test]
fn link_routes_come_first_and_the_default_last() {
    let planned = plan(
        &[ip("10.0.0.9/24", "10.0.0.1")],
        &[
            route("0.0.0.0/0", "10.0.0.1"),
            route("10.5.0.0/16", "10.0.0.1"),
            route("10.5.6.0/24", "10.0.0.1"),
            route("192.0.2.1/32", "0.0.0.0"),
        ],
    );
    assert_eq!(
        planned,
        [
            "192.0.2.1/32",
            "10.5.6.0/24 via 10.0.0.1",
            "10.5.0.0/16 via 10.0.0.1",
            "0.0.0.0/0 via 10.0.0.1"
        ]
    );
}

#[test]
fn a_route_without_gateway_gets_the_first_of_its_family() {
    let ips = [
        ip("10.0.0.9/24", ""),
        ip("10.1.0.9/24", "10.1.0.1"),
        ip("fd00::9/64", "fd00::1"),
    ];
    let planned = plan(
        &ips,
        &[
            route("0.0.0.0/0", ""),
            route("::/0", ""),
            route("10.9.0.0/16", ""),
        ],
    );
    assert_eq!(
        planned,
        [
            "10.9.0.0/16 via 10.1.0.1",
            "0.0.0.0/0 via 10.1.0.1",
            "::/0 via fd00::1"
        ]
    );
}

#[test]
fn without_any_gateway_the_destination_is_on_the_link() {
    assert_eq!(
        plan(&[ip("10.0.0.9/24", "")], &[route("0.0.0.0/0", "")]),
        ["0.0.0.0/0"]
    );
}

#[test]
fn link_scope_means_no_gateway() {
    let scoped = Route {
        scope: Some(253),
        ..route("192.0.2.1/32", "")
    };
    assert_eq!(
        plan(&[ip("10.0.0.9/24", "10.0.0.1")], &[scoped]),
        ["192.0.2.1/32 scope 253"]
    );
}

#[test]
fn the_unspecified_address_means_no_gateway() {
    let ips = [ip("10.0.0.9/24", "10.0.0.1"), ip("fd00::9/64", "fd00::1")];
    let planned = plan(
        &ips,
        &[route("10.9.0.0/16", "0.0.0.0"), route("fd09::/64", "::")],
    );
    assert_eq!(planned, ["fd09::/64", "10.9.0.0/16"]);
}

#[test]
fn a_gateway_off_the_subnet_is_taken_to_be_on_the_link() {
    let planned = plan(
        &[ip("198.51.100.7/32", "172.31.1.1")],
        &[route("0.0.0.0/0", "")],
    );
    assert_eq!(planned, ["0.0.0.0/0 via 172.31.1.1 onlink"]);
    let planned = plan(
        &[ip("fd00::9/128", "")],
        &[route("::/0", "fd01::1"), route("fd02::/64", "fe80::1")],
    );
    assert_eq!(
        planned,
        ["fd02::/64 via fe80::1", "::/0 via fd01::1 onlink"]
    );
}

#[test]
fn a_link_route_to_the_gateway_makes_onlink_needless() {
    let planned = plan(
        &[ip("198.51.100.7/32", "")],
        &[
            route("0.0.0.0/0", "172.31.1.1"),
            route("172.31.1.1/32", "0.0.0.0"),
        ],
    );
    assert_eq!(planned, ["172.31.1.1/32", "0.0.0.0/0 via 172.31.1.1"]);
}

#[test]
fn what_the_kernel_makes_by_itself_is_left_to_it() {
    let ips = [ip("10.0.0.9/24", "10.0.0.1"), ip("fd00::9/64", "")];
    assert!(
        plan(
            &ips,
            &[
                route("10.0.0.0/24", ""),
                route("10.0.0.0/24", "0.0.0.0"),
                route("fd00::/64", "")
            ]
        )
        .is_empty()
    );
}

#[test]
fn the_own_subnet_is_made_where_it_differs_from_the_kernels() {
    let ips = [ip("10.0.0.9/24", "10.0.0.1")];
    let in_table = Route {
        table: Some(100),
        ..route("10.0.0.0/24", "")
    };
    let with_mtu = Route {
        mtu: Some(1400),
        ..route("10.0.0.0/24", "")
    };
    assert_eq!(plan(&ips, &[in_table]), ["10.0.0.0/24 table 100"]);
    assert_eq!(plan(&ips, &[with_mtu]), ["10.0.0.0/24"]);
    assert_eq!(
        plan(&ips, &[route("10.0.0.0/24", "10.0.0.2")]),
        ["10.0.0.0/24 via 10.0.0.2"]
    );
}

#[test]
fn the_gateway_may_lie_in_the_destination() {
    let planned = plan(&[ip("10.0.0.9/24", "")], &[route("10.0.0.0/8", "10.0.0.1")]);
    assert_eq!(planned, ["10.0.0.0/8 via 10.0.0.1"]);
}

#[test]
fn duplicates_are_left_out_and_alternatives_are_not() {
    let given = [
        route("10.9.0.0/16", "10.0.0.1"),
        route("10.9.0.0/16", "10.0.0.1"),
        route("10.9.0.0/16", "10.0.0.2"),
    ];
    let planned = plan(&[ip("10.0.0.9/24", "10.0.0.1")], &given);
    assert_eq!(
        planned,
        ["10.9.0.0/16 via 10.0.0.1", "10.9.0.0/16 via 10.0.0.2"]
    );
}

#[test]
fn bits_beyond_the_prefix_are_cleared() {
    let planned = plan(&[ip("10.0.0.9/24", "")], &[route("10.1.2.3/8", "10.0.0.1")]);
    assert_eq!(planned, ["10.0.0.0/8 via 10.0.0.1"]);
}

#[test]
fn table_zero_is_the_main_table() {
    let zero = Route {
        table: Some(0),
        ..route("10.9.0.0/16", "10.0.0.1")
    };
    assert_eq!(
        plan(&[ip("10.0.0.9/24", "")], &[zero]),
        ["10.9.0.0/16 via 10.0.0.1"]
    );
}

#[test]
fn a_subnet_of_two_keeps_its_lower_address() {
    let planned = plan(&[ip("10.0.0.0/31", "10.0.0.1")], &[route("0.0.0.0/0", "")]);
    assert_eq!(planned, ["0.0.0.0/0 via 10.0.0.1"]);
}
