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
                let ranges: Vec<String> = sets.iter().map(RangeSet::to_string).collect();
                return Err(Error::RequestedOutside {
                    requested,
                    ranges: ranges.join(","),
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
