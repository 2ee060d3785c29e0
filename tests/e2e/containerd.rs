//! containerd's CRI: pods made, stopped and removed as kubelet has it done, on the network lists in `conf/cni`.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use serde_json::Value;
use testbed::runtime::{Containerd, PodSandbox};
use testbed::server::{Dnsmasq, DnsmasqOptions};
use testbed::{Bed, Daemon, Deadline, Echo, LanAddresses, Node, echo, not_run, observe, suite};

use crate::dhcp_daemon::{records, reference_cannot};

#[test]
fn a_pod_has_a_lease_until_it_is_stopped() {
    let bed = Bed::new();
    bed.node.add_default_route(&bed.lan);
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let Some(containerd) = Containerd::start(&bed.node, &list("macvlan-dhcp")) else {
        return;
    };
    let pod = containerd.run_pod("pod");
    let leases = dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5));
    assert_eq!(addresses(&pod), [leases[0].address.to_string()]);
    let link = pod.enter(|| observe::link("eth0")).unwrap();
    assert_eq!((link.kind.as_str(), &link.mac), ("macvlan", &leases[0].mac));
    assert!(pod.enter(|| observe::link("lo")).unwrap().up);
    assert_reaches(&pod, bed.lan.router());
    pod.stop().unwrap();
    // The daemon would notice by and by that the pod has gone; here it was told.
    assert_eq!(records(&bed.node), [""; 0]);
    dnsmasq.wait_for(&["DHCPRELEASE", &leases[0].mac], Deadline::secs(10));
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
    assert!(!pod.status().ready);
    pod.stop().unwrap();
    pod.remove().unwrap();
    assert_nothing_is_left(&containerd, &bed.node);
}

#[test]
fn a_pod_has_an_address_of_the_nodes_range_until_it_is_stopped() {
    let bed = Bed::new();
    bed.lan.add_address(Ipv4Addr::new(10, 10, 20, 1).into(), 24);
    let Some(containerd) = Containerd::start(&bed.node, &list("macvlan-host-local")) else {
        return;
    };
    let files = "/var/lib/cni/networks/macvlan-conf-1";
    let taken = || {
        let mut names = bed.node.list(files);
        names.retain(|name| name.starts_with("10."));
        names
    };
    let pod = containerd.run_pod("pod");
    assert_eq!(addresses(&pod), ["10.10.20.2"]);
    assert_eq!(taken(), ["10.10.20.2"]);
    let file = bed.node.read(Path::new(files).join("10.10.20.2")).unwrap();
    assert_eq!(file.replace("\r\n", " "), format!("{} eth0", pod.id()));
    assert_reaches(&pod, Ipv4Addr::new(10, 10, 20, 1));
    let other = containerd.run_pod("other");
    assert_eq!(addresses(&other), ["10.10.20.3"]);
    assert_reaches(&other, Ipv4Addr::new(10, 10, 20, 2));
    pod.stop().unwrap();
    assert_eq!(taken(), ["10.10.20.3"]);
    pod.stop().unwrap();
    pod.remove().unwrap();
    // Without a stop before it.
    other.remove().unwrap();
    assert_eq!(taken(), [""; 0]);
    assert_nothing_is_left(&containerd, &bed.node);
}

#[test]
fn every_network_list_that_is_shipped_gives_a_pod_its_addresses() {
    let lists = [
        ("macvlan-dhcp", &["192.168.0.100"][..]),
        ("macvlan-dhcp-routes", &["192.168.0.100"]),
        ("macvlan-host-local", &["10.10.20.2"]),
        ("macvlan-static", &["192.168.0.40"]),
        ("macvlan-dual-stack", &["10.10.20.100", "fd00:10:20::100"]),
    ];
    let shipped = fs::read_dir(conf()).unwrap().flatten();
    let shipped =
        shipped.filter(|entry| entry.path().extension().is_some_and(|it| it == "conflist"));
    assert_eq!(shipped.count(), lists.len());
    for (name, expected) in lists {
        let bed = Bed::with_lan(LanAddresses {
            ipv4: (Ipv4Addr::new(192, 168, 0, 1), 24),
            ipv6: None,
        });
        bed.node.add_default_route(&bed.lan);
        let range = (bed.lan.address(100), bed.lan.address(100));
        let options = DnsmasqOptions::new(&bed.lan).range(range.0, range.1);
        let _dnsmasq = Dnsmasq::start_with(&bed.lan, options);
        let _daemon = Daemon::start(&bed.node, &[]);
        let Some(containerd) = Containerd::start(&bed.node, &list(name)) else {
            return;
        };
        let pod = containerd.run_pod("pod");
        assert_eq!(addresses(&pod), expected, "{name}");
        pod.remove().unwrap();
        assert_nothing_is_left(&containerd, &bed.node);
    }
}

#[test]
fn a_lease_is_released_although_the_namespace_has_vanished() {
    let bed = Bed::new();
    bed.node.add_default_route(&bed.lan);
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let Some(containerd) = Containerd::start(&bed.node, &list("macvlan-dhcp")) else {
        return;
    };
    for remove_file in [false, true] {
        let pod = containerd.run_pod("pod");
        let leases = dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5));
        take_away_netns(&bed.node, &pod, remove_file);
        pod.stop().unwrap();
        assert_eq!(records(&bed.node), [""; 0]);
        let address = leases[0].address.to_string();
        dnsmasq.wait_for(&["DHCPRELEASE", &address], Deadline::secs(10));
        dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
        pod.stop().unwrap();
        pod.remove().unwrap();
        assert_nothing_is_left(&containerd, &bed.node);
    }
}

#[test]
fn an_address_is_freed_although_the_namespace_has_vanished() {
    let bed = Bed::new();
    let Some(containerd) = Containerd::start(&bed.node, &list("macvlan-host-local")) else {
        return;
    };
    for remove_file in [false, true] {
        let pod = containerd.run_pod("pod");
        take_away_netns(&bed.node, &pod, remove_file);
        pod.stop().unwrap();
        pod.remove().unwrap();
        assert_nothing_is_left(&containerd, &bed.node);
    }
}

#[test]
fn a_pod_stops_without_the_daemon_and_the_next_one_releases_its_lease() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    bed.node.add_default_route(&bed.lan);
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let mut daemon = Daemon::start(&bed.node, &[]);
    let Some(containerd) = Containerd::start(&bed.node, &list("macvlan-dhcp")) else {
        return;
    };
    let pod = containerd.run_pod("pod");
    let leases = dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5));
    daemon.kill();
    pod.stop().unwrap();
    pod.stop().unwrap();
    pod.remove().unwrap();
    assert_eq!(containerd.pods(), [""; 0]);
    assert_eq!(dnsmasq.leases(), leases);
    daemon.restart();
    let address = leases[0].address.to_string();
    dnsmasq.wait_for(&["DHCPRELEASE", &address], Deadline::secs(10));
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
    assert_nothing_is_left(&containerd, &bed.node);
}

#[test]
fn pods_of_a_runtime_that_was_killed_are_stopped_by_the_next() {
    let bed = Bed::new();
    bed.node.add_default_route(&bed.lan);
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let Some(mut containerd) = Containerd::start(&bed.node, &list("macvlan-dhcp")) else {
        return;
    };
    let pods = ["with", "without"].map(|name| containerd.run_pod(name));
    dnsmasq.wait_for_leases(|leases| leases.len() == 2, Deadline::secs(5));
    take_away_netns(&bed.node, &pods[1], true);
    containerd.crash();
    assert_eq!(containerd.pods().len(), 2);
    for pod in &pods {
        assert!(!pod.status().ready);
        pod.stop().unwrap();
        pod.stop().unwrap();
        pod.remove().unwrap();
    }
    assert_eq!(records(&bed.node), [""; 0]);
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
    assert_nothing_is_left(&containerd, &bed.node);
}

#[test]
fn a_pod_that_cannot_be_made_says_why_leaves_nothing_and_can_be_made_again() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    bed.node.add_default_route(&bed.lan);
    let daemon = Daemon::start(&bed.node, &[]);
    let list = list_with("macvlan-dhcp", |plugin| {
        plugin["ipam"]["timeout"] = "1s".into();
    });
    let Some(containerd) = Containerd::start(&bed.node, &list) else {
        return;
    };
    let error = containerd.try_run_pod("pod").unwrap_err();
    let server = "no DHCP server";
    assert!(error.message.contains(server), "{error}");
    assert_nothing_is_left(&containerd, &bed.node);
    daemon.kill();
    let error = containerd.try_run_pod("pod").unwrap_err();
    assert!(error.message.contains("/run/cni/dhcp.sock"), "{error}");
    assert_nothing_is_left(&containerd, &bed.node);
    drop(daemon);
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = containerd.run_pod("pod");
    dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5));
    pod.remove().unwrap();
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
}

#[test]
fn pods_that_are_made_at_once_have_a_lease_each() {
    let bed = Bed::new();
    bed.node.add_default_route(&bed.lan);
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let Some(containerd) = Containerd::start(&bed.node, &list("macvlan-dhcp")) else {
        return;
    };
    let pods: Vec<_> = at_once((0..6).map(|number| {
        let containerd = &containerd;
        move || containerd.run_pod(&format!("pod{number}"))
    }));
    let leased = dnsmasq.wait_for_leases(|leases| leases.len() == 6, Deadline::secs(5));
    let leased: BTreeSet<_> = leased
        .iter()
        .map(|lease| lease.address.to_string())
        .collect();
    let seen: BTreeSet<_> = pods.iter().flat_map(addresses).collect();
    assert_eq!(seen, leased);
    at_once(pods.iter().map(|pod| || pod.remove().unwrap()));
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
    assert_nothing_is_left(&containerd, &bed.node);
}

#[test]
fn the_nodes_addresses_stay_right_when_the_plugins_are_replaced_under_pods() {
    let Some(reference) = reference_beside() else {
        return;
    };
    for (makers, heirs) in [
        (reference, suite().directory()),
        (suite().directory(), reference),
    ] {
        let bed = Bed::new();
        let Some(containerd) = Containerd::start(&bed.node, &list("macvlan-host-local")) else {
            return;
        };
        containerd.replace_plugins(makers);
        let [old, running] = ["old", "running"].map(|name| containerd.run_pod(name));
        containerd.replace_plugins(heirs);
        let new = containerd.run_pod("new");
        assert_eq!(addresses(&new), ["10.10.20.4"]);
        old.stop().unwrap();
        old.stop().unwrap();
        assert_eq!(addresses(&running), ["10.10.20.3"]);
        assert_reaches(&running, Ipv4Addr::new(10, 10, 20, 4));
        for pod in [old, running, new] {
            pod.remove().unwrap();
        }
        assert_nothing_is_left(&containerd, &bed.node);
    }
}

#[test]
fn pods_with_leases_are_stopped_by_the_suite_that_did_not_make_them() {
    let Some(reference) = reference_beside() else {
        return;
    };
    for (makers, heirs) in [
        (reference, suite().directory()),
        (suite().directory(), reference),
    ] {
        let bed = Bed::new();
        bed.node.add_default_route(&bed.lan);
        let dnsmasq = Dnsmasq::start(&bed.lan);
        let Some(containerd) = Containerd::start(&bed.node, &list("macvlan-dhcp")) else {
            return;
        };
        containerd.replace_plugins(makers);
        let daemon = Daemon::start_of(makers, &bed.node, &[]);
        let old = containerd.run_pod("old");
        let leased = dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5));
        daemon.stop();
        containerd.replace_plugins(heirs);
        let _daemon = Daemon::start_of(heirs, &bed.node, &[]);
        let new = containerd.run_pod("new");
        assert_ne!(addresses(&new), [leased[0].address.to_string()]);
        assert_reaches(&old, bed.lan.router());
        for pod in [old, new] {
            pod.stop().unwrap();
            pod.stop().unwrap();
            pod.remove().unwrap();
        }
        assert_eq!(containerd.pods(), [""; 0]);
        assert_eq!(bed.node.list("/run/netns"), [""; 0]);
        assert_eq!(bed.node.list("/var/lib/cni/results"), [""; 0]);
    }
}

#[test]
fn kubelet_is_told_when_the_daemon_is_down() {
    let bed = Bed::new();
    bed.node.add_default_route(&bed.lan);
    let list = list_with("macvlan-dhcp", |_| {});
    let Some(containerd) = Containerd::start(&bed.node, &list) else {
        return;
    };
    let version = containerd.version();
    let major = version.trim_start_matches('v').split('.').next();
    if major.and_then(|major| major.parse::<u32>().ok()).unwrap() < 2 {
        assert_eq!(containerd.network_obstacle(), None);
        return not_run(&format!(
            "containerd {version} makes no STATUS calls; 2.0 and later do"
        ));
    }
    let obstacle = containerd.network_obstacle().expect("an obstacle");
    assert!(obstacle.contains("/run/cni/dhcp.sock"), "{obstacle}");
    let _daemon = Daemon::start(&bed.node, &[]);
    assert_eq!(containerd.network_obstacle(), None);
}

/// Returns the Go plugins, unless they are not there or are what is under test.
fn reference_beside() -> Option<&'static Path> {
    let directory = Path::new("/usr/lib/cni");
    if suite().is_reference() {
        return None;
    }
    if !directory.join("loopback").is_file() {
        not_run("the Go plugins are not installed (containernetworking-plugins)");
        return None;
    }
    Some(directory)
}

/// Runs each of `works` on a thread of its own.
fn at_once<T: Send>(works: impl Iterator<Item = impl FnOnce() -> T + Send>) -> Vec<T> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = works.map(|work| scope.spawn(work)).collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.collect()
    })
}

/// Unmounts a pod's network namespace from outside, as an eager cleaner does.
fn take_away_netns(node: &Node, pod: &PodSandbox, remove_file: bool) {
    let path = pod.netns();
    node.enter(|| {
        umount2(&path, MntFlags::MNT_DETACH).unwrap();
        if remove_file {
            fs::remove_file(&path).unwrap();
        }
    });
}

#[track_caller]
fn assert_reaches(pod: &PodSandbox, target: Ipv4Addr) {
    let answer = pod.enter(|| echo(target, Duration::from_secs(5)));
    assert!(matches!(answer, Echo::Answered(_)), "{target}: {answer:?}");
}

/// Asserts that of all pods neither the runtime, nor libcni, nor a plugin has anything left.
#[track_caller]
fn assert_nothing_is_left(containerd: &Containerd, node: &Node) {
    assert_eq!(containerd.pods(), [""; 0]);
    assert_eq!(node.list("/run/netns"), [""; 0]);
    assert_eq!(node.list("/var/lib/cni/results"), [""; 0]);
    assert_eq!(records(node), [""; 0]);
    for network in node.list("/var/lib/cni/networks") {
        let mut files = node.list(Path::new("/var/lib/cni/networks").join(network));
        files.retain(|file| file.contains("10.") || file.contains("fd00"));
        assert_eq!(files, [""; 0]);
    }
    let links = node.enter(observe::links);
    let macvlans: Vec<_> = links.iter().filter(|link| link.kind == "macvlan").collect();
    assert!(macvlans.is_empty(), "{macvlans:?}");
}

#[track_caller]
fn addresses(pod: &PodSandbox) -> Vec<String> {
    let status = pod.status();
    assert!(status.ready);
    status.addresses
}

/// Returns a network list of `conf/cni` as it is.
fn list(name: &str) -> String {
    let path = conf().join(format!("{name}.conflist"));
    fs::read_to_string(&path).unwrap()
}

/// Returns a network list of `conf/cni` with its one plugin changed.
fn list_with(name: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut list: Value = serde_json::from_str(&list(name)).unwrap();
    change(&mut list["plugins"][0]);
    list.to_string()
}

fn conf() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf/cni")
}
