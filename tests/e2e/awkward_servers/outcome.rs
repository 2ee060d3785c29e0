//! What an ADD is to come to, and the test of it.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};
use testbed::server::ScriptedServer;
use testbed::{
    Attachment, Bed, Daemon, Deadline, Echo, Pod, differs, echo, not_run, observe, suite,
};

use super::server::Script;
use crate::networks::{macvlan_dhcp, with};
use crate::traces;

/// What an ADD is to come to.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// Why the Go plugins do not come to this.
    reference_differs: Option<&'static str>,
    /// Why the Go plugins come to this at times only.
    reference_wavers: Option<&'static str>,
    result: Expected,
}

#[derive(Clone, Debug)]
enum Expected {
    Pod(Expectation),
    Error { msg: Vec<&'static str> },
}

/// A pod's configuration; empty where nothing is said of it.
#[derive(Clone, Debug, Default)]
struct Expectation {
    address: &'static str,
    gateway: Option<&'static str>,
    routes: Vec<String>,
    dns: Value,
    /// Addresses that the LAN has beside the server's.
    on_the_lan: Vec<(Ipv4Addr, u8)>,
    reached: Vec<Ipv4Addr>,
}

/// A pod with this address, without routes and name service.
pub(super) fn pod(address: &'static str) -> Outcome {
    Outcome {
        reference_differs: None,
        reference_wavers: None,
        result: Expected::Pod(Expectation {
            address,
            dns: json!({}),
            ..Expectation::default()
        }),
    }
}

/// A pod that the ordinary answer makes.
pub(super) fn ordinary_pod() -> Outcome {
    pod("192.168.50.77/24")
}

/// No pod: the error asks to try again, and its message has each of these parts.
pub(super) fn error(msg: &[&'static str]) -> Outcome {
    Outcome {
        reference_differs: Some("Go: an ADD without a lease has code 999 and says little"),
        reference_wavers: None,
        result: Expected::Error { msg: msg.to_vec() },
    }
}

impl Outcome {
    /// A default route by this router, which is in the result too.
    pub(super) fn gateway(self, gateway: &'static str) -> Self {
        self.result_gateway(gateway)
            .route(&format!("default via {gateway}"))
    }

    /// A gateway in the result.
    pub(super) fn result_gateway(self, gateway: &'static str) -> Self {
        self.expect(|pod| pod.gateway = Some(gateway))
    }

    /// A route.
    pub(super) fn route(self, route: &str) -> Self {
        self.expect(|pod| pod.routes.push(route.to_owned()))
    }

    /// The name service of the result.
    pub(super) fn dns(self, dns: Value) -> Self {
        self.expect(|pod| pod.dns = dns)
            .differs("Go: the server's name service is neither asked for nor kept")
    }

    /// The LAN's router has this address too.
    pub(super) fn lan(self, address: &str, prefix_len: u8) -> Self {
        let address = address.parse().expect("an IPv4 address");
        self.expect(|pod| pod.on_the_lan.push((address, prefix_len)))
    }

    /// The LAN's router has this address too, and the pod reaches it.
    pub(super) fn reaches(self, address: &str) -> Self {
        let reached = address.parse().expect("an IPv4 address");
        self.lan(address, 32)
            .expect(|pod| pod.reached.push(reached))
    }

    /// The Go plugins do not hold this, and why.
    pub(super) fn differs(mut self, why: &'static str) -> Self {
        self.reference_differs = Some(why);
        self
    }

    /// The Go plugins hold this at times, and why not always.
    pub(super) fn wavers(mut self, why: &'static str) -> Self {
        self.reference_wavers = Some(why);
        self
    }

    fn expect(mut self, set: impl FnOnce(&mut Expectation)) -> Self {
        if let Expected::Pod(pod) = &mut self.result {
            set(pod);
        }
        self
    }
}

/// Runs ADD and DEL on the LAN of a server, and holds the outcome against what is expected.
#[track_caller]
pub(super) fn hold(script: Script, outcome: Outcome) {
    if let Some(why) = outcome.reference_wavers.filter(|_| suite().is_reference()) {
        return not_run(why);
    }
    let bed = Bed::new();
    if let Expected::Pod(expected) = &outcome.result {
        for (address, prefix_len) in &expected.on_the_lan {
            bed.lan.add_address((*address).into(), *prefix_len);
        }
    }
    let _server = ScriptedServer::start(&bed.lan, script);
    // The reference knows no timeout of a network.
    let flags: &[&str] = if suite().is_reference() {
        &["-timeout", "1s", "-resendmax", "1s"]
    } else {
        &[]
    };
    let _daemon = Daemon::start(&bed.node, flags);
    let pod = bed.node.pod("pod");
    let timeout = match &outcome.result {
        Expected::Pod(_) => "5s",
        Expected::Error { .. } => "1500ms",
    };
    let config = with(macvlan_dhcp(), json!({"ipam": {"timeout": timeout}}));
    let attachment = Attachment::new(&pod, config);
    let check = || match &outcome.result {
        Expected::Pod(expected) => hold_pod(&pod, attachment.clone(), expected),
        Expected::Error { msg } => {
            let refused = attachment.try_add().error();
            assert_eq!(refused.code, 11, "{refused:?}");
            for part in msg {
                assert!(
                    refused.msg.contains(part),
                    "{part:?} is not in {:?}",
                    refused.msg
                );
            }
            assert!(
                !refused.msg.chars().any(char::is_control),
                "{:?}",
                refused.msg
            );
            traces::assert_none(&pod);
        }
    };
    match outcome.reference_differs {
        Some(why) => differs(why, check),
        None => check(),
    }
}

#[track_caller]
fn hold_pod(pod: &Pod, mut attachment: Attachment, expected: &Expectation) {
    let result = attachment.add();
    assert_eq!(result["ips"][0]["address"], expected.address);
    assert_eq!(result["ips"][0]["gateway"].as_str(), expected.gateway);
    let dns = result.get("dns").cloned().unwrap_or_else(|| json!({}));
    assert_eq!(dns, expected.dns);
    assert_routes(pod, expected.address, &expected.routes);
    for reached in &expected.reached {
        let answer = pod.enter(|| echo(*reached, Duration::from_secs(3)));
        assert!(matches!(answer, Echo::Answered(_)), "{reached}: {answer:?}");
    }
    attachment.check();
    let in_time = Deadline::secs(5);
    attachment.del();
    assert!(!in_time.passed());
    traces::assert_none(pod);
}

/// Asserts what the kernel has: the address alone, and these routes in any order.
#[track_caller]
pub(super) fn assert_routes(pod: &Pod, address: &str, expected: &[String]) {
    assert_eq!(pod.enter(|| observe::addresses("net1")), [address]);
    let routes = pod.enter(|| observe::configured_routes("net1"));
    let mut routes: Vec<_> = routes.iter().map(written).collect();
    let mut expected = expected.to_vec();
    routes.sort();
    expected.sort();
    assert_eq!(routes, expected);
}

fn written(route: &observe::Route) -> String {
    let via = route
        .gateway
        .iter()
        .map(|gateway| format!(" via {gateway}"));
    let onlink = route.onlink.then(|| " onlink".to_owned());
    std::iter::once(route.dst.clone())
        .chain(via)
        .chain(onlink)
        .collect()
}
