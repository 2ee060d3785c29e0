//! Which address of each range set an attachment gets. Nothing is written here: all sets are
//! decided on before the first reservation is made.

use std::net::IpAddr;
use std::path::Path;

use cni::{Attachment, Code, IpConfig};
use ipnetwork::IpNetwork;

use crate::error::Error;
use crate::owner::Owner;
use crate::range::{Range, RangeSet};
use crate::requested::Requested;
use crate::reservations::Reservations;
use crate::round_robin::candidates;

/// The address that an attachment gets from one range set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allocation {
    /// The position of the range set in the configuration.
    pub(crate) set: usize,
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
    pub(crate) gateway: IpAddr,
    /// Whether it is still to be reserved; if not, it is the attachment's already.
    pub(crate) new: bool,
}

/// An attachment that wants addresses, and the network as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'a> {
    pub(crate) attachment: &'a Attachment,
    pub(crate) requested: &'a [Requested],
    pub(crate) reservations: &'a Reservations,
    /// Where the reservations are, for messages.
    pub(crate) directory: &'a Path,
}

impl Demand<'_> {
    /// Chooses an address of each set; `last_reserved` tells where the last round in a set ended.
    pub(crate) fn allocate(
        &self,
        sets: &[RangeSet],
        last_reserved: impl Fn(usize) -> Option<IpAddr>,
    ) -> Result<Vec<Allocation>, Error> {
        let requests = self.assign_requests(sets)?;
        sets.iter()
            .zip(requests)
            .enumerate()
            .map(|(n, (set, request))| {
                let held = self.held_in(set, request)?;
                let new = held.is_none();
                let (address, range) = match (held, request) {
                    (Some(held), _) => held,
                    (None, Some(requested)) => self.take_requested(set, requested)?,
                    (None, None) => self.take_next(set, last_reserved(n))?,
                };
                let (prefix, gateway) = (range.subnet.prefix(), range.gateway);
                Ok(Allocation {
                    set: n,
                    address,
                    prefix,
                    gateway,
                    new,
                })
            })
            .collect()
    }

    /// Gives each set the request that lies in it.
    fn assign_requests(&self, sets: &[RangeSet]) -> Result<Vec<Option<Requested>>, Error> {
        let mut assigned = vec![None; sets.len()];
        for requested in self.requested.iter().copied() {
            let home = sets.iter().zip(&mut assigned).find_map(|(set, assigned)| {
                set.range_of(requested.address)
                    .map(|range| (set, range, assigned))
            });
            let Some((set, range, assigned)) = home else {
                let ranges: Vec<&Range> = sets.iter().flat_map(|set| &set.ranges).collect();
                return Err(Error::RequestedOutside {
                    requested,
                    ranges: cni::listed(&ranges, ", "),
                });
            };
            if range.gateway == requested.address {
                return Err(Error::RequestedGateway { requested });
            }
            if let Some(first) = assigned.replace(requested) {
                let (second, set) = (requested, set.source);
                return Err(Error::RequestedTwice { first, second, set });
            }
        }
        Ok(assigned)
    }

    /// Returns the address of the set that the attachment has already: a second ADD gives what
    /// the first one gave.
    fn held_in<'a>(
        &self,
        set: &'a RangeSet,
        request: Option<Requested>,
    ) -> Result<Option<(IpAddr, &'a Range)>, Error> {
        let in_set = |address: IpAddr| set.range_of(address).map(|range| (address, range));
        let held: Vec<_> = self
            .reservations
            .of(self.attachment)
            .filter_map(in_set)
            .collect();
        match (held.first(), request) {
            (Some(first), None) => return Ok(Some(*first)),
            (Some(first), Some(requested)) => {
                let same = held
                    .iter()
                    .find(|(address, _)| *address == requested.address);
                let other = Error::RequestedOther {
                    requested,
                    held: first.0,
                };
                return same.map(|same| Some(*same)).ok_or(other);
            }
            (None, _) => {}
        }
        // It may be another interface's of the same container, so it is not given a second time.
        match self
            .reservations
            .of_container(self.attachment)
            .find_map(in_set)
        {
            Some((address, _)) => {
                let container_id = self.attachment.container_id.to_string();
                Err(Error::HeldByContainer {
                    address,
                    container_id,
                })
            }
            None => Ok(None),
        }
    }

    fn take_requested<'a>(
        &self,
        set: &'a RangeSet,
        requested: Requested,
    ) -> Result<(IpAddr, &'a Range), Error> {
        match (
            self.reservations.owner_of(requested.address),
            set.range_of(requested.address),
        ) {
            (None, Some(range)) => Ok((requested.address, range)),
            (owner, _) => {
                let owner = owner.cloned().unwrap_or(Owner::Unknown);
                let directory = self.directory.to_owned();
                Err(Error::RequestedTaken {
                    requested,
                    owner,
                    directory,
                })
            }
        }
    }

    fn take_next<'a>(
        &self,
        set: &'a RangeSet,
        last_reserved: Option<IpAddr>,
    ) -> Result<(IpAddr, &'a Range), Error> {
        candidates(set, last_reserved)
            .find(|(address, _)| self.reservations.owner_of(*address).is_none())
            .ok_or_else(|| {
                let reserved = self.reservations.count_in(set);
                let directory = self.directory.to_owned();
                Error::exhausted(&self.attachment.network, set, reserved, directory)
            })
    }
}

impl Allocation {
    /// Returns the address as the result has it.
    pub(crate) fn ip_config(&self) -> Result<IpConfig, Error> {
        let internal = |error: ipnetwork::IpNetworkError| {
            cni::Error::new(Code::Internal, error.to_string()).at(self.address)
        };
        let address = IpNetwork::new(self.address, self.prefix).map_err(internal)?;
        Ok(IpConfig {
            interface: None,
            address,
            gateway: Some(self.gateway),
        })
    }
}

#[cfg(test)]
mod tests {
    use cni::{Args, ContainerId, IfName, NetworkName, RequestConfig, Verb};
    use serde_json::json;

    use super::*;
    use crate::config::Config;
    use crate::requested;

    #[test]
    fn each_set_gives_its_next_free_address() {
        let got = allocate(&[("10.1.2.2", "other")], "", Some("10.1.2.2")).unwrap();
        assert_eq!(got, ["new 10.1.2.3/29", "new fd00::2/64"]);
    }

    #[test]
    fn a_second_add_gives_what_the_first_one_gave() {
        let reserved = [("10.1.2.4", "c1\r\neth0"), ("10.1.2.5", "c1\r\neth1")];
        let got = allocate(&reserved, "", None).unwrap();
        assert_eq!(got, ["held 10.1.2.4/29", "new fd00::2/64"]);
        let got = allocate(&reserved, "IP=10.1.2.4", None).unwrap();
        assert_eq!(got[0], "held 10.1.2.4/29");
        assert_eq!(
            allocate(&reserved, "IP=10.1.2.6", None).unwrap_err(),
            (
                7,
                "requested address 10.1.2.6 (CNI_ARGS IP) is not 10.1.2.4, which the attachment has \
                 already"
                    .to_owned()
            )
        );
    }

    #[test]
    fn of_two_addresses_held_the_requested_one_is_given() {
        let reserved = [("10.1.2.4", "c1\r\neth0"), ("10.1.2.5", "c1\r\neth0")];
        assert_eq!(
            allocate(&reserved, "IP=10.1.2.5", None).unwrap()[0],
            "held 10.1.2.5/29"
        );
    }

    #[test]
    fn an_address_held_by_the_container_as_a_whole_is_not_given_twice() {
        let error = allocate(&[("10.1.2.4", "c1")], "", None).unwrap_err();
        assert_eq!(error.0, 101);
        assert_eq!(
            error.1,
            "10.1.2.4 is reserved for container \"c1\" without an interface name"
        );
    }

    #[test]
    fn each_request_goes_to_its_set() {
        let got = allocate(&[], "IP=fd00::77,10.1.2.6", None).unwrap();
        assert_eq!(got, ["new 10.1.2.6/29", "new fd00::77/64"]);
    }

    #[test]
    fn a_request_that_cannot_be_met_says_why() {
        let reserved = [
            ("10.1.2.3", "c2\r\nnet1"),
            ("10.1.2.4", "c3"),
            ("10.1.2.5", "\u{fffd}"),
        ];
        let cases = [
            (
                "IP=10.1.2.3",
                101,
                "requested address 10.1.2.3 (CNI_ARGS IP) is reserved for \"net1\" of container \"c2\"",
            ),
            (
                "IP=10.1.2.4",
                101,
                "requested address 10.1.2.4 (CNI_ARGS IP) is reserved for container \"c3\"",
            ),
            (
                "IP=10.1.2.1",
                7,
                "requested address 10.1.2.1 (CNI_ARGS IP) is the gateway of its subnet",
            ),
            (
                "IP=10.1.2.9",
                7,
                "requested address 10.1.2.9 (CNI_ARGS IP) is in none of the ranges \
                 10.1.2.1-10.1.2.6, fd00::1-fd00::ffff:ffff:ffff:ffff",
            ),
            (
                "IP=10.1.2.2,10.1.2.6",
                7,
                "requested address 10.1.2.2 (CNI_ARGS IP) and requested address 10.1.2.6 (CNI_ARGS \
                 IP) are both of range set ipam.ranges[0], which gives one address",
            ),
        ];
        for (args, code, msg) in cases {
            assert_eq!(
                allocate(&reserved, args, None).unwrap_err(),
                (code, msg.to_owned())
            );
        }
    }

    #[test]
    fn an_exhausted_set_says_which_and_how_full() {
        let reserved: Vec<(String, &str)> = (2..=6)
            .map(|n| (format!("10.1.2.{n}"), "other\r\neth0"))
            .collect();
        let mut reserved: Vec<_> = reserved.iter().map(|(a, o)| (a.as_str(), *o)).collect();
        reserved.push(("10.1.2.1", "not counted: the gateway"));
        reserved.push(("10.9.9.9", "not counted: elsewhere"));
        let error = allocate(&reserved, "", Some("10.1.2.4")).unwrap_err();
        assert_eq!(
            error,
            (
                101,
                "no free address in 10.1.2.1-10.1.2.6 of network \"n\": all 5 are reserved"
                    .to_owned()
            )
        );
    }

    fn allocate(
        reserved: &[(&str, &str)],
        args: &str,
        last: Option<&str>,
    ) -> Result<Vec<String>, (u32, String)> {
        let ipam = json!({"ranges": [[{"subnet": "10.1.2.0/29"}], [{"subnet": "fd00::/64"}]]});
        let raw = json!({"cniVersion": "1.0.0", "name": "n", "ipam": ipam}).to_string();
        let request = RequestConfig::parse(raw.into_bytes(), Verb::Add).unwrap();
        let requested = requested::read(&request, &Args::parse(args).unwrap()).unwrap();
        let mut reservations = Reservations::default();
        for (address, contents) in reserved {
            let owner = Owner::parse(contents.as_bytes()).unwrap();
            reservations.insert(address.parse().unwrap(), owner);
        }
        let attachment = Attachment {
            network: NetworkName::parse("n").unwrap(),
            container_id: ContainerId::parse("c1").unwrap(),
            ifname: IfName::parse("eth0").unwrap(),
        };
        let demand = Demand {
            attachment: &attachment,
            requested: &requested,
            reservations: &reservations,
            directory: Path::new("/d/n"),
        };
        let last = last.map(|text| text.parse().unwrap());
        let sets = Config::read(&request).unwrap().sets;
        let allocations = demand.allocate(&sets, |set| last.filter(|_| set == 0));
        allocations
            .map(|all| {
                let name = |a: &Allocation| {
                    let word = if a.new { "new" } else { "held" };
                    format!("{word} {}", a.ip_config().unwrap().address)
                };
                all.iter().map(name).collect()
            })
            .map_err(|error| {
                let error = cni::Error::from(error);
                (error.code.number(), error.msg)
            })
    }
}
