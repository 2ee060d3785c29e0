//! podman with its CNI backend: containers on networks that `podman network create` writes.

use std::time::Duration;

use testbed::runtime::Podman;
use testbed::server::Dnsmasq;
use testbed::{Bed, Daemon, Deadline, Echo, differs, echo, observe};

use crate::traces::{assert_none_on_node, reservations};

const LEASED: [&str; 6] = [
    "network",
    "create",
    "--driver=macvlan",
    "--opt=parent=eth1",
    "--disable-dns",
    "lan",
];

/// A network on `eth1` with addresses of `10.20.0.0/24`.
fn create_range(podman: &Podman) {
    podman.run(&[
        "network",
        "create",
        "--driver=macvlan",
        "--opt=parent=eth1",
        "--subnet=10.20.0.0/24",
        "range",
    ]);
}

fn addresses(podman: &Podman, container: &str, ifname: &str) -> Vec<String> {
    podman.enter(container, || observe::addresses(ifname))
}

fn remove(podman: &Podman, container: &str) {
    podman.run(&["rm", "--force", "--time=0", container]);
}

#[test]
fn a_container_has_a_lease_until_it_is_stopped() {
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let Some(podman) = Podman::start(&bed.node) else {
        return;
    };
    podman.run(&LEASED);
    podman.run_container("box", &["--network=lan"]);
    let lease = dnsmasq
        .wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5))
        .remove(0);
    let known = &podman.networks("box")["lan"];
    assert_eq!(known["IPAddress"], lease.address.to_string());
    assert_eq!(
        (&known["MacAddress"], &known["Gateway"]),
        (&lease.mac.clone().into(), &"192.168.50.1".into())
    );
    assert_eq!(
        addresses(&podman, "box", "eth0"),
        [format!("{}/24", lease.address)]
    );
    let answer = podman.enter("box", || echo(bed.lan.router(), Duration::from_secs(5)));
    assert!(matches!(answer, Echo::Answered(_)), "{answer:?}");
    podman.run(&["stop", "--time=0", "box"]);
    dnsmasq.wait_for(&["DHCPRELEASE", &lease.mac], Deadline::secs(10));
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
    remove(&podman, "box");
    assert_none_on_node(&bed.node);
}

#[test]
fn a_restarted_container_has_one_lease() {
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let Some(podman) = Podman::start(&bed.node) else {
        return;
    };
    podman.run(&LEASED);
    podman.run_container("box", &["--network=lan"]);
    for _ in 0..2 {
        podman.run(&["restart", "--time=0", "box"]);
        let leases = dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(10));
        let expected = format!("{}/24", leases[0].address);
        assert_eq!(addresses(&podman, "box", "eth0"), [expected]);
        let mac = podman.enter("box", || observe::link("eth0")).unwrap().mac;
        assert_eq!(mac, leases[0].mac);
    }
    remove(&podman, "box");
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
}

#[test]
fn a_container_has_the_address_and_the_mac_that_are_asked_for() {
    let bed = Bed::new();
    let Some(podman) = Podman::start(&bed.node) else {
        return;
    };
    create_range(&podman);
    podman.run_container(
        "asking",
        &[
            "--network=range",
            "--ip=10.20.0.77",
            "--mac-address=02:00:00:00:00:77",
        ],
    );
    assert_eq!(addresses(&podman, "asking", "eth0"), ["10.20.0.77/24"]);
    let link = podman.enter("asking", || observe::link("eth0")).unwrap();
    assert_eq!(link.mac, "02:00:00:00:00:77");
    podman.run_container("next", &["--network=range"]);
    assert_eq!(addresses(&podman, "next", "eth0"), ["10.20.0.78/24"]);
    let error = podman
        .try_run_container("late", &["--network=range", "--ip=10.20.0.77"])
        .unwrap_err();
    assert!(error.contains("10.20.0.77"), "{error}");
    differs("Go: the error does not say who has the address", || {
        assert!(error.contains("reserved for"), "{error}");
    });
    assert_eq!(
        reservations(&bed.node, "range"),
        ["10.20.0.77", "10.20.0.78"]
    );
    // What podman has kept of the failed container goes too.
    for container in ["asking", "next", "late"] {
        remove(&podman, container);
    }
    assert_eq!(reservations(&bed.node, "range"), [""; 0]);
    assert_none_on_node(&bed.node);
}

#[test]
fn a_running_container_is_connected_to_a_second_network_and_disconnected() {
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let Some(podman) = Podman::start(&bed.node) else {
        return;
    };
    podman.run(&LEASED);
    create_range(&podman);
    podman.run_container("box", &["--network=range"]);
    podman.run(&["network", "connect", "lan", "box"]);
    let lease = dnsmasq
        .wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5))
        .remove(0);
    let leased = format!("{}/24", lease.address);
    assert_eq!(addresses(&podman, "box", "eth1"), [leased.as_str()]);
    podman.run(&["network", "disconnect", "range", "box"]);
    assert_eq!(podman.enter("box", observe::link_names), ["eth1"]);
    assert_eq!(reservations(&bed.node, "range"), [""; 0]);
    podman.run(&["network", "connect", "--ip=10.20.0.9", "range", "box"]);
    assert_eq!(addresses(&podman, "box", "eth0"), ["10.20.0.9/24"]);
    podman.run(&["network", "disconnect", "lan", "box"]);
    dnsmasq.wait_for(&["DHCPRELEASE", &lease.mac], Deadline::secs(10));
    remove(&podman, "box");
    assert_eq!(reservations(&bed.node, "range"), [""; 0]);
    assert_none_on_node(&bed.node);
}

#[test]
fn a_container_on_two_networks_has_an_interface_on_each() {
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let daemon = Daemon::start(&bed.node, &[]);
    let Some(podman) = Podman::start(&bed.node) else {
        return;
    };
    podman.run(&LEASED);
    create_range(&podman);
    podman.run_container(
        "box",
        &[
            "--network=lan:interface_name=net7",
            "--network=range:ip=10.20.0.5",
        ],
    );
    let lease = dnsmasq
        .wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5))
        .remove(0);
    let leased = format!("{}/24", lease.address);
    assert_eq!(addresses(&podman, "box", "net7"), [leased.as_str()]);
    let names = podman.enter("box", observe::link_names);
    let other = names.iter().find(|name| *name != "net7").unwrap();
    assert_eq!(addresses(&podman, "box", other), ["10.20.0.5/24"]);
    // The daemon is not there when the container goes.
    daemon.stop();
    remove(&podman, "box");
    assert_eq!(reservations(&bed.node, "range"), [""; 0]);
    assert_none_on_node(&bed.node);
}
