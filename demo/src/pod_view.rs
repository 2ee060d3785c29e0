//! What the kernel has in a pod: its addresses, and its IPv4 routes from `/proc`.

use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;

use nix::ifaddrs::getifaddrs;
use testbed::Pod;

/// Describes the addresses and routes of a pod, a line each.
pub(crate) fn describe(pod: &Pod) -> String {
    pod.enter(|| {
        let mut text = addresses();
        text.push_str(&routes());
        if text.is_empty() {
            NOTHING.to_owned()
        } else {
            text
        }
    })
}

/// What [`describe`] says of an empty pod.
pub(crate) const NOTHING: &str = "no address, no route";

fn addresses() -> String {
    let mut text = String::new();
    for entry in getifaddrs()
        .into_iter()
        .flatten()
        .filter(|entry| entry.interface_name != "lo")
    {
        let address = entry
            .address
            .as_ref()
            .and_then(|address| address.as_sockaddr_in());
        let mask = entry
            .netmask
            .as_ref()
            .and_then(|mask| mask.as_sockaddr_in());
        if let (Some(address), Some(mask)) = (address, mask) {
            let prefix_len = mask.ip().to_bits().count_ones();
            let _ = writeln!(
                text,
                "address  {}/{prefix_len} on {}",
                address.ip(),
                entry.interface_name
            );
        }
    }
    text
}

/// The columns are link, destination, gateway, flags, references, uses, metric, mask, …, the addresses as the
/// hexadecimal of a number in the machine's order.
fn routes() -> String {
    let mut text = String::new();
    let table = fs::read_to_string("/proc/thread-self/net/route").unwrap_or_default();
    for line in table.lines().skip(1) {
        let columns: Vec<_> = line.split_whitespace().collect();
        let [link, destination, gateway, _, _, _, _, mask, ..] = columns[..] else {
            continue;
        };
        let (Some(destination), Some(gateway), Some(mask)) =
            (address(destination), address(gateway), address(mask))
        else {
            continue;
        };
        let target = match mask.to_bits().count_ones() {
            0 => "default".to_owned(),
            prefix_len => format!("{destination}/{prefix_len}"),
        };
        let by = if gateway.is_unspecified() {
            String::new()
        } else {
            format!(" via {gateway}")
        };
        let _ = writeln!(text, "route    {target}{by} on {link}");
    }
    text
}

fn address(hexadecimal: &str) -> Option<Ipv4Addr> {
    let number = u32::from_str_radix(hexadecimal, 16).ok()?;
    Some(Ipv4Addr::from(number.to_ne_bytes()))
}
