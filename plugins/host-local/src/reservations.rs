//! The reservations of a network as they were read at one moment.

use std::collections::BTreeMap;
use std::net::IpAddr;

use cni::Attachment;

use crate::owner::Owner;
use crate::range::RangeSet;

/// Which addresses are reserved, and for whom.
#[derive(Debug, Default)]
pub(crate) struct Reservations {
    by_address: BTreeMap<IpAddr, Owner>,
}

impl Reservations {
    /// Adds the reservation of an address.
    pub(crate) fn insert(&mut self, address: IpAddr, owner: Owner) {
        self.by_address.insert(address, owner);
    }

    /// Returns whom an address is reserved for.
    pub(crate) fn owner_of(&self, address: IpAddr) -> Option<&Owner> {
        self.by_address.get(&address)
    }

    /// Returns every reservation, in the order of the addresses.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (IpAddr, &Owner)> {
        self.by_address
            .iter()
            .map(|(address, owner)| (*address, owner))
    }

    /// Returns the addresses that are reserved for an attachment by name.
    pub(crate) fn of(&self, attachment: &Attachment) -> impl Iterator<Item = IpAddr> {
        self.iter()
            .filter(|(_, owner)| owner.is(attachment))
            .map(|(address, _)| address)
    }

    /// Returns the addresses that are reserved for an attachment's container as a whole.
    pub(crate) fn of_container(&self, attachment: &Attachment) -> impl Iterator<Item = IpAddr> {
        self.iter()
            .filter(|(_, owner)| owner.is_container_of(attachment))
            .map(|(address, _)| address)
    }

    /// Returns the addresses of an attachment: those reserved for it by name, or if there are
    /// none, those reserved for its container as a whole.
    pub(crate) fn held_by(&self, attachment: &Attachment) -> Vec<IpAddr> {
        let named: Vec<IpAddr> = self.of(attachment).collect();
        if named.is_empty() {
            self.of_container(attachment).collect()
        } else {
            named
        }
    }

    /// Returns how many addresses of the set are reserved, the gateways aside.
    pub(crate) fn count_in(&self, set: &RangeSet) -> usize {
        let counts = |address: IpAddr| {
            set.range_of(address)
                .is_some_and(|range| range.gateway != address)
        };
        self.by_address
            .keys()
            .filter(|address| counts(**address))
            .count()
    }
}
