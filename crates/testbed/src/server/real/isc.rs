//! A plan as ISC dhcpd has it, and its file of leases (dhcpd.leases(5)).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;

use super::plan::{hex, list};
use super::{Dialect, Files, Identity, LeaseState, RealLease, ServerPlan, command};
use crate::deadline::Deadline;
use crate::process::Process;

#[derive(Debug)]
pub(super) struct Isc;

impl Dialect for Isc {
    #[track_caller]
    fn launch(&self, plan: &ServerPlan, files: &Files) -> Process {
        files.write_config(&config(plan));
        let mut command = command("dhcpd");
        command
            .args(["-f", "-d", "-4", "--no-pid", "-cf"])
            .arg(files.config())
            .arg("-lf")
            .arg(files.leases())
            .arg(&plan.interface);
        let process = Process::spawn(command);
        process.log().wait_for(
            |line| line.contains("Server starting service"),
            Deadline::secs(10),
        );
        process
    }

    fn leases(&self, files: &Files, _process: &Process) -> Vec<RealLease> {
        // Each change of a lease is another block.
        let mut leases = BTreeMap::new();
        let text = files.read_leases();
        for block in text.split("\nlease ").skip(1) {
            if let Some(lease) = parse_lease(block) {
                leases.insert(lease.address, lease);
            }
        }
        leases.into_values().collect()
    }

    fn decline_line(&self, _address: Ipv4Addr) -> Option<Vec<String>> {
        None
    }
}

fn config(plan: &ServerPlan) -> String {
    let ((subnet, _), (first, last)) = (plan.subnet, plan.range);
    let mut text = format!(
        "authoritative;\n\
         ddns-update-style none;\n\
         db-time-format local;\n\
         # Otherwise an address is pinged for a second before it is offered,\n\
         ping-check false;\n\
         # and a lease in its first quarter is not prolonged.\n\
         dhcp-cache-threshold 0;\n\
         option classless-static-routes code 121 = string;\n\
         min-lease-time 1;\n\
         default-lease-time {lease};\n\
         max-lease-time {lease};\n\
         subnet {subnet} netmask {netmask} {{\n\
         range {first} {last};\n",
        lease = plan.lease,
        netmask = plan.netmask,
    );
    let mut option = |name: &str, value: String| {
        let _ = writeln!(text, "option {name} {value};");
    };
    if !plan.routers.is_empty() {
        option("routers", list(&plan.routers, ", "));
    }
    if !plan.dns.is_empty() {
        option("domain-name-servers", list(&plan.dns, ", "));
    }
    if let Some(mtu) = plan.mtu {
        option("interface-mtu", mtu.to_string());
    }
    if !plan.classless_routes.is_empty() {
        option("classless-static-routes", hex(&plan.classless_bytes(), ":"));
    }
    if let Some((renewal, rebinding)) = plan.times {
        option("dhcp-renewal-time", renewal.to_string());
        option("dhcp-rebinding-time", rebinding.to_string());
    }
    text.push_str("}\n");
    for (number, (identity, address)) in plan.reservations.iter().enumerate() {
        let identity = match identity {
            Identity::Mac(mac) => format!("hardware ethernet {}", hex(mac, ":")),
            Identity::ClientId(id) => format!("option dhcp-client-identifier {}", hex(id, ":")),
        };
        let _ = writeln!(
            text,
            "host reserved{number} {{ {identity}; fixed-address {address}; }}"
        );
    }
    text
}

/// Reads what follows `lease `; `None` where the block is not written to its end.
fn parse_lease(block: &str) -> Option<RealLease> {
    let (block, _) = block.split_once("\n}")?;
    let (address, body) = block.split_once(" {")?;
    let value = |key: &str| {
        body.lines()
            .find_map(|line| line.trim().strip_prefix(key)?.split(';').next())
    };
    Some(RealLease {
        address: address.parse().ok()?,
        state: match value("binding state ")? {
            "active" => LeaseState::Active,
            "abandoned" => LeaseState::Declined,
            _ => LeaseState::Free,
        },
        mac: value("hardware ethernet ").map(str::to_owned),
        client_id: body
            .lines()
            .find_map(|line| line.trim().strip_prefix("uid \"")?.strip_suffix("\";"))
            .map(|text| hex(&unescape(text), ":")),
        expiry: value("ends epoch ").map_or(Some(0), |text| text.parse().ok())?,
    })
}

/// Bytes that are not printable are written as `\ooo`, quotes and backslashes as `\"` and `\\`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return bytes,
            [b'\\', octal @ ..] if octal.len() >= 3 && octal[0].is_ascii_digit() => {
                let digits = octal[..3].iter().map(|digit| digit.wrapping_sub(b'0'));
                bytes.push(digits.fold(0, |value: u8, digit| {
                    value.wrapping_mul(8).wrapping_add(digit)
                }));
                &octal[3..]
            }
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_says_what_became_of_an_address() {
        let block = "192.168.50.100 {\n  starts epoch 1795227138; # Sat\n  ends epoch 1795230738; # Sat\n  \
                     binding state active;\n  next binding state free;\n  hardware ethernet 6e:83:4a:e5:a8:d3;\n  \
                     uid \"\\000pod\\\"/\\\\\\303J\";\n}\n";
        let lease = parse_lease(block).unwrap();
        assert_eq!(lease.address, Ipv4Addr::new(192, 168, 50, 100));
        assert_eq!(lease.state, LeaseState::Active);
        assert_eq!(lease.expiry, 1_795_230_738);
        assert_eq!(lease.mac.as_deref(), Some("6e:83:4a:e5:a8:d3"));
        assert_eq!(
            lease.client_id.as_deref(),
            Some("00:70:6f:64:22:2f:5c:c3:4a")
        );
        let free = block.replace("state active", "state free");
        assert_eq!(parse_lease(&free).unwrap().state, LeaseState::Free);
        assert_eq!(parse_lease(block.split_once("hardware").unwrap().0), None);
    }
}
