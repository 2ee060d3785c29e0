//! From an ACK to a lease.

use std::net::Ipv4Addr;

use super::{Lease, RawOptions, Times};
use crate::ignored::Ignored;
use crate::name;
use crate::option;
use crate::reply::Grant;
use crate::time::Instant;

impl Lease {
    /// Returns the lease that `grant` gives in answer to a REQUEST sent at `acquired_at`.
    ///
    /// Some servers leave the configuration out when they renew (Windows does). RFC 2131 is silent
    /// about what that means; as long as the address stays, an option that is not there keeps the
    /// value it has in `held`.
    pub(crate) fn granted(
        grant: Grant,
        acquired_at: Instant,
        held: Option<&Self>,
    ) -> Result<Self, Ignored> {
        let Grant {
            address,
            server,
            mut options,
        } = grant;
        let times = Times::of(&options, acquired_at)?;
        if let Some(held) = held.filter(|held| held.address == address) {
            for (code, value) in held.options.iter() {
                if !OF_ONE_MESSAGE.contains(&code) {
                    options.entry(code).or_insert_with(|| value.to_vec());
                }
            }
        }
        let value = |code| options.get(&code).map(Vec::as_slice);
        let hosts = |code| value(code).and_then(option::hosts).unwrap_or_default();
        let classless = |code| value(code).and_then(option::classless_routes);
        Ok(Self {
            address,
            prefix_len: value(1)
                .and_then(option::mask)
                .unwrap_or_else(|| classful(address)),
            server_id: server,
            acquired_at,
            times,
            routers: hosts(3),
            dns: hosts(6),
            domain: value(15).and_then(name::domain),
            search: value(119).and_then(name::search_list).unwrap_or_default(),
            mtu: value(26).and_then(option::mtu),
            broadcast: value(28).and_then(option::address),
            ntp: hosts(42),
            static_routes: value(33)
                .and_then(option::static_routes)
                .unwrap_or_default(),
            classless_routes: classless(121).or_else(|| classless(249)),
            options: options.into(),
        })
    }

    /// Returns whether a link configured for `other` needs no change for this lease.
    pub(crate) fn configures_as(&self, other: &Self) -> bool {
        let of_the_link = |lease: &Self| Self {
            server_id: Ipv4Addr::UNSPECIFIED,
            acquired_at: Instant::default(),
            times: None,
            options: RawOptions::default(),
            ..lease.clone()
        };
        of_the_link(self) == of_the_link(other)
    }
}

/// Returns the prefix length of the address's class, as the other clients do for a server that sends
/// no mask.
pub(crate) fn classful(address: Ipv4Addr) -> u8 {
    match address.octets() {
        [0..128, ..] => 8,
        [128..192, ..] => 16,
        [192..224, ..] => 24,
        [224..=255, ..] => 32,
    }
}

/// What an ACK says about itself and not about the configuration: lease time, overload, message
/// type, server identifier, message, T1, T2, client identifier, relay information.
const OF_ONE_MESSAGE: [u8; 9] = [51, 52, 53, 54, 56, 58, 59, 61, 82];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn grant(options: &[(u8, &[u8])]) -> Grant {
        Grant {
            address: Ipv4Addr::new(192, 0, 2, 7),
            server: Ipv4Addr::new(192, 0, 2, 1),
            options: options
                .iter()
                .map(|(code, value)| (*code, value.to_vec()))
                .collect(),
        }
    }

    fn lease(options: &[(u8, &[u8])]) -> Lease {
        Lease::granted(grant(options), Instant::default(), None).unwrap()
    }

    #[test]
    fn every_option_reaches_its_field() {
        let lease = lease(&[
            (1, &[255, 255, 255, 128]),
            (3, &[192, 0, 2, 1, 192, 0, 2, 2]),
            (6, &[192, 0, 2, 3]),
            (15, b"example.org"),
            (26, &[5, 0]),
            (28, &[192, 0, 2, 127]),
            (33, &[10, 0, 0, 1, 192, 0, 2, 1]),
            (42, &[192, 0, 2, 4]),
            (119, b"\x01a\0"),
            (121, &[0, 192, 0, 2, 9]),
            (249, &[0, 192, 0, 2, 8]),
            (43, &[1, 2, 3]),
        ]);
        assert_eq!(lease.network().to_string(), "192.0.2.7/25");
        assert_eq!(
            lease.routers,
            [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)]
        );
        assert_eq!(lease.dns, [Ipv4Addr::new(192, 0, 2, 3)]);
        assert_eq!(lease.domain.as_deref(), Some("example.org"));
        assert_eq!(lease.mtu, Some(1280));
        assert_eq!(lease.broadcast, Some(Ipv4Addr::new(192, 0, 2, 127)));
        assert_eq!(
            lease.static_routes[0].destination,
            Ipv4Addr::new(10, 0, 0, 1)
        );
        assert_eq!(lease.ntp, [Ipv4Addr::new(192, 0, 2, 4)]);
        assert_eq!(lease.search, ["a"]);
        assert_eq!(
            lease.classless_routes.unwrap()[0].router,
            Ipv4Addr::new(192, 0, 2, 9)
        );
        assert_eq!(lease.options.get(43), Some(&[1, 2, 3][..]));
    }

    #[test]
    fn a_malformed_option_costs_that_option_alone() {
        let codes = [3, 6, 15, 26, 28, 33, 42, 58, 59, 119, 121, 249];
        let good = lease(&[(1, &[255, 255, 255, 0]), (3, &[192, 0, 2, 1]), (15, b"lan")]);
        for code in codes {
            let mut given = BTreeMap::from(good.options.clone());
            given.insert(code, vec![0xff; 7]);
            let read = Lease::granted(
                Grant {
                    options: given,
                    ..grant(&[])
                },
                Instant::default(),
                None,
            );
            let read = read.unwrap();
            assert_eq!(read.prefix_len, 24, "{code}");
            assert_eq!(read.routers.is_empty(), code == 3, "{code}");
            assert_eq!(read.domain.is_none(), code == 15, "{code}");
            assert_eq!(read.times, good.times, "{code}");
            assert_eq!(read.classless_routes, None, "{code}");
        }
    }

    #[test]
    fn option_249_stands_in_for_a_121_that_is_missing_or_garbled() {
        let good: &[u8] = &[0, 192, 0, 2, 8];
        for options in [&[(249, good)][..], &[(121, &[40, 1]), (249, good)]] {
            let routes = lease(options).classless_routes.unwrap();
            assert_eq!(routes[0].router, Ipv4Addr::new(192, 0, 2, 8));
        }
    }

    #[test]
    fn without_a_mask_the_class_decides() {
        for (address, expected) in [("10.1.2.3", 8), ("172.16.1.2", 16), ("192.168.1.2", 24)] {
            let grant = Grant {
                address: address.parse().unwrap(),
                ..grant(&[])
            };
            let lease = Lease::granted(grant, Instant::default(), None).unwrap();
            assert_eq!(lease.prefix_len, expected);
        }
    }

    #[test]
    fn what_a_renewal_leaves_out_stays_while_the_address_stays() {
        let first = lease(&[
            (1, &[255, 255, 0, 0]),
            (3, &[192, 0, 2, 1]),
            (51, &[0, 0, 0, 9]),
        ]);
        let again = Lease::granted(
            grant(&[(6, &[9, 9, 9, 9])]),
            Instant::default(),
            Some(&first),
        );
        let again = again.unwrap();
        assert_eq!((again.prefix_len, &again.routers), (16, &first.routers));
        assert_eq!(again.dns, [Ipv4Addr::new(9, 9, 9, 9)]);
        assert!(again.options.get(51).is_none());

        let elsewhere = Grant {
            address: Ipv4Addr::new(192, 0, 2, 8),
            ..grant(&[])
        };
        let elsewhere = Lease::granted(elsewhere, Instant::default(), Some(&first)).unwrap();
        assert_eq!(elsewhere.routers, [] as [Ipv4Addr; 0]);
    }

    #[test]
    fn only_what_a_link_shows_counts_as_a_change() {
        let first = lease(&[(3, &[192, 0, 2, 1]), (43, &[1])]);
        let times = lease(&[(3, &[192, 0, 2, 1]), (43, &[2]), (51, &[0, 0, 0, 9])]);
        assert!(times.configures_as(&first));
        let router = lease(&[(3, &[192, 0, 2, 2]), (43, &[1])]);
        assert!(!router.configures_as(&first));
    }
}
