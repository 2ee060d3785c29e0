//! Addresses of links.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnetwork::IpNetwork;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressMessage, CacheInfo};
use nix::errno::Errno;
use nix::libc;

use crate::connection::Malformed;
use crate::decode::{attributes, ip, number};
use crate::error::Attempt;
use crate::{Error, Netlink};

/// An address that a link has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The link.
    pub ifindex: u32,
    /// The address with its prefix length.
    pub net: IpNetwork,
    /// Its scope (`rtnetlink(7)`): 0 global, 253 link, 254 host.
    pub scope: u8,
    /// Whether duplicate address detection goes on: it cannot be used yet.
    pub tentative: bool,
    /// Whether duplicate address detection has found it in use elsewhere.
    pub dad_failed: bool,
    /// Whether it has no end.
    pub permanent: bool,
    /// How long it is still valid; nothing for ever.
    pub valid: Option<Duration>,
    /// How long it is still preferred as a source; nothing for ever.
    pub preferred: Option<Duration>,
    /// Its IPv4 broadcast address.
    pub broadcast: Option<Ipv4Addr>,
}

/// An address to be given to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewAddress {
    /// The link.
    pub ifindex: u32,
    /// The address with its prefix length.
    pub net: IpNetwork,
    /// Its IPv4 broadcast address; nothing for the last one of the subnet, if that has any to spare.
    pub broadcast: Option<Ipv4Addr>,
    /// How long it is valid, after which the kernel removes it; nothing for ever.
    pub valid: Option<Duration>,
    /// How long it is preferred as a source; nothing for as long as it is valid.
    pub preferred: Option<Duration>,
}

impl NewAddress {
    /// Describes an address without end.
    #[must_use]
    pub const fn new(ifindex: u32, net: IpNetwork) -> Self {
        Self {
            ifindex,
            net,
            broadcast: None,
            valid: None,
            preferred: None,
        }
    }
}

impl Netlink {
    /// Returns the addresses of both families that the link has.
    pub fn addresses(&mut self, ifindex: u32) -> Result<Vec<Address>, Error> {
        let attempt = Attempt {
            operation: "list",
            object: &format_args!("addresses of link #{ifindex}"),
        };
        let mut message = AddressMessage::default();
        // Only a kernel that checks strictly filters by this.
        message.header.index = ifindex;
        let found = self.dump(libc::RTM_GETADDR, &message, attempt, |payload| {
            Ok(decode(payload)?.filter(|address| address.ifindex == ifindex))
        });
        match found {
            Err(error) if error.errno() == Some(Errno::ENODEV) => Err(Error::LinkNotFound {
                name: format!("#{ifindex}"),
            }),
            found => found,
        }
    }

    /// Gives an address to a link. Returns whether the link did not have it yet.
    pub fn add_address(&mut self, new: &NewAddress) -> Result<bool, Error> {
        let attempt = Attempt {
            operation: "add address",
            object: &new.net,
        };
        match self.set_address(new, NLM_F_CREATE | NLM_F_EXCL, attempt) {
            Ok(()) => Ok(true),
            Err(error) if error.errno() == Some(Errno::EEXIST) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives an address to a link, or new lifetimes to the same address that it has already.
    pub fn replace_address(&mut self, new: &NewAddress) -> Result<(), Error> {
        let attempt = Attempt {
            operation: "set address",
            object: &new.net,
        };
        self.set_address(new, NLM_F_CREATE | NLM_F_REPLACE, attempt)
    }

    /// Takes an address from a link. Returns whether the link had it.
    pub fn delete_address(&mut self, ifindex: u32, net: IpNetwork) -> Result<bool, Error> {
        let attempt = Attempt {
            operation: "delete address",
            object: &net,
        };
        let mut message = message(ifindex, net);
        message.attributes.push(AddressAttribute::Local(net.ip()));
        message.attributes.push(AddressAttribute::Address(net.ip()));
        match self.request(libc::RTM_DELADDR, 0, &message, attempt, |_, _| Ok(())) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.errno(), Some(Errno::EADDRNOTAVAIL | Errno::ENODEV)) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn set_address(
        &mut self,
        new: &NewAddress,
        flags: u16,
        attempt: Attempt<'_>,
    ) -> Result<(), Error> {
        let mut message = message(new.ifindex, new.net);
        message
            .attributes
            .push(AddressAttribute::Local(new.net.ip()));
        message
            .attributes
            .push(AddressAttribute::Address(new.net.ip()));
        if let IpNetwork::V4(net) = new.net
            && let Some(broadcast) = new
                .broadcast
                .or_else(|| (net.prefix() < 31).then(|| net.broadcast()))
        {
            message
                .attributes
                .push(AddressAttribute::Broadcast(broadcast));
        }
        if new.valid.is_some() || new.preferred.is_some() {
            let mut lifetimes = CacheInfo::default();
            lifetimes.ifa_valid = seconds(new.valid);
            lifetimes.ifa_preferred = seconds(new.preferred.or(new.valid)).min(lifetimes.ifa_valid);
            message
                .attributes
                .push(AddressAttribute::CacheInfo(lifetimes));
        }
        self.request(libc::RTM_NEWADDR, flags, &message, attempt, |_, _| Ok(()))
    }
}

fn message(ifindex: u32, net: IpNetwork) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = match net {
        IpNetwork::V4(_) => AddressFamily::Inet,
        IpNetwork::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = net.prefix();
    message.header.index = ifindex;
    message
}

/// Rounds down, so that the kernel is never later than the lease; a lifetime of 0 would be refused.
fn seconds(lifetime: Option<Duration>) -> u32 {
    match lifetime {
        Some(lifetime) => u32::try_from(lifetime.as_secs())
            .unwrap_or(FOREVER - 1)
            .clamp(1, FOREVER - 1),
        None => FOREVER,
    }
}

/// Reads `struct ifaddrmsg` and the attributes after it; nothing for an address of neither family.
pub(crate) fn decode(payload: &[u8]) -> Result<Option<Address>, Malformed> {
    let (header, rest) = payload.split_first_chunk::<8>().ok_or(Malformed)?;
    let [_, prefix_len, old_flags, scope, i0, i1, i2, i3] = *header;
    let mut flags = u32::from(old_flags);
    let mut valid = FOREVER;
    let mut preferred = FOREVER;
    let (mut local, mut peer, mut broadcast) = (None, None, None);
    for (kind, value) in attributes(rest) {
        match kind {
            libc::IFA_LOCAL => local = ip(value),
            libc::IFA_ADDRESS => peer = ip(value),
            libc::IFA_BROADCAST => broadcast = ip(value),
            libc::IFA_FLAGS => flags = number(value).ok_or(Malformed)?,
            libc::IFA_CACHEINFO => {
                preferred = number(value).ok_or(Malformed)?;
                valid = value.get(4..).and_then(number).ok_or(Malformed)?;
            }
            _ => {}
        }
    }
    let Some(ip) = local.or(peer) else {
        return Ok(None);
    };
    Ok(Some(Address {
        ifindex: u32::from_ne_bytes([i0, i1, i2, i3]),
        net: IpNetwork::new(ip, prefix_len).map_err(|_| Malformed)?,
        scope,
        tentative: flags & libc::IFA_F_TENTATIVE != 0,
        dad_failed: flags & libc::IFA_F_DADFAILED != 0,
        permanent: flags & libc::IFA_F_PERMANENT != 0,
        valid: (valid != FOREVER).then(|| Duration::from_secs(valid.into())),
        preferred: (preferred != FOREVER).then(|| Duration::from_secs(preferred.into())),
        broadcast: match broadcast {
            Some(IpAddr::V4(address)) => Some(address),
            Some(IpAddr::V6(_)) | None => None,
        },
    }))
}

/// `INFINITY_LIFE_TIME`.
const FOREVER: u32 = u32::MAX;
