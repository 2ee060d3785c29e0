//! The parent: which link it is, and whether a macvlan on it would be of use.

use netlink::{Link, MacvlanMode, Netlink};

use crate::config::{Config, Place};
use crate::error::{Error, MIN_MTU};
use crate::wireless;

/// Finds the parent in the netns of the socket, by name or by the default route.
pub(crate) fn find(netlink: &mut Netlink, config: &Config) -> Result<Link, Error> {
    let place = config.place;
    let Some(name) = &config.master else {
        return netlink
            .default_parent()?
            .ok_or(Error::NoDefaultRoute { place });
    };
    match netlink.link(name) {
        Err(netlink::Error::LinkNotFound { .. }) => Err(Error::ParentMissing {
            name: name.clone(),
            place,
            candidates: candidates(netlink),
        }),
        found => Ok(found?),
    }
}

/// Returns the MTU to set, if one is asked for; refuses a parent on which the link could not be made or would reach
/// nothing.
pub(crate) fn check(parent: &Link, config: &Config) -> Result<Option<u32>, Error> {
    let (name, place) = (parent.name.clone(), config.place);
    if parent.hardware_type != ETHERNET {
        return Err(Error::ParentNotEthernet { name });
    }
    let mtu = match config.mtu {
        0 => None,
        asked => Some(
            u32::try_from(asked)
                .ok()
                .filter(|mtu| (MIN_MTU..=parent.mtu).contains(mtu))
                .ok_or_else(|| Error::MtuOutOfRange {
                    mtu: asked,
                    parent: name.clone(),
                    parent_mtu: parent.mtu,
                })?,
        ),
    };
    if !parent.up {
        return Err(Error::ParentDown { name, place });
    }
    // A passthru link has the parent's own MAC, which is the one the access point knows.
    if place == Place::Host
        && config.mode != MacvlanMode::Passthru
        && wireless::is_wireless(&parent.name, parent.index)
    {
        return Err(Error::ParentWireless { name });
    }
    Ok(mtu)
}

/// Returns the names of links that could be meant, for an error message: not more than are of help, and the ends of other
/// pods' veth pairs last.
fn candidates(netlink: &mut Netlink) -> Vec<String> {
    let mut links = netlink.links().unwrap_or_default();
    links.retain(|link| link.hardware_type == ETHERNET && link.controller.is_none());
    links.sort_by_key(|link| link.kind.as_deref() == Some("veth"));
    links
        .into_iter()
        .map(|link| link.name)
        .take(MAX_CANDIDATES)
        .collect()
}

/// `ARPHRD_ETHER`; a macvlan on anything else is refused with a bare EINVAL.
const ETHERNET: u16 = 1;

const MAX_CANDIDATES: usize = 8;
