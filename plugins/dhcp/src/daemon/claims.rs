//! Whose a lease is, where two clients look the same to the server.
//!
//! A server tells clients apart by their identifier. An attachment that is deleted and made again at once, or a pod made
//! anew under its old identifier, is to the server one client with one lease: what the first gives back late would be
//! taken from the second. So the last one to ask for a lease has it, and nobody else gives it back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use dhcp_client::Config;

use crate::identity::fnv1a;

/// The leases asked for or held, and the holder of each.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    holders: RefCell<BTreeMap<(Identity, Ipv4Addr), u64>>,
}

/// A client as servers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity(u64);

impl Identity {
    /// The identity of a client on the LAN behind link `parent`.
    pub(crate) fn of(config: &Config, parent: Option<u32>) -> Self {
        let provided = config.extra_options.iter().rev();
        let provided = provided.filter(|(code, _)| *code == CLIENT_IDENTIFIER);
        let identifier = provided.map(|(_, value)| value).next();
        let identifier = identifier.or(config.client_id.as_ref());
        let identifier = identifier.map_or(&config.chaddr[..], Vec::as_slice);
        let lan = parent.unwrap_or_default().to_be_bytes();
        Self(fnv1a(&[&lan, identifier].concat()))
    }
}

impl Claims {
    /// Holder `id` asks for this lease, or has it.
    pub(crate) fn make(&self, identity: Identity, address: Ipv4Addr, id: u64) {
        self.holders.borrow_mut().insert((identity, address), id);
    }

    /// Whether a holder other than `id` has claimed this lease since.
    pub(crate) fn are_anothers(&self, identity: Identity, address: Ipv4Addr, id: u64) -> bool {
        let holders = self.holders.borrow();
        holders
            .get(&(identity, address))
            .is_some_and(|claimant| *claimant != id)
    }

    /// Holder `id` has no lease any more.
    pub(crate) fn forget(&self, identity: Identity, id: u64) {
        let all = (identity, Ipv4Addr::UNSPECIFIED)..=(identity, Ipv4Addr::BROADCAST);
        let mut holders = self.holders.borrow_mut();
        let own = holders.range(all).filter(|(_, claimant)| **claimant == id);
        for claim in own.map(|(claim, _)| *claim).collect::<Vec<_>>() {
            holders.remove(&claim);
        }
    }
}

/// RFC 2132 §9.14.
const CLIENT_IDENTIFIER: u8 = 61;

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 5);

    fn config(client_id: &[u8]) -> Config {
        Config {
            client_id: Some(client_id.to_vec()),
            ..Config::new([2, 0, 0, 0, 0, 1])
        }
    }

    #[test]
    fn the_last_one_to_claim_a_lease_has_it() {
        let claims = Claims::default();
        let identity = Identity::of(&config(b"web-0"), Some(3));
        claims.make(identity, ADDRESS, 1);
        assert!(!claims.are_anothers(identity, ADDRESS, 1));
        claims.make(identity, ADDRESS, 2);
        assert!(claims.are_anothers(identity, ADDRESS, 1));
        claims.forget(identity, 1);
        assert!(claims.are_anothers(identity, ADDRESS, 1));
        claims.forget(identity, 2);
        assert!(!claims.are_anothers(identity, ADDRESS, 1));
    }

    #[test]
    fn another_identifier_lan_or_address_is_another_lease() {
        let identity = Identity::of(&config(b"web-0"), Some(3));
        assert_ne!(identity, Identity::of(&config(b"web-1"), Some(3)));
        assert_ne!(identity, Identity::of(&config(b"web-0"), Some(4)));
        let claims = Claims::default();
        claims.make(identity, ADDRESS, 2);
        assert!(!claims.are_anothers(identity, Ipv4Addr::new(192, 0, 2, 6), 1));
    }

    #[test]
    fn a_provided_identifier_counts_and_without_any_the_hardware_address() {
        let mut provided = config(b"web-1");
        provided.extra_options.push((61, b"web-0".to_vec()));
        let web = Identity::of(&config(b"web-0"), None);
        assert_eq!(Identity::of(&provided, None), web);
        let none = |chaddr| Identity::of(&Config::new(chaddr), None);
        assert_ne!(none([2, 0, 0, 0, 0, 1]), none([2, 0, 0, 0, 0, 2]));
    }
}
