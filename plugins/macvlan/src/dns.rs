//! The name service of an attachment: what the network says, then what the IPAM says.

use cni::Dns;

/// Returns both in one: the network's own entries first and each entry once; the network's domain if it has one.
pub(crate) fn merge(network: &Dns, ipam: Dns) -> Dns {
    let domain = network.domain.clone().filter(|domain| !domain.is_empty());
    Dns {
        nameservers: each_once(&network.nameservers, ipam.nameservers),
        domain: domain.or(ipam.domain),
        search: each_once(&network.search, ipam.search),
        options: each_once(&network.options, ipam.options),
    }
}

fn each_once(first: &[String], then: Vec<String>) -> Vec<String> {
    let mut merged: Vec<String> = Vec::with_capacity(first.len() + then.len());
    for entry in first.iter().cloned().chain(then) {
        if !merged.contains(&entry) {
            merged.push(entry);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_side_alone_stays_as_it_is() {
        let lease = dns(
            &["192.0.2.53"],
            Some("lan"),
            &["lan", "example.org"],
            &["ndots:2"],
        );
        assert_eq!(merge(&Dns::default(), lease.clone()), lease);
        assert_eq!(merge(&lease, Dns::default()), lease);
        assert_eq!(merge(&Dns::default(), Dns::default()), Dns::default());
    }

    #[test]
    fn the_networks_entries_stand_before_the_ipams_and_once() {
        let network = dns(
            &["4.4.4.4", "8.8.8.8"],
            Some("pods"),
            &["pods"],
            &["ndots:5"],
        );
        let lease = dns(
            &["192.0.2.53", "8.8.8.8"],
            Some("lan"),
            &["lan", "pods"],
            &["ndots:5", "rotate"],
        );
        let merged = dns(
            &["4.4.4.4", "8.8.8.8", "192.0.2.53"],
            Some("pods"),
            &["pods", "lan"],
            &["ndots:5", "rotate"],
        );
        assert_eq!(merge(&network, lease), merged);
    }

    #[test]
    fn an_empty_domain_gives_way() {
        let merged = merge(
            &dns(&[], Some(""), &[], &[]),
            dns(&[], Some("lan"), &[], &[]),
        );
        assert_eq!(merged.domain.as_deref(), Some("lan"));
    }

    fn dns(nameservers: &[&str], domain: Option<&str>, search: &[&str], options: &[&str]) -> Dns {
        let owned = |list: &[&str]| list.iter().map(|&entry| entry.to_owned()).collect();
        Dns {
            nameservers: owned(nameservers),
            domain: domain.map(str::to_owned),
            search: owned(search),
            options: owned(options),
        }
    }
}
