//! The lease daemon: restarts, crashes, callers that go away, and neighbors that are in the way.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use testbed::server::{
    Dnsmasq, DnsmasqOptions, Message, MessageType, PlainServer, Reply, ScriptedServer,
};
use testbed::{
    Attachment, Bed, Daemon, Deadline, Invocation, Node, Pod, Sniffer, not_run, suite, wiring,
};

use crate::networks::{macvlan_dhcp, with};

pub(crate) fn reference_cannot() -> bool {
    if suite().is_reference() {
        not_run("the Go daemon forgets its leases, and its socket speaks another protocol");
    }
    suite().is_reference()
}

pub(crate) fn address_of(result: &Value) -> String {
    let address = result["ips"][0]["address"].as_str().unwrap();
    address.split('/').next().unwrap().to_owned()
}

#[test]
fn a_killed_daemons_leases_are_renewed_checked_and_released_by_the_next() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let options = DnsmasqOptions::new(&bed.lan)
        .lease("2m")
        .forced_option("option:T1,4")
        .forced_option("option:T2,60");
    let dnsmasq = Dnsmasq::start_with(&bed.lan, options);
    let mut daemon = Daemon::start(&bed.node, &[]);
    let pods: Vec<_> = (0..3)
        .map(|number| bed.node.pod(&format!("pod{number}")))
        .collect();
    let mut attachments: Vec<_> = pods
        .iter()
        .map(|pod| Attachment::new(pod, macvlan_dhcp()))
        .collect();
    let results: Vec<_> = attachments.iter_mut().map(Attachment::add).collect();
    let leases = dnsmasq.wait_for_leases(|leases| leases.len() == 3, Deadline::secs(5));
    daemon.kill();
    daemon.restart();
    let discovers = dnsmasq.log().count(|line| line.contains("DHCPDISCOVER"));
    for (attachment, result) in attachments.iter().zip(&results) {
        attachment.check();
        let mark = dnsmasq.log().mark();
        let address = address_of(result);
        dnsmasq.log().wait_after(
            mark,
            |line| line.contains("DHCPACK") && line.contains(&address),
            Deadline::secs(20),
        );
    }
    assert_eq!(
        dnsmasq.log().count(|line| line.contains("DHCPDISCOVER")),
        discovers
    );
    dnsmasq.wait_for_leases(|found| found.len() == leases.len(), Deadline::secs(5));
    for (attachment, result) in attachments.iter().zip(&results) {
        attachment.del();
        dnsmasq.wait_for(&["DHCPRELEASE", &address_of(result)], Deadline::secs(10));
    }
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
}

/// A server that offers the LAN's address 77 and never grants it.
fn offering(bed: &Bed) -> ScriptedServer {
    let (address, server, netmask) = (bed.lan.address(77), bed.lan.router(), bed.lan.netmask());
    ScriptedServer::start(&bed.lan, move |message| {
        let offer = message
            .reply(MessageType::Offer)
            .yiaddr(address)
            .with_addresses(54, &[server])
            .with_addresses(1, &[netmask])
            .with_seconds(51, 600);
        match message.kind() {
            Some(MessageType::Discover) => vec![Reply::broadcast(&offer)],
            _ => Vec::new(),
        }
    })
}

#[test]
fn a_lease_asked_for_when_the_daemon_was_killed_is_given_back() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let server = offering(&bed);
    let mut daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    link_in(&pod);
    let running = ipam(&pod, "ADD").start();
    let _request = server.wait_for(MessageType::Request, 1, Deadline::secs(10));
    daemon.kill();
    assert_eq!(running.finish().error().code, 11);
    daemon.restart();
    let release = server.wait_for(MessageType::Release, 1, Deadline::secs(10));
    assert_eq!(
        (release.ciaddr, release.address(54)),
        (bed.lan.address(77), Some(bed.lan.router()))
    );
    daemon
        .log()
        .wait_for(|line| line.contains("released"), Deadline::secs(5));
    assert_eq!(records(&bed.node), [""; 0]);
}

#[test]
fn an_add_that_failed_can_be_made_again_at_once() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let server = offering(&bed);
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    link_in(&pod);
    let error = ipam_with(&pod, "ADD", json!({"timeout": "500ms"}))
        .run()
        .error();
    assert_eq!(error.code, 11, "{error:?}");
    assert!(
        error.msg.contains("within 500ms (1 DISCOVER sent, 1 reply"),
        "{error:?}"
    );
    drop(server);
    let (_server, _log) = PlainServer::new(&bed.lan).start(&bed.lan);
    ipam(&pod, "ADD").run().ok();
}

#[test]
fn sigterm_keeps_the_leases_for_the_next_daemon() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let mut daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let mut attachment = Attachment::new(&pod, macvlan_dhcp());
    let result = attachment.add();
    assert!(daemon.stop().success());
    dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5));
    daemon.restart();
    attachment.check();
    attachment.del();
    dnsmasq.wait_for(&["DHCPRELEASE", &address_of(&result)], Deadline::secs(10));
}

#[test]
fn a_pod_that_died_with_the_daemon_down_is_released_from_the_node() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let mut daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let result = Attachment::new(&pod, macvlan_dhcp()).add();
    dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5));
    daemon.kill();
    pod.destroy();
    daemon.restart();
    dnsmasq.wait_for(&["DHCPRELEASE", &address_of(&result)], Deadline::secs(10));
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
    assert_eq!(records(&bed.node), [""; 0]);
}

#[test]
fn a_pod_that_dies_without_del_is_not_kept_alive_and_its_lease_released() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    let result = Attachment::new(&pod, macvlan_dhcp()).add();
    dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5));
    pod.destroy();
    let targets = daemon.file_targets();
    assert!(
        !targets.iter().any(|target| target.starts_with("net:")),
        "{targets:?}"
    );
    dnsmasq.wait_for(&["DHCPRELEASE", &address_of(&result)], Deadline::secs(40));
}

#[test]
fn fifty_adds_at_once_take_no_thread_each_and_leave_no_file_open() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let _dnsmasq = Dnsmasq::start(&bed.lan);
    let daemon = Daemon::start(&bed.node, &[]);
    let pods: Vec<_> = (0..50)
        .map(|number| bed.node.pod(&format!("pod{number}")))
        .collect();
    for pod in &pods {
        link_in(pod);
    }
    // Once it has answered, everything that stays is there.
    ipam(&pods[0], "DEL").run().ok();
    let (threads, files) = (daemon.threads(), daemon.open_files());
    let running: Vec<_> = pods.iter().map(|pod| ipam(pod, "ADD").start()).collect();
    let mut addresses: Vec<_> = running
        .into_iter()
        .map(|run| address_of(&run.finish().ok()))
        .collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 50);
    assert!(daemon.threads() <= threads, "{} threads", daemon.threads());
    daemon.wait_for_open_files(files, Deadline::secs(10));
    for pod in &pods {
        ipam(pod, "DEL").run().ok();
    }
}

#[test]
fn an_ack_that_comes_after_its_caller_has_gone_is_released() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let (address, server, netmask) = (bed.lan.address(77), bed.lan.router(), bed.lan.netmask());
    let serving = ScriptedServer::start(&bed.lan, move |message| {
        let grant = |kind| {
            let reply = message
                .reply(kind)
                .yiaddr(address)
                .with_addresses(54, &[server]);
            Reply::broadcast(&reply.with_addresses(1, &[netmask]).with_seconds(51, 600))
        };
        match message.kind() {
            Some(MessageType::Discover) => vec![grant(MessageType::Offer)],
            Some(MessageType::Request) => {
                vec![grant(MessageType::Ack).after(Duration::from_millis(700))]
            }
            _ => Vec::new(),
        }
    });
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    link_in(&pod);
    let running = ipam(&pod, "ADD").start();
    let _request = serving.wait_for(MessageType::Request, 1, Deadline::secs(10));
    running.kill();
    let release = serving.wait_for(MessageType::Release, 1, Deadline::secs(10));
    assert_eq!(release.ciaddr, address);
    assert_eq!(release.option(50), None);
}

#[test]
fn del_ends_an_add_under_way() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let silent = ScriptedServer::start(&bed.lan, |_| Vec::new());
    let daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    link_in(&pod);
    ipam(&pod, "DEL").run().ok();
    let files = daemon.open_files();
    let running = ipam(&pod, "ADD").start();
    let _discover = silent.wait_for(MessageType::Discover, 1, Deadline::secs(10));
    ipam(&pod, "DEL").run().ok();
    let error = running.finish().error();
    assert_eq!(error.code, 11, "{error:?}");
    assert!(error.msg.contains("was deleted"), "{error:?}");
    daemon.wait_for_open_files(files, Deadline::secs(15));
}

#[test]
fn a_lease_that_cannot_be_written_down_is_given_back() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &["-statedir", "/run/leases"]);
    // Root may write anywhere but in a directory that is gone.
    bed.node
        .enter(|| std::fs::remove_dir("/run/leases"))
        .unwrap();
    let pod = bed.node.pod("pod");
    link_in(&pod);
    let error = ipam(&pod, "ADD").run().error();
    assert_eq!(error.code, 5, "{error:?}");
    assert!(error.msg.contains("/run/leases"), "{error:?}");
    dnsmasq.wait_for_leases(<[_]>::is_empty, Deadline::secs(10));
}

#[test]
fn an_address_in_use_is_declined_and_another_taken() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let squatter = bed.add_node();
    let offered = bed.lan.address(100);
    squatter.enter(|| wiring::add_address("eth1", offered.into(), 24));
    let (server, log) = PlainServer::new(&bed.lan).start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    link_in(&pod);
    let error = ipam_with(&pod, "ADD", json!({"timeout": "4s"}))
        .run()
        .error();
    let decline = server.wait_for(MessageType::Decline, 1, Deadline::secs(10));
    assert_eq!(decline.address(50), Some(offered));
    assert!(error.msg.contains("is in use by"), "{error:?} {log}");
    let off = ipam_with(&pod, "ADD", json!({"conflictDetection": "off"}))
        .run()
        .ok();
    assert_eq!(address_of(&off), offered.to_string());
}

#[test]
fn an_address_in_use_is_noticed_by_a_daemon_that_was_held_up() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let offered = bed.lan.address(100);
    bed.add_node()
        .enter(|| wiring::add_address("eth1", offered.into(), 24));
    let daemon = Daemon::start(&bed.node, &[]);
    let pid = Pid::from_raw(daemon.process().pid());
    let router = bed.lan.router();
    let mut held_up = false;
    let server = ScriptedServer::start(&bed.lan, move |message| {
        let (kind, delay) = match message.kind() {
            Some(MessageType::Discover) => (MessageType::Offer, Duration::ZERO),
            Some(MessageType::Request) if !held_up => {
                held_up = true;
                // The daemon has asked who has the address, or is about to; the time for that runs out.
                kill(pid, Signal::SIGSTOP).unwrap();
                (MessageType::Ack, Duration::from_millis(100))
            }
            _ => return Vec::new(),
        };
        let reply = message
            .reply(kind)
            .yiaddr(offered)
            .with_addresses(54, &[router])
            .with_seconds(51, 3600);
        vec![Reply::broadcast(&reply).after(delay)]
    });
    let sniffer = Sniffer::start(&bed.lan.space());
    let pod = bed.node.pod("pod");
    link_in(&pod);
    let add = ipam_with(&pod, "ADD", json!({"timeout": "1500ms"})).start();
    let is_ack = |message: &Message| message.kind() == Some(MessageType::Ack);
    sniffer.wait_for(
        |frame| frame.dhcp().filter(|(_, _, message)| is_ack(message)),
        Deadline::secs(10),
    );
    daemon.process().signal(Signal::SIGCONT);
    let decline = server.wait_for(MessageType::Decline, 1, Deadline::secs(10));
    assert_eq!(decline.address(50), Some(offered));
    let error = add.finish().error();
    assert!(error.msg.contains("is in use by"), "{error:?}");
}

#[test]
fn gc_releases_what_is_not_listed_and_nothing_else() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let _daemon = Daemon::start(&bed.node, &[]);
    let pods: Vec<_> = ["kept", "dropped", "elsewhere"]
        .map(|name| bed.node.pod(name))
        .into();
    for pod in &pods {
        link_in(pod);
    }
    ipam(&pods[0], "ADD").run().ok();
    let dropped = address_of(&ipam(&pods[1], "ADD").run().ok());
    ipam_on(&pods[2], "ADD", "other", json!({})).run().ok();
    dnsmasq.wait_for_leases(|leases| leases.len() == 3, Deadline::secs(5));
    let mut config = network("lan", json!({}));
    config["cniVersion"] = "1.1.0".into();
    config["cni.dev/valid-attachments"] = json!([{"containerID": "kept", "ifname": "net1"}]);
    Invocation::new(&bed.node, "dhcp", "GC")
        .config(&config)
        .run()
        .ok();
    dnsmasq.wait_for(&["DHCPRELEASE", &dropped], Deadline::secs(10));
    dnsmasq.wait_for_leases(|leases| leases.len() == 2, Deadline::secs(5));
}

#[test]
fn strangers_on_the_socket_disturb_nobody() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let _dnsmasq = Dnsmasq::start(&bed.lan);
    let daemon = Daemon::start(&bed.node, &[]);
    let dial = || {
        bed.node
            .enter(|| UnixStream::connect(daemon.socket()).unwrap())
    };
    let _silent: Vec<_> = (0..20).map(|_| dial()).collect();
    let mut endless = dial();
    endless.write_all(&[0xff; 64]).unwrap();
    let mut answer = Vec::new();
    // What was not read makes the end of the connection a reset.
    let _ = endless.read_to_end(&mut answer);
    assert!(
        String::from_utf8_lossy(&answer).contains("longer than"),
        "{answer:?}"
    );
    let pod = bed.node.pod("pod");
    link_in(&pod);
    ipam(&pod, "ADD").run().ok();
    ipam(&pod, "DEL").run().ok();
}

#[test]
fn a_socket_outside_run_is_refused() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let pod = bed.node.pod("pod");
    link_in(&pod);
    let error = ipam_with(&pod, "ADD", json!({"daemonSocketPath": "/tmp/x.sock"}))
        .run()
        .error();
    assert_eq!(error.code, 7, "{error:?}");
    assert!(
        error
            .msg
            .starts_with("ipam.daemonSocketPath: \"/tmp/x.sock\""),
        "{error:?}"
    );
}

#[test]
fn del_without_a_daemon_succeeds_and_is_made_up_for() {
    if reference_cannot() {
        return;
    }
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let mut daemon = Daemon::start(&bed.node, &[]);
    let pod = bed.node.pod("pod");
    link_in(&pod);
    let address = address_of(&ipam(&pod, "ADD").run().ok());
    daemon.stop();
    ipam(&pod, "DEL").run().ok();
    dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5));
    daemon.restart();
    dnsmasq.wait_for(&["DHCPRELEASE", &address], Deadline::secs(10));
    daemon
        .log()
        .wait_for(|line| line.contains("ready"), Deadline::secs(10));
    assert_eq!(records(&bed.node), [""; 0]);
}

#[test]
fn systemds_socket_is_used_and_left_in_place() {
    if reference_cannot() {
        return;
    }
    let activate = "/usr/bin/systemd-socket-activate";
    if !std::path::Path::new(activate).exists() {
        return not_run("systemd-socket-activate is not installed");
    }
    let bed = Bed::new();
    let program = suite().directory().join("dhcp").display().to_string();
    let socket = "/run/activated.sock";
    let arguments = ["-l", socket, &program, "daemon"].map(str::to_owned);
    let process = bed
        .node
        .enter(|| testbed::Process::start(activate, &arguments));
    process
        .log()
        .wait_for(|line| line.contains("Listening"), Deadline::secs(10));
    let config = json!({"daemonSocketPath": socket});
    let status = || {
        let mut config = network("lan", config.clone());
        config["cniVersion"] = "1.1.0".into();
        Invocation::new(&bed.node, "dhcp", "STATUS")
            .config(&config)
            .run()
    };
    status().ok();
    assert!(process.stop().success());
    assert!(bed.node.list("/run").contains(&"activated.sock".to_owned()));
    assert_eq!(status().error().code, 50);
}

#[test]
fn a_daemon_on_systemds_socket_leaves_the_leases_of_a_living_one_alone() {
    if reference_cannot() {
        return;
    }
    let activate = "/usr/bin/systemd-socket-activate";
    if !std::path::Path::new(activate).exists() {
        return not_run("systemd-socket-activate is not installed");
    }
    let bed = Bed::new();
    let _living = Daemon::start(&bed.node, &[]);
    let program = suite().directory().join("dhcp").display().to_string();
    let arguments = ["-l", "/run/activated.sock", &program, "daemon"].map(str::to_owned);
    let process = bed
        .node
        .enter(|| testbed::Process::start(activate, &arguments));
    process
        .log()
        .wait_for(|line| line.contains("Listening"), Deadline::secs(10));
    let config = network("lan", json!({"daemonSocketPath": "/run/activated.sock"}));
    Invocation::new(&bed.node, "dhcp", "STATUS")
        .config(&with(config, json!({"cniVersion": "1.1.0"})))
        .run()
        .error();
    process.log().wait_for(
        |line| line.contains("another dhcp daemon already serves /run/cni/dhcp.sock"),
        Deadline::secs(10),
    );
}

pub(crate) fn network(name: &str, ipam: Value) -> Value {
    let ipam = with(json!({"type": "dhcp"}), ipam);
    json!({"cniVersion": "1.0.0", "name": name, "type": "dhcp", "ipam": ipam})
}

/// The IPAM plugin alone, on a link that is there.
pub(crate) fn ipam(pod: &Pod, verb: &str) -> Invocation {
    ipam_with(pod, verb, json!({}))
}

fn ipam_with(pod: &Pod, verb: &str, keys: Value) -> Invocation {
    ipam_on(pod, verb, "lan", keys)
}

fn ipam_on(pod: &Pod, verb: &str, name: &str, keys: Value) -> Invocation {
    Invocation::new(pod.node(), "dhcp", verb)
        .config(&network(name, keys))
        .container_id(pod.name())
        .ifname("net1")
        .netns(pod.path())
}

/// Makes the link that an interface plugin would have made.
pub(crate) fn link_in(pod: &Pod) {
    pod.node().enter(|| {
        wiring::create_macvlan("parked", "eth1");
        wiring::move_to("parked", pod.path());
    });
    pod.enter(|| wiring::rename("parked", "net1"));
}

/// The daemon's records on a node.
pub(crate) fn records(node: &Node) -> Vec<String> {
    let mut names = node.list("/run/cni/dhcp");
    names.retain(|name| name.contains(".json"));
    names
}
