//! A plan as dnsmasq has it.

use std::net::Ipv4Addr;

use super::plan::{hex, list};
use super::{Dialect, Files, Identity, LeaseState, RealLease, ServerPlan};
use crate::process::Process;
use crate::server::dnsmasq::{DnsmasqOptions, launch, parse_lease};

#[derive(Debug)]
pub(super) struct Dnsmasq;

impl Dialect for Dnsmasq {
    #[track_caller]
    fn launch(&self, plan: &ServerPlan, files: &Files) -> Process {
        launch(&options(plan), &files.leases())
    }

    fn leases(&self, files: &Files, _process: &Process) -> Vec<RealLease> {
        let text = files.read_leases();
        let leases = text.lines().filter_map(parse_lease);
        // dnsmasq drops a lease from its file when it ends.
        leases
            .map(|lease| RealLease {
                address: lease.address,
                state: LeaseState::Active,
                mac: Some(lease.mac),
                client_id: lease.client_id,
                expiry: lease.expiry,
            })
            .collect()
    }

    fn decline_line(&self, address: Ipv4Addr) -> Option<Vec<String>> {
        Some(vec!["DHCPDECLINE".to_owned(), address.to_string()])
    }
}

fn options(plan: &ServerPlan) -> DnsmasqOptions {
    let mut options =
        DnsmasqOptions::on(&plan.interface, plan.range).lease(&plan.lease.to_string());
    // An option with nothing after it is not sent; without a word about it dnsmasq would name itself.
    for (name, addresses) in [("router", &plan.routers), ("dns-server", &plan.dns)] {
        let value = format!("option:{name},{}", list(addresses, ","));
        options = options.option(value.trim_end_matches(','));
    }
    if let Some((renewal, rebinding)) = plan.times {
        options = options
            .option(&format!("option:T1,{renewal}s"))
            .option(&format!("option:T2,{rebinding}s"));
    }
    if !plan.classless_routes.is_empty() {
        let routes = plan.classless_routes.iter();
        let routes: Vec<_> = routes
            .map(|(subnet, prefix_len, router)| format!("{subnet}/{prefix_len},{router}"))
            .collect();
        options = options.option(&format!("121,{}", routes.join(",")));
    }
    if let Some(mtu) = plan.mtu {
        options = options.option(&format!("option:mtu,{mtu}"));
    }
    for (identity, address) in &plan.reservations {
        options = options.host(&match identity {
            Identity::Mac(mac) => format!("{},{address}", hex(mac, ":")),
            Identity::ClientId(id) => format!("id:{},{address}", hex(id, ":")),
        });
    }
    options
}
