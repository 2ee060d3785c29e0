//! The same pods on the LANs of dnsmasq, Kea, ISC dhcpd and udhcpd.
//!
//! Every behaviour is one test per server. What the server has done is read from its own lease file.

mod lease_life;
mod pool;

use std::net::Ipv4Addr;

use serde_json::Value;
use testbed::server::{RealServer, ServerPlan, Software};
use testbed::{Bed, Daemon, Sniffer, suite};

/// Makes a module for a behaviour, with a test in it for each server: all four, or those given.
macro_rules! behaviour {
    ($name:ident: $body:path) => {
        behaviour!($name: $body, dnsmasq Dnsmasq, kea Kea, isc_dhcpd Isc, udhcpd Udhcpd);
    };
    ($name:ident: $body:path, $($test:ident $software:ident),*) => {
        mod $name {
            #[expect(unused_imports, reason = "a body is in one of them")]
            use super::{lease_life, pool};

            $(
                #[test]
                fn $test() {
                    $body(testbed::server::Software::$software);
                }
            )*
        }
    };
}

behaviour!(the_pod_has_what_the_server_leased: lease_life::acquire);
behaviour!(renewals_by_unicast_prolong_the_lease: lease_life::renew);
behaviour!(renewals_go_to_the_server_that_answered_the_rebinding: lease_life::rebind);
behaviour!(del_frees_the_address_at_the_server: lease_life::release);
behaviour!(a_server_that_comes_back_goes_on_with_the_lease: lease_life::restart);
behaviour!(a_mac_gets_its_reserved_address: pool::reservation_by_mac);
// udhcpd tells clients apart by their hardware address alone.
behaviour!(a_client_identifier_gets_its_reserved_address: pool::reservation_by_client_id, dnsmasq Dnsmasq, kea Kea, isc_dhcpd Isc);
behaviour!(an_exhausted_pool_fails_the_add_in_time: pool::exhausted);
behaviour!(an_address_in_use_is_declined: pool::conflict);

/// A LAN with a server, a node with the lease daemon, and an eye on the LAN.
struct Stage {
    // Fields end in this order: the bed is last.
    sniffer: Sniffer,
    _daemon: Daemon,
    server: RealServer,
    bed: Bed,
}

impl Stage {
    fn new(software: Software, plan: impl FnOnce(&Bed, ServerPlan) -> ServerPlan) -> Self {
        let bed = Bed::new();
        let plan = plan(&bed, ServerPlan::new(&bed.lan));
        let server = RealServer::start(software, &bed.lan, plan);
        // The reference knows no timeout of a network.
        let flags: &[&str] = if suite().is_reference() {
            &["-timeout", "500ms", "-resendmax", "1s"]
        } else {
            &[]
        };
        let daemon = Daemon::start(&bed.node, flags);
        let sniffer = Sniffer::start(&bed.lan.space());
        Self {
            sniffer,
            _daemon: daemon,
            server,
            bed,
        }
    }
}

/// Makes a plan's leases short-lived: as short as the server can, so that T1 and T2 come within seconds.
fn short(software: Software, plan: ServerPlan) -> ServerPlan {
    match software {
        Software::Dnsmasq => plan.lease(120).times(3, 5),
        Software::Kea | Software::Isc | Software::Udhcpd => plan.lease(120).times(1, 2),
    }
}

/// Returns the one address in a result.
fn address_of(result: &Value) -> Ipv4Addr {
    let address = result["ips"][0]["address"].as_str().expect("an address");
    let (address, _) = address.split_once('/').expect("a prefix length");
    address.parse().expect("an IPv4 address")
}
