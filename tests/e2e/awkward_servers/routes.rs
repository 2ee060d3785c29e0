//! Routers and routes (RFC 2132 §3.5, §5.8; RFC 3442).

use super::cases;
use super::outcome::{ordinary_pod, pod};
use super::server::{Script, addresses, classless, replace, server};

cases! {
    a_router_outside_the_subnet: routers(&["10.9.9.1"])
        => ordinary_pod().result_gateway("10.9.9.1").route("default via 10.9.9.1 onlink").reaches("10.9.9.1")
            .differs("Go: a router outside the subnet fails the ADD");
    a_host_address_with_its_router_elsewhere: server(|reply| {
        let reply = reply.yiaddr([203, 0, 113, 7].into());
        replace(reply, 1, [255; 4]).with(3, [192, 168, 50, 1])
    })
        => pod("203.0.113.7/32").result_gateway("192.168.50.1").route("default via 192.168.50.1 onlink")
            .lan("203.0.113.1", 24).reaches("10.9.9.1")
            .differs("Go: a router outside the subnet fails the ADD");
    a_subnet_of_two: server(|reply| replace(reply, 1, [255, 255, 255, 254]).with(3, [192, 168, 50, 76]))
        => pod("192.168.50.77/31").gateway("192.168.50.76").lan("192.168.50.76", 31).reaches("10.9.9.1");
    two_routers: routers(&["192.168.50.1", "192.168.50.2"])
        => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: with two routers there is none");
    a_router_that_is_no_host: routers(&["0.0.0.0"]) => ordinary_pod()
            .differs("Go: a router of 0.0.0.0 is taken");
    a_router_after_one_that_is_no_host: routers(&["0.0.0.0", "192.168.50.1"])
        => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: with two routers there is none");
    a_router_that_is_a_group: routers(&["224.0.0.1"]) => ordinary_pod()
            .differs("Go: a router that the kernel refuses fails the ADD");
    a_router_that_is_the_subnets_broadcast_address: routers(&["192.168.50.255"]) => ordinary_pod()
            .differs("Go: a router that the kernel refuses fails the ADD");
    a_router_that_is_the_client: routers(&["192.168.50.77"])
        => ordinary_pod().route("default").reaches("10.9.9.1")
            .differs("Go: the client is its own gateway in the result");
    a_router_cut_short: server(|reply| reply.with(3, [192, 168, 50])) => ordinary_pod();

    classless_on_the_link: routes(&[("10.5.0.0/16", "0.0.0.0"), ("0.0.0.0/0", "192.168.50.1")])
        => ordinary_pod().route("10.5.0.0/16").gateway("192.168.50.1").reaches("10.5.0.9")
            .differs("Go: classless routes give no gateway");
    classless_default_before_the_way_to_its_router: routes(&[("0.0.0.0/0", "10.5.0.1"), ("10.5.0.1/32", "0.0.0.0")])
        => ordinary_pod().route("10.5.0.1").gateway("10.5.0.1").lan("10.5.0.1", 32).reaches("10.9.9.1")
            .differs("Go: routes are set in the order in which they were sent");
    classless_router_behind_a_router: routes(&[("10.7.0.0/16", "10.8.0.1")])
        => ordinary_pod().route("10.7.0.0/16 via 10.8.0.1 onlink").lan("10.8.0.1", 32).reaches("10.7.0.9")
            .differs("Go: a router outside the subnet fails the ADD");
    classless_duplicates: routes(&[
        ("10.0.0.0/8", "192.168.50.1"), ("10.0.0.0/8", "192.168.50.1"), ("10.0.0.0/8", "192.168.50.2"),
        ("0.0.0.0/0", "192.168.50.1"), ("0.0.0.0/0", "192.168.50.2"),
    ])
        => ordinary_pod().route("10.0.0.0/8 via 192.168.50.1").gateway("192.168.50.1").reaches("10.9.9.1")
            .differs("Go: a route sent twice fails the ADD");
    classless_equal_to_the_subnet: routes(&[
        ("192.168.50.0/24", "0.0.0.0"), ("192.168.50.0/24", "192.168.50.1"), ("0.0.0.0/0", "192.168.50.1"),
    ])
        => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: classless routes give no gateway");
    classless_with_host_bits: routes(&[("10.17.0.0/12", "192.168.50.1")])
        => ordinary_pod().route("10.16.0.0/12 via 192.168.50.1").reaches("10.18.0.9")
            .differs("Go: a route with host bits fails the ADD");
    classless_without_a_default_replaces_the_router: with_router(&[("10.0.0.0/8", "192.168.50.1")])
        => ordinary_pod().route("10.0.0.0/8 via 192.168.50.1").reaches("10.9.9.1")
            .differs("Go: the gateway stays that of the router option");
    classless_with_a_default_replaces_the_router: with_router(&[("0.0.0.0/0", "192.168.50.254")])
        => ordinary_pod().gateway("192.168.50.254").lan("192.168.50.254", 32).reaches("10.9.9.1")
            .differs("Go: the gateway stays that of the router option");
    classless_halves_of_the_default: routes(&[("0.0.0.0/1", "192.168.50.1"), ("128.0.0.0/1", "192.168.50.1")])
        => ordinary_pod().route("0.0.0.0/1 via 192.168.50.1").route("128.0.0.0/1 via 192.168.50.1")
            .reaches("203.0.113.9");
    classless_to_nowhere: routes(&[
        ("127.0.0.0/8", "192.168.50.1"), ("224.0.0.0/4", "192.168.50.1"), ("192.168.50.77/32", "192.168.50.1"),
        ("10.0.0.0/8", "224.0.0.1"), ("0.0.0.0/0", "192.168.50.1"),
    ])
        => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: a route that the kernel refuses fails the ADD");
    classless_by_the_subnets_broadcast_address: routes(&[
        ("10.0.0.0/8", "192.168.50.255"), ("0.0.0.0/0", "192.168.50.1"),
    ])
        => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: a route that the kernel refuses fails the ADD");
    classless_empty: malformed(&[]) => ordinary_pod().gateway("192.168.50.1");
    classless_cut_short: malformed(&[8, 10, 192, 168, 50, 1, 16, 10]) => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: what stands before the cut is taken");
    classless_with_too_long_a_prefix: malformed(&[33, 10, 0, 0, 0, 0, 192, 168, 50, 1])
        => ordinary_pod().gateway("192.168.50.1");
    classless_of_three_hundred_bytes: routes(&MANY.map(|route| (route, "192.168.50.1")))
        => MANY.iter().fold(ordinary_pod(), |pod, route| pod.route(&format!("{route} via 192.168.50.1")))
            .differs("Go: an option of more than 255 bytes is lost");
    classless_under_its_old_number: server(|reply| reply.with(249, classless(&[("0.0.0.0/0", "192.168.50.1")])))
        => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: option 249 is not known");
    classless_under_both_numbers: server(|reply| {
        let reply = reply.with(249, classless(&[("0.0.0.0/0", "192.168.50.2")]));
        reply.with(121, classless(&[("0.0.0.0/0", "192.168.50.1")]))
    })
        => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: classless routes give no gateway");

    static_to_a_host: static_routes(&["10.1.2.3", "192.168.50.1"])
        => ordinary_pod().route("10.1.2.3 via 192.168.50.1").reaches("10.1.2.3")
            .differs("Go: a route to a host fails the ADD");
    static_to_classful_networks: static_routes(&[
        "10.0.0.0", "192.168.50.1", "172.16.0.0", "192.168.50.1", "192.168.7.0", "192.168.50.1",
    ])
        => ordinary_pod().route("10.0.0.0/8 via 192.168.50.1").route("172.16.0.0/16 via 192.168.50.1")
            .route("192.168.7.0/24 via 192.168.50.1").reaches("172.16.9.9");
    static_to_everywhere: server(|reply| {
        reply.with(33, addresses(&["0.0.0.0", "192.168.50.2"])).with(3, addresses(&["192.168.50.1"]))
    })
        => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: 0.0.0.0 becomes 0.0.0.0/8");
    static_cut_short: server(|reply| reply.with(33, [10, 0, 0, 0, 192, 168, 50])) => ordinary_pod();
    static_beside_classless: server(|reply| {
        let reply = reply.with(33, addresses(&["10.0.0.0", "192.168.50.1"]));
        reply.with(121, classless(&[("0.0.0.0/0", "192.168.50.1")]))
    })
        => ordinary_pod().gateway("192.168.50.1")
            .differs("Go: classless routes give no gateway");
}

fn routers(list: &'static [&'static str]) -> Script {
    server(|reply| reply.with(3, addresses(list)))
}

fn static_routes(pairs: &'static [&'static str]) -> Script {
    server(|reply| reply.with(33, addresses(pairs)))
}

fn routes(list: &[(&str, &str)]) -> Script {
    let value = classless(list);
    server(move |reply| reply.with(121, value.clone()))
}

fn with_router(list: &[(&str, &str)]) -> Script {
    let value = classless(list);
    server(move |reply| reply.with(121, value.clone()).with(3, [192, 168, 50, 1]))
}

/// A router, and a value of option 121 that is none.
fn malformed(value: &'static [u8]) -> Script {
    server(move |reply| reply.with(121, value).with(3, [192, 168, 50, 1]))
}

/// More routes than one option can hold.
const MANY: [&str; 39] = [
    "10.1.1.0/24",
    "10.1.2.0/24",
    "10.1.3.0/24",
    "10.1.4.0/24",
    "10.1.5.0/24",
    "10.1.6.0/24",
    "10.1.7.0/24",
    "10.1.8.0/24",
    "10.1.9.0/24",
    "10.1.10.0/24",
    "10.1.11.0/24",
    "10.1.12.0/24",
    "10.1.13.0/24",
    "10.1.14.0/24",
    "10.1.15.0/24",
    "10.1.16.0/24",
    "10.1.17.0/24",
    "10.1.18.0/24",
    "10.1.19.0/24",
    "10.1.20.0/24",
    "10.1.21.0/24",
    "10.1.22.0/24",
    "10.1.23.0/24",
    "10.1.24.0/24",
    "10.1.25.0/24",
    "10.1.26.0/24",
    "10.1.27.0/24",
    "10.1.28.0/24",
    "10.1.29.0/24",
    "10.1.30.0/24",
    "10.1.31.0/24",
    "10.1.32.0/24",
    "10.1.33.0/24",
    "10.1.34.0/24",
    "10.1.35.0/24",
    "10.1.36.0/24",
    "10.1.37.0/24",
    "10.1.38.0/24",
    "10.1.39.0/24",
];
