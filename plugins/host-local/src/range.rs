//! Ranges of addresses to allocate from, and sets of them, checked and completed as the `ipam`
//! section of a network configuration gives them.
//!
//! The defaults are the reference's: the gateway and the first address are the subnet's first
//! host, the last address is the one before the broadcast address for IPv4 and the very last one
//! for IPv6.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::IpNetwork;
use thiserror::Error;

/// Addresses of one subnet, from `start` to `end`, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) subnet: IpNetwork,
    /// Inside the subnet, not above `end`.
    pub(crate) start: IpAddr,
    /// Inside the subnet.
    pub(crate) end: IpAddr,
    /// Never allocated from this range; of the subnet's family, but not necessarily inside it.
    pub(crate) gateway: IpAddr,
}

/// A range as configured, before its gaps are filled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RangeSpec {
    pub(crate) subnet: IpNetwork,
    pub(crate) start: Option<IpAddr>,
    pub(crate) end: Option<IpAddr>,
    pub(crate) gateway: Option<IpAddr>,
}

/// The key of a range that a [`Fault`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Subnet,
    RangeStart,
    RangeEnd,
    Gateway,
}

/// What is wrong with one field of a range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    #[error("{subnet} has host bits set; the network is {network}")]
    HostBits {
        subnet: IpNetwork,
        network: IpNetwork,
    },
    #[error("{subnet} is too small to allocate from; the longest prefix is /{longest}")]
    TooSmall { subnet: IpNetwork, longest: u8 },
    #[error("{address} is not of the same family as subnet {subnet}")]
    OtherFamily { address: IpAddr, subnet: IpNetwork },
    #[error("{address} is not in subnet {subnet}")]
    OutsideSubnet { address: IpAddr, subnet: IpNetwork },
    #[error("{end} comes before the start of the range, {start}")]
    EndBeforeStart { start: IpAddr, end: IpAddr },
    #[error("{start} comes after the last address to allocate, {end}")]
    StartAfterEnd { start: IpAddr, end: IpAddr },
}

/// Where a range set stands in the request configuration; prints as the path of that field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// `runtimeConfig.ipRanges[n]`
    RuntimeConfig(usize),
    /// The keys `subnet`, `rangeStart`, `rangeEnd`, `gateway` of `ipam` itself.
    Single,
    /// `ipam.ranges[n]`
    Ranges(usize),
}

/// Ranges of one family that do not overlap: one address is allocated from the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RangeSet {
    pub(crate) source: Source,
    /// Never empty.
    pub(crate) ranges: Vec<Range>,
}

impl Range {
    /// Checks a range and fills in what it leaves out.
    pub(crate) fn complete(spec: &RangeSpec) -> Result<Range, (Field, Fault)> {
        let subnet = spec.subnet;
        check_subnet(subnet).map_err(|fault| (Field::Subnet, fault))?;
        let first = successor(subnet.network());
        let given = |field: Field, address: Option<IpAddr>| {
            let Some(address) = address else {
                return Ok(None);
            };
            if address.is_ipv4() != subnet.is_ipv4() {
                return Err((field, Fault::OtherFamily { address, subnet }));
            }
            if field != Field::Gateway && !subnet.contains(address) {
                return Err((field, Fault::OutsideSubnet { address, subnet }));
            }
            Ok(Some(address))
        };
        let gateway = given(Field::Gateway, spec.gateway)?.unwrap_or(first);
        let start = given(Field::RangeStart, spec.start)?.unwrap_or(first);
        let end = match given(Field::RangeEnd, spec.end)? {
            Some(end) if end < start => {
                return Err((Field::RangeEnd, Fault::EndBeforeStart { start, end }));
            }
            Some(end) => end,
            None => last_host(subnet),
        };
        if end < start {
            return Err((Field::RangeStart, Fault::StartAfterEnd { start, end }));
        }
        Ok(Range {
            subnet,
            start,
            end,
            gateway,
        })
    }

    /// Whether the address lies between start and end.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        (self.start..=self.end).contains(&address)
    }

    /// Whether the two ranges have an address in common.
    pub(crate) fn overlaps(&self, other: &Range) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    /// Returns how many addresses can be allocated; all of `::/0` counts as `u128::MAX`.
    pub(crate) fn capacity(&self) -> u128 {
        let addresses = (number(self.end) - number(self.start)).saturating_add(1);
        if self.contains(self.gateway) {
            addresses - 1
        } else {
            addresses
        }
    }
}

impl RangeSet {
    /// Returns the range that the address lies in.
    pub(crate) fn range_of(&self, address: IpAddr) -> Option<&Range> {
        self.ranges.iter().find(|range| range.contains(address))
    }

    /// Whether the set allocates IPv4 addresses.
    pub(crate) fn is_ipv4(&self) -> bool {
        self.ranges
            .first()
            .is_some_and(|range| range.subnet.is_ipv4())
    }

    /// Returns how many addresses the set can allocate.
    pub(crate) fn capacity(&self) -> u128 {
        self.ranges
            .iter()
            .fold(0_u128, |sum, range| sum.saturating_add(range.capacity()))
    }
}

/// Returns the next address; the last one is followed by the first.
pub(crate) fn successor(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(a) => Ipv4Addr::from_bits(a.to_bits().wrapping_add(1)).into(),
        IpAddr::V6(a) => Ipv6Addr::from_bits(a.to_bits().wrapping_add(1)).into(),
    }
}

fn check_subnet(subnet: IpNetwork) -> Result<(), Fault> {
    let longest = match subnet {
        IpNetwork::V4(_) => 30,
        IpNetwork::V6(_) => 126,
    };
    if subnet.prefix() > longest {
        return Err(Fault::TooSmall { subnet, longest });
    }
    if subnet.ip() != subnet.network() {
        let network = IpNetwork::new(subnet.network(), subnet.prefix()).unwrap_or(subnet);
        return Err(Fault::HostBits { subnet, network });
    }
    Ok(())
}

fn last_host(subnet: IpNetwork) -> IpAddr {
    match subnet {
        IpNetwork::V4(v4) => Ipv4Addr::from_bits(v4.broadcast().to_bits() - 1).into(),
        IpNetwork::V6(v6) => v6.broadcast().into(),
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => a.to_bits().into(),
        IpAddr::V6(a) => a.to_bits(),
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.end)
    }
}

impl fmt::Display for RangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&cni::listed(&self.ranges, ", "))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Subnet => "subnet",
            Field::RangeStart => "rangeStart",
            Field::RangeEnd => "rangeEnd",
            Field::Gateway => "gateway",
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::RuntimeConfig(n) => write!(f, "runtimeConfig.ipRanges[{n}]"),
            Source::Single => f.write_str("ipam"),
            Source::Ranges(n) => write!(f, "ipam.ranges[{n}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_first_host_as_gateway_and_every_host_to_allocate() {
        let v4 = Range::complete(&spec("10.1.2.0/24")).unwrap();
        assert_eq!(
            (v4.to_string().as_str(), v4.gateway),
            ("10.1.2.1-10.1.2.254", ip("10.1.2.1"))
        );
        let v6 = Range::complete(&spec("2001:db8::/64")).unwrap();
        assert_eq!(v6.to_string(), "2001:db8::1-2001:db8::ffff:ffff:ffff:ffff");
        assert_eq!(v6.gateway, ip("2001:db8::1"));
    }

    #[test]
    fn capacity_leaves_out_the_gateway_only_where_it_lies_in_the_range() {
        let capacity = |spec| Range::complete(&spec).unwrap().capacity();
        assert_eq!(capacity(spec("10.1.2.0/30")), 1);
        assert_eq!(capacity(spec("10.1.2.0/24")), 253);
        assert_eq!(
            capacity(RangeSpec {
                start: Some(ip("10.1.2.9")),
                ..spec("10.1.2.0/24")
            }),
            246
        );
        assert_eq!(
            capacity(RangeSpec {
                gateway: Some(ip("10.9.9.9")),
                ..spec("10.1.2.0/30")
            }),
            2
        );
        assert_eq!(capacity(spec("::/0")), u128::MAX - 1);
    }

    #[test]
    fn network_and_broadcast_addresses_are_allocated_when_the_range_names_them() {
        let range = Range::complete(&RangeSpec {
            start: Some(ip("10.1.2.0")),
            end: Some(ip("10.1.2.255")),
            ..spec("10.1.2.0/24")
        });
        assert_eq!(range.unwrap().to_string(), "10.1.2.0-10.1.2.255");
    }

    #[test]
    fn faults_name_the_field_and_the_reason() {
        let s = spec("10.1.2.0/24");
        let cases = [
            (
                spec("10.1.2.7/24"),
                "subnet: 10.1.2.7/24 has host bits set; the network is 10.1.2.0/24",
            ),
            (
                spec("fd00::7/64"),
                "subnet: fd00::7/64 has host bits set; the network is fd00::/64",
            ),
            (
                spec("10.1.2.0/31"),
                "subnet: 10.1.2.0/31 is too small to allocate from; the longest prefix is /30",
            ),
            (
                spec("fd00::/127"),
                "subnet: fd00::/127 is too small to allocate from; the longest prefix is /126",
            ),
            (
                RangeSpec {
                    start: Some(ip("10.1.3.1")),
                    ..s
                },
                "rangeStart: 10.1.3.1 is not in subnet 10.1.2.0/24",
            ),
            (
                RangeSpec {
                    end: Some(ip("fd00::1")),
                    ..s
                },
                "rangeEnd: fd00::1 is not of the same family as subnet 10.1.2.0/24",
            ),
            (
                RangeSpec {
                    gateway: Some(ip("fd00::1")),
                    ..s
                },
                "gateway: fd00::1 is not of the same family as subnet 10.1.2.0/24",
            ),
            (
                RangeSpec {
                    start: Some(ip("10.1.2.9")),
                    end: Some(ip("10.1.2.8")),
                    ..s
                },
                "rangeEnd: 10.1.2.8 comes before the start of the range, 10.1.2.9",
            ),
            (
                RangeSpec {
                    start: Some(ip("10.1.2.255")),
                    ..s
                },
                "rangeStart: 10.1.2.255 comes after the last address to allocate, 10.1.2.254",
            ),
        ];
        for (spec, expected) in cases {
            let (field, fault) = Range::complete(&spec).unwrap_err();
            assert_eq!(format!("{field}: {fault}"), expected);
        }
    }

    #[test]
    fn ranges_overlap_when_they_share_an_address_and_only_then() {
        let between = |start, end| {
            let (start, end) = (Some(ip(start)), Some(ip(end)));
            Range::complete(&RangeSpec {
                start,
                end,
                ..spec("10.1.2.0/24")
            })
            .unwrap()
        };
        let middle = between("10.1.2.10", "10.1.2.20");
        assert!(middle.overlaps(&between("10.1.2.20", "10.1.2.30")));
        assert!(middle.overlaps(&between("10.1.2.12", "10.1.2.13")));
        assert!(between("10.1.2.12", "10.1.2.13").overlaps(&middle));
        assert!(!middle.overlaps(&between("10.1.2.21", "10.1.2.30")));
        assert!(!middle.overlaps(&Range::complete(&spec("fd00::/64")).unwrap()));
    }

    fn spec(subnet: &str) -> RangeSpec {
        RangeSpec {
            subnet: subnet.parse().unwrap(),
            start: None,
            end: None,
            gateway: None,
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }
}
