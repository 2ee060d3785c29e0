//! The daemon killed at every step of ADD, of a renewal and of DEL in turn; the runtime and the next daemon go on.
//!
//! What has to hold after each: as many leases at the server as there are pods, each pod with the address that the
//! server has for it, and nothing left behind once the pods are gone.

use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};
use testbed::server::{Dnsmasq, DnsmasqLease, DnsmasqOptions};
use testbed::{Attachment, Bed, Daemon, Deadline, Invocation, Pod, Step, Tracing, observe};

use crate::dhcp_daemon::{address_of, network, records, reference_cannot};
use crate::networks::macvlan_dhcp;

#[test]
fn killed_at_any_step_of_add_the_daemon_loses_and_leaks_no_lease() {
    if reference_cannot() {
        return;
    }
    let steps = survey(|world, tracing, _| {
        let mut pod = world.pod("first");
        tracing.begin();
        pod.attachment.add();
        pod
    });
    at_every(&steps, 30, &[true, false], |world, step, restart_first| {
        let mut first = world.pod("first");
        let (mut daemon, tracing) = world.traced_daemon();
        tracing.begin();
        tracing.kill_before(step);
        let added = first.attachment.try_add();
        await_death(&daemon, step);
        if restart_first {
            daemon.restart();
        }
        if added.succeeded() {
            let result = added.ok();
            if !restart_first {
                daemon.restart();
            }
            world.holds(&[&result]);
            first.attachment = first.attachment.prev_result(Some(result));
            first.attachment.check();
        } else {
            first.attachment.del();
            first.pod.destroy();
            if !restart_first {
                daemon.restart();
            }
            first = world.pod("second");
            let result = first.attachment.add();
            world.holds(&[&result]);
            first.attachment.check();
        }
        first.attachment.del();
        first.pod.destroy();
        world.holds(&[]);
        world.is_tidy();
    });
}

#[test]
fn killed_at_any_step_of_del_the_daemon_loses_and_leaks_no_lease() {
    if reference_cannot() {
        return;
    }
    let steps = survey(|world, tracing, _| {
        let mut pod = world.pod("first");
        pod.attachment.add();
        tracing.begin();
        pod.attachment.del();
        pod
    });
    at_every(&steps, 8, &[true, false], |world, step, restart_first| {
        let mut kept = world.pod("kept");
        let mut first = world.pod("first");
        let (mut daemon, tracing) = world.traced_daemon();
        let result = kept.attachment.add();
        first.attachment.add();
        tracing.begin();
        tracing.kill_before(step);
        let deleted = first.attachment.try_del();
        await_death(&daemon, step);
        if restart_first {
            daemon.restart();
        }
        deleted.ok();
        // A runtime may repeat a DEL.
        if restart_first {
            first.attachment.del();
        }
        first.pod.destroy();
        if !restart_first {
            daemon.restart();
        }
        world.holds(&[&result]);
        kept.attachment.check();
        kept.attachment.del();
        kept.pod.destroy();
        world.holds(&[]);
        world.is_tidy();
    });
}

#[test]
fn killed_at_any_step_of_a_renewal_the_daemon_goes_on_renewing() {
    if reference_cannot() {
        return;
    }
    let steps = survey(|world, tracing, daemon| {
        let mut pod = world.pod("first");
        let address = address_of(&pod.attachment.add());
        tracing.begin();
        world.await_renewal(&address, daemon);
        pod
    });
    at_every(&steps, 20, &[true], |world, step, _| {
        let mut first = world.pod("first");
        let (mut daemon, tracing) = world.traced_daemon();
        let result = first.attachment.add();
        tracing.begin();
        tracing.kill_before(step);
        await_death(&daemon, step);
        daemon.restart();
        world.await_renewal(&address_of(&result), &daemon);
        world.holds(&[&result]);
        first.attachment.check();
        let address = &first.pod.enter(|| observe::address_objects("net1"))[0];
        assert_eq!(address["local"], address_of(&result), "{address}");
        first.attachment.del();
        first.pod.destroy();
        world.holds(&[]);
        world.is_tidy();
    });
}

/// A node, a LAN, and a server whose leases are renewed every three seconds.
struct World {
    bed: Bed,
    dnsmasq: Dnsmasq,
}

struct Container {
    pod: Pod,
    attachment: Attachment,
}

impl World {
    fn new() -> Self {
        let bed = Bed::new();
        let options = DnsmasqOptions::new(&bed.lan)
            .lease("2m")
            .forced_option("option:T1,3")
            .forced_option("option:T2,60");
        let dnsmasq = Dnsmasq::start_with(&bed.lan, options);
        Self { bed, dnsmasq }
    }

    fn pod(&self, name: &str) -> Container {
        let pod = self.bed.node.pod(name);
        let attachment = Attachment::new(&pod, macvlan_dhcp());
        Container { pod, attachment }
    }

    fn traced_daemon(&self) -> (Daemon, Tracing) {
        let started = Daemon::start_traced(&self.bed.node, &[]);
        // Waiting for the daemon took a connection. Once another is answered, its steps are over.
        let mut config = network("lan", json!({}));
        config["cniVersion"] = "1.1.0".into();
        let status = Invocation::new(&self.bed.node, "dhcp", "STATUS").config(&config);
        status.run().ok();
        started
    }

    /// The server has the leases of these results and no other.
    fn holds(&self, results: &[&Value]) {
        let mut wanted: Vec<_> = results.iter().map(|result| address_of(result)).collect();
        wanted.sort();
        let leased = |leases: &[DnsmasqLease]| {
            let mut leased: Vec<_> = leases
                .iter()
                .map(|lease| lease.address.to_string())
                .collect();
            leased.sort();
            leased == wanted
        };
        self.dnsmasq.wait_for_leases(leased, Deadline::secs(10));
    }

    fn await_renewal(&self, address: &str, daemon: &Daemon) {
        let renewed = |lines: &[String]| {
            let acks = |line: &&String| line.contains("DHCPACK") && line.contains(address);
            lines.iter().filter(acks).count()
        };
        let log = self.dnsmasq.log();
        let before = renewed(&log.lines());
        assert!(
            log.wait_until(|lines| renewed(lines) > before, Deadline::secs(20)),
            "no renewal of {address}; the daemon:\n{}dnsmasq:\n{log}",
            daemon.log()
        );
    }

    fn is_tidy(&self) {
        assert_eq!(records(&self.bed.node), [""; 0]);
        assert_eq!(self.bed.node.list("/run/cni/dhcp"), [""; 0]);
    }
}

fn await_death(daemon: &Daemon, step: &Step) {
    let ended = daemon.process().wait(Deadline::secs(10));
    let log = daemon.log();
    assert!(
        ended.is_some(),
        "the daemon never came to {step}; its log:\n{log}"
    );
}

/// The steps of what `work` does.
fn survey(work: impl FnOnce(&World, &Tracing, &Daemon) -> Container) -> Vec<Step> {
    let world = World::new();
    let (daemon, tracing) = world.traced_daemon();
    let container = work(&world, &tracing, &daemon);
    let mut steps = tracing.steps();
    // Whether anything has come is asked, and probes are sent, as often as there is time for it.
    let varies = |step: &Step| {
        ["accept", "recv", "recvmsg"].contains(&step.call()) || step.to_string().contains(" ARP ")
    };
    // What the kernel tells of the node's links comes when it comes.
    let is_news = |step: &Step| {
        let text = step.to_string();
        text.starts_with("recv netlink") || text.starts_with("recv socket:")
    };
    steps.retain(|step| !is_news(step) && (step.nth() == 1 || !varies(step)));
    container.attachment.del();
    steps
}

/// Tries each step in a world that others have been tried in before, with the daemon started again before the runtime
/// goes on (`restarts` true) or after.
fn at_every(
    steps: &[Step],
    at_least: usize,
    restarts: &[bool],
    case: impl Fn(&World, &Step, bool) + Sync,
) {
    let names: Vec<_> = steps.iter().map(ToString::to_string).collect();
    assert!(names.len() >= at_least, "{names:#?}");
    eprintln!("{} steps:\n{}", names.len(), names.join("\n"));
    let cases = steps
        .iter()
        .flat_map(|step| restarts.iter().map(move |first| (step, *first)));
    let cases = Mutex::new(cases.collect::<Vec<_>>().into_iter());
    let next = || cases.lock().unwrap().next();
    let work = || {
        let world = World::new();
        while let Some((step, restart_first)) = next() {
            eprintln!("killed before: {step}, started again first: {restart_first}");
            case(&world, step, restart_first);
        }
    };
    let cases_each = 5;
    let workers = (steps.len() * restarts.len()).div_ceil(cases_each);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}
