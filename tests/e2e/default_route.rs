//! Which link has the default route of a pod that has several networks.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use testbed::{Attachment, Bed, Daemon, Deadline, Pod, differs, observe, suite, wiring};

use crate::dhcp_changes::Changing;
use crate::networks::{macvlan, macvlan_dhcp, with};

/// A pod whose `eth0` has a default route of each family.
fn pod_with_eth0(bed: &Bed) -> Pod {
    let pod = bed.node.pod("pod");
    pod.add_primary_network();
    pod.enter(|| {
        let address = |last| IpAddr::from(Ipv6Addr::new(0xfd00, 0x244, 0, 0, 0, 0, 0, last));
        wiring::add_address("eth0", address(2), 64);
        wiring::add_default_route("eth0", address(1));
    });
    pod
}

/// A network that brings a default route of each family, and one in a table of its own.
fn dual_stack(choice: Value) -> Value {
    let network = macvlan(json!({
        "type": "static",
        "addresses": [
            {"address": "10.10.0.5/24", "gateway": "10.10.0.1"},
            {"address": "fd00:10::5/64", "gateway": "fd00:10::1"},
        ],
        "routes": [
            {"dst": "0.0.0.0/0"},
            {"dst": "172.16.0.0/12"},
            {"dst": "0.0.0.0/0", "table": 100, "scope": 0},
            {"dst": "::/0"},
        ],
    }));
    with(
        network,
        json!({"cniVersion": "1.1.0", "defaultRoute": choice}),
    )
}

/// The links of the default routes of the main table, the one that is used first.
fn owners(pod: &Pod, family: &str) -> Vec<String> {
    let any = if family == "-4" { "." } else { ":" };
    let routes = pod.enter(observe::routes);
    let defaults = routes.iter().filter(|route| {
        let gateway = route.gateway.as_deref().unwrap_or_default();
        // The next hops of a shared route have no gateway of their own in `ip -j`.
        let is_shared = route.all["nexthops"].is_array() && family == "-6";
        route.dst == "default"
            && route.table.as_deref() == Some("main")
            && (gateway.contains(any) || is_shared)
    });
    defaults
        .flat_map(|route| match route.all["nexthops"].as_array() {
            Some(hops) => hops
                .iter()
                .map(|hop| hop["dev"].as_str().unwrap_or_default().to_owned())
                .collect(),
            None => vec![route.dev.clone().unwrap_or_default()],
        })
        .collect()
}

fn destinations(result: &Value) -> Vec<String> {
    let routes = result["routes"].as_array().expect("routes").iter();
    routes
        .map(|route| match route["table"].as_u64() {
            Some(table) => format!("{} in {table}", route["dst"].as_str().unwrap()),
            None => route["dst"].as_str().unwrap().to_owned(),
        })
        .collect()
}

#[test]
fn by_default_the_new_link_has_it_and_shares_that_of_ipv6() {
    let bed = Bed::new();
    let pod = pod_with_eth0(&bed);
    let routes = json!([{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]);
    let network = with(
        dual_stack(json!(null)),
        json!({"cniVersion": "1.0.0", "ipam": {"routes": routes}}),
    );
    Attachment::new(&pod, network).add();
    assert_eq!(owners(&pod, "-4"), ["net1", "eth0"]);
    let mut ipv6 = owners(&pod, "-6");
    ipv6.sort();
    assert_eq!(ipv6, ["eth0", "net1"]);
}

#[test]
fn it_is_left_out_where_it_is_present_and_of_the_result_too() {
    let bed = Bed::new();
    let pod = pod_with_eth0(&bed);
    let network = dual_stack(json!("unless-present"));
    let outcome = Attachment::new(&pod, network.clone()).try_add();
    differs(
        "Go: this release knows neither 1.1.0 nor defaultRoute",
        || {
            let result = outcome.ok();
            assert_eq!(destinations(&result), ["172.16.0.0/12", "0.0.0.0/0 in 100"]);
            assert_eq!(
                result["ips"][0]["gateway"], "10.10.0.1",
                "the other routes are by the gateway"
            );
            let attachment = Attachment::new(&pod, network).prev_result(Some(result));
            attachment.check();
            assert_eq!(owners(&pod, "-4"), ["eth0"]);
            assert_eq!(owners(&pod, "-6"), ["eth0"]);
            let own = pod.enter(|| observe::configured_routes("net1"));
            assert!(
                own.iter()
                    .any(|route| route.table.as_deref() == Some("100"))
            );
            attachment.del();
        },
    );
}

#[test]
fn each_family_is_looked_at_for_itself() {
    if suite().is_reference() {
        return;
    }
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    pod.add_primary_network();
    let mut attachment = Attachment::new(&pod, dual_stack(json!("unless-present")));
    attachment.add();
    attachment.check();
    assert_eq!(owners(&pod, "-4"), ["eth0"]);
    assert_eq!(owners(&pod, "-6"), ["net1"]);
}

#[test]
fn where_none_is_present_the_link_has_it() {
    if suite().is_reference() {
        return;
    }
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, dual_stack(json!("unless-present")));
    attachment.add();
    attachment.check();
    assert_eq!(owners(&pod, "-4"), ["net1"]);
    assert_eq!(owners(&pod, "-6"), ["net1"]);
}

#[test]
fn never_means_that_the_link_has_it_not_even_alone() {
    if suite().is_reference() {
        return;
    }
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, dual_stack(json!("never")));
    assert_eq!(
        destinations(&attachment.add()),
        ["172.16.0.0/12", "0.0.0.0/0 in 100"]
    );
    attachment.check();
    assert_eq!(owners(&pod, "-4"), [""; 0]);
    assert_eq!(owners(&pod, "-6"), [""; 0]);
}

#[test]
fn a_metric_leaves_the_place_to_a_route_without_one() {
    if suite().is_reference() {
        return testbed::not_run("Go: the routes of this release have no priority");
    }
    let bed = Bed::new();
    let pod = pod_with_eth0(&bed);
    let network = with(
        dual_stack(json!("always")),
        json!({"ipam": {"routes": [{"dst": "0.0.0.0/0", "priority": 50}, {"dst": "::/0", "priority": 2048}]}}),
    );
    let mut attachment = Attachment::new(&pod, network.clone());
    attachment.add();
    attachment.check();
    assert_eq!(owners(&pod, "-4"), ["eth0", "net1"]);
    assert_eq!(owners(&pod, "-6"), ["eth0", "net1"]);
    attachment.del();
    let unless = with(network, json!({"defaultRoute": "unless-present"}));
    Attachment::new(&pod, unless).add();
    assert_eq!(owners(&pod, "-4"), ["eth0"], "whatever its metric");
}

#[test]
fn an_unknown_choice_is_an_error_that_names_the_known_ones() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let network = with(dual_stack(json!("maybe")), json!({"cniVersion": "1.0.0"}));
    let outcome = Attachment::new(&pod, network).try_add();
    differs("Go: defaultRoute is no key", || {
        let error = outcome.error();
        assert_eq!(error.code, 2);
        assert!(
            error.msg.contains("\"maybe\"") && error.msg.contains("unless-present"),
            "{error:?}"
        );
    });
}

/// A lease whose router changes, on a pod with this choice; returns the owners before and after.
fn change_of_router(
    bed: &Bed,
    pod: &Pod,
    choice: &str,
    meanwhile: impl FnOnce(),
) -> [Vec<String>; 2] {
    let server = Changing::new(600, 3, 300);
    let _serving = server.start(bed);
    let daemon = Daemon::start(&bed.node, &[]);
    let network = with(macvlan_dhcp(), json!({"defaultRoute": choice}));
    let mut attachment = Attachment::new(pod, network);
    attachment.add();
    attachment.check();
    let before = owners(pod, "-4");
    meanwhile();
    server.router.store(9, Ordering::SeqCst);
    daemon
        .log()
        .wait_for(|line| line.contains("is now"), Deadline::secs(20));
    [before, owners(pod, "-4")]
}

fn reference_does_not() -> bool {
    if suite().is_reference() {
        testbed::not_run("the Go daemon never changes a pod after ADD");
    }
    suite().is_reference()
}

#[test]
fn a_changed_lease_does_not_bring_what_add_has_left_out() {
    if reference_does_not() {
        return;
    }
    for choice in ["unless-present", "never"] {
        let bed = Bed::new();
        let pod = pod_with_eth0(&bed);
        let owners = change_of_router(&bed, &pod, choice, || ());
        assert_eq!(owners, [["eth0"], ["eth0"]], "{choice}");
    }
}

#[test]
fn a_changed_lease_keeps_what_add_has_given() {
    if reference_does_not() {
        return;
    }
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    let later = || pod.add_primary_network();
    let [before, after] = change_of_router(&bed, &pod, "unless-present", later);
    assert_eq!((before, after.len()), (vec!["net1".to_owned()], 2));
    let gateways: Vec<_> = pod
        .enter(|| observe::configured_routes("net1"))
        .into_iter()
        .map(|route| route.gateway)
        .collect();
    assert_eq!(gateways, [Some("192.168.50.9".to_owned())]);
}
