//! A plan as ISC Kea has it, and its CSV file of leases.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::plan::{hex, list};
use super::{Dialect, Files, Identity, LeaseState, RealLease, ServerPlan, command};
use crate::deadline::Deadline;
use crate::process::Process;

#[derive(Debug)]
pub(super) struct Kea;

impl Dialect for Kea {
    #[track_caller]
    fn launch(&self, plan: &ServerPlan, files: &Files) -> Process {
        files.write_config(&config(plan, files).to_string());
        let mut command = command("kea-dhcp4");
        command
            .env("KEA_LOCKFILE_DIR", "none")
            .env("KEA_PIDFILE_DIR", &files.directory)
            // Kea 2.7.9 and later open lease files in this directory only.
            .env("KEA_DHCP_DATA_DIR", &files.directory)
            .arg("-c")
            .arg(files.config());
        let process = Process::spawn(command);
        process
            .log()
            .wait_for(|line| line.contains("DHCP4_STARTED"), Deadline::secs(10));
        process
    }

    fn leases(&self, files: &Files, _process: &Process) -> Vec<RealLease> {
        // Each change of a lease is another line.
        let mut leases = BTreeMap::new();
        let text = files.read_leases();
        for lease in text.lines().filter_map(parse_lease) {
            leases.insert(lease.address, lease);
        }
        leases.into_values().collect()
    }

    fn decline_line(&self, _address: Ipv4Addr) -> Option<Vec<String>> {
        None
    }
}

fn config(plan: &ServerPlan, files: &Files) -> Value {
    let mut options = Vec::new();
    if !plan.routers.is_empty() {
        options.push(json!({"name": "routers", "data": list(&plan.routers, ", ")}));
    }
    if !plan.dns.is_empty() {
        options.push(json!({"name": "domain-name-servers", "data": list(&plan.dns, ", ")}));
    }
    if let Some(mtu) = plan.mtu {
        options.push(json!({"name": "interface-mtu", "data": mtu.to_string()}));
    }
    if !plan.classless_routes.is_empty() {
        let data = hex(&plan.classless_bytes(), "");
        options.push(json!({"code": 121, "csv-format": false, "data": data}));
    }
    let reservations: Vec<_> = plan.reservations.iter().map(reservation).collect();
    let (subnet, prefix_len) = plan.subnet;
    let mut subnet = json!({
        "id": 1,
        "subnet": format!("{subnet}/{prefix_len}"),
        "pools": [{"pool": format!("{} - {}", plan.range.0, plan.range.1)}],
        "option-data": options,
        "reservations": reservations,
        "reservations-out-of-pool": false,
    });
    if let Some((renewal, rebinding)) = plan.times {
        subnet["renew-timer"] = renewal.into();
        subnet["rebind-timer"] = rebinding.into();
    }
    let log = json!({"output": "stdout", "pattern": "%m\n"});
    json!({"Dhcp4": {
        "interfaces-config": {"interfaces": [plan.interface], "dhcp-socket-type": "raw"},
        "lease-database": {
            "type": "memfile", "persist": true, "name": files.leases(), "lfc-interval": 0,
        },
        "multi-threading": {"enable-multi-threading": false},
        "authoritative": true,
        "valid-lifetime": plan.lease,
        "host-reservation-identifiers": ["client-id", "hw-address"],
        "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [log]}],
        "subnet4": [subnet],
    }})
}

fn reservation((identity, address): &(Identity, Ipv4Addr)) -> Value {
    match identity {
        Identity::Mac(mac) => json!({"hw-address": hex(mac, ":"), "ip-address": address}),
        Identity::ClientId(id) => json!({"client-id": hex(id, ":"), "ip-address": address}),
    }
}

/// `address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context…`
fn parse_lease(line: &str) -> Option<RealLease> {
    let fields: Vec<_> = line.split(',').collect();
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    // A line is written with everything up to here at once; the header has no address.
    let (lifetime, state) = (*fields.get(3)?, *fields.get(9)?);
    Some(RealLease {
        address: fields[0].parse().ok()?,
        state: match state {
            // A lease given back is kept for a while, with no time left.
            "0" if lifetime == "0" => LeaseState::Free,
            "0" => LeaseState::Active,
            "1" => LeaseState::Declined,
            _ => LeaseState::Free,
        },
        mac: known(fields[1]),
        client_id: known(fields[2]),
        expiry: fields[4].parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_what_became_of_an_address() {
        let parse = |tail: &str| {
            parse_lease(&format!("192.168.50.100,4e:00:60:9b:93:ab,01:4e,{tail}")).unwrap()
        };
        let active = parse("3600,1795230752,1,0,0,,0,");
        assert_eq!(active.state, LeaseState::Active);
        assert_eq!(active.expiry, 1_795_230_752);
        assert_eq!(active.mac.as_deref(), Some("4e:00:60:9b:93:ab"));
        assert_eq!(parse("0,1795227152,1,0,0,,0,").state, LeaseState::Free);
        assert_eq!(
            parse("86400,1795227152,1,0,0,,1,").state,
            LeaseState::Declined
        );
        assert_eq!(parse("3600,1795227152,1,0,0,,2,").state, LeaseState::Free);
        assert_eq!(
            parse_lease(
                "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context"
            ),
            None
        );
        assert_eq!(parse_lease("192.168.50.100,4e:00"), None);
    }
}
