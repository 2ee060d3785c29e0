//! The order in which the addresses of a range set are tried: after the last one reserved, through
//! all ranges of the set and around, so that an address just released comes up again last.

use std::net::IpAddr;

use crate::range::{Range, RangeSet, successor};

/// Returns every address of the set that may be allocated, once, in the order to try them.
pub(crate) fn candidates(
    set: &RangeSet,
    last_reserved: Option<IpAddr>,
) -> impl Iterator<Item = (IpAddr, &Range)> {
    let first = last_reserved
        .and_then(|last| {
            let index = set.ranges.iter().position(|range| range.contains(last))?;
            Position {
                index,
                address: last,
            }
            .next(set)
        })
        .or_else(|| Position::start_of(set, 0));
    let mut upcoming = first;
    std::iter::from_fn(move || {
        let position = upcoming?;
        upcoming = position.next(set).filter(|_| position.next(set) != first);
        Some((position.address, set.ranges.get(position.index)?))
    })
    .filter(|(address, range)| *address != range.gateway)
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Position {
    index: usize,
    address: IpAddr,
}

impl Position {
    fn start_of(set: &RangeSet, index: usize) -> Option<Position> {
        set.ranges.get(index).map(|range| Position {
            index,
            address: range.start,
        })
    }

    fn next(self, set: &RangeSet) -> Option<Position> {
        let range = set.ranges.get(self.index)?;
        if self.address == range.end {
            Position::start_of(set, (self.index + 1) % set.ranges.len())
        } else {
            Some(Position {
                address: successor(self.address),
                ..self
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::range::{RangeSpec, Source};

    #[test]
    fn starts_after_the_last_reserved_address_and_ends_with_it() {
        let set = set(&[("10.1.2.0/29", 2, 5)]);
        assert_eq!(order(&set, None), [2, 3, 4, 5]);
        assert_eq!(order(&set, Some(3)), [4, 5, 2, 3]);
        assert_eq!(order(&set, Some(5)), [2, 3, 4, 5]);
    }

    #[test]
    fn a_last_reserved_address_outside_the_set_is_as_none() {
        let set = set(&[("10.1.2.0/29", 2, 3)]);
        assert_eq!(order(&set, Some(6)), [2, 3]);
        let other_family = candidates(&set, Some("fd00::1".parse().unwrap())).count();
        assert_eq!(other_family, 2);
    }

    #[test]
    fn the_gateway_is_passed_over_even_where_the_round_starts() {
        let set = set(&[("10.1.2.0/29", 0, 3)]);
        assert_eq!(order(&set, None), [0, 2, 3]);
        assert_eq!(order(&set, Some(0)), [2, 3, 0]);
    }

    #[test]
    fn a_set_of_one_address_offers_it_again() {
        let set = set(&[("10.1.2.0/29", 4, 4)]);
        assert_eq!(order(&set, Some(4)), [4]);
    }

    #[test]
    fn a_huge_range_is_walked_only_as_far_as_asked() {
        let spec = RangeSpec {
            subnet: "2001:db8::/32".parse().unwrap(),
            start: None,
            end: None,
            gateway: None,
        };
        let ranges = vec![Range::complete(&spec).unwrap()];
        let set = RangeSet {
            source: Source::Ranges(0),
            ranges,
        };
        let last = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap();
        let first = candidates(&set, Some(last)).next().unwrap().0;
        assert_eq!(first, "2001:db8::2".parse::<IpAddr>().unwrap());
    }

    proptest! {
        /// The model: list all addresses, rotate the list, leave out each range's own gateway.
        #[test]
        fn order_is_the_rotated_list_of_all_addresses(
            bounds in prop::collection::vec((0_u8..8, 0_u8..8), 1..4),
            last in prop::option::of((0_u8..5, 0_u8..8)),
        ) {
            let ranges: Vec<(String, u8, u8)> = bounds
                .iter()
                .enumerate()
                .map(|(i, (a, b))| (format!("10.1.{i}.0/29"), *a.min(b), *a.max(b)))
                .collect();
            let borrowed: Vec<_> = ranges.iter().map(|(s, a, b)| (s.as_str(), *a, *b)).collect();
            let set = set(&borrowed);
            let last = last.map(|(net, host)| IpAddr::from(Ipv4Addr::new(10, 1, net, host)));

            let mut all: Vec<IpAddr> = bounds
                .iter()
                .zip(0_u8..)
                .flat_map(|((a, b), i)| {
                    (*a.min(b)..=*a.max(b)).map(move |host| Ipv4Addr::new(10, 1, i, host).into())
                })
                .collect();
            if let Some(at) = last.and_then(|last| all.iter().position(|a| *a == last)) {
                all.rotate_left(at + 1);
            }
            all.retain(|a| !matches!(a, IpAddr::V4(a) if a.octets()[3] == 1));

            let got: Vec<IpAddr> = candidates(&set, last).map(|(address, _)| address).collect();
            prop_assert_eq!(got, all);
        }
    }

    fn set(ranges: &[(&str, u8, u8)]) -> RangeSet {
        let complete = |&(subnet, start, end): &(&str, u8, u8)| {
            let subnet: ipnetwork::IpNetwork = subnet.parse().unwrap();
            let IpAddr::V4(base) = subnet.network() else {
                panic!("an IPv4 test")
            };
            let host = |n: u8| Some(Ipv4Addr::from_bits(base.to_bits() + u32::from(n)).into());
            let spec = RangeSpec {
                subnet,
                start: host(start),
                end: host(end),
                gateway: None,
            };
            Range::complete(&spec).unwrap()
        };
        RangeSet {
            source: Source::Ranges(0),
            ranges: ranges.iter().map(complete).collect(),
        }
    }

    fn order(set: &RangeSet, last: Option<u8>) -> Vec<u8> {
        let last = last.map(|host| IpAddr::from(Ipv4Addr::new(10, 1, 2, host)));
        candidates(set, last)
            .map(|(address, _)| match address {
                IpAddr::V4(a) => a.octets()[3],
                IpAddr::V6(_) => panic!("an IPv4 test"),
            })
            .collect()
    }
}
