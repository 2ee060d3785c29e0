//! In what a link can differ from a result, in words.

use std::fmt;

use cni::MacAddr;
use ipnetwork::IpNetwork;

use crate::route::KernelRoute;
use crate::{Error, NewRoute};

/// The first thing found in which a link differs from a result.
#[derive(Debug, thiserror::Error)]
pub enum Difference {
    /// The result says nothing about an interface of this name in a sandbox.
    #[error("the result has no interface {ifname:?}")]
    NotPromised {
        /// The name.
        ifname: String,
    },
    /// The link is gone.
    #[error("there is no link {ifname:?}")]
    LinkGone {
        /// Its name.
        ifname: String,
    },
    /// The link is switched off.
    #[error("link {ifname:?} is down")]
    Down {
        /// Its name.
        ifname: String,
    },
    /// The link has another MAC.
    #[error("link {ifname:?} has MAC {}, not {expected}", Found(.found.as_ref()))]
    Mac {
        /// Its name.
        ifname: String,
        /// What the result says, quoted where it is no MAC.
        expected: String,
        /// What the link has.
        found: Option<MacAddr>,
    },
    /// The link has another MTU.
    #[error("link {ifname:?} has MTU {found}, not {expected}")]
    Mtu {
        /// Its name.
        ifname: String,
        /// What the result says.
        expected: u32,
        /// What the link has.
        found: u32,
    },
    /// The link lacks an address.
    #[error("link {ifname:?} has no address {expected}, {}", instead(.found))]
    Address {
        /// Its name.
        ifname: String,
        /// What the result says.
        expected: IpNetwork,
        /// What the link has, of the same family.
        found: Vec<IpNetwork>,
    },
    /// Another host has an address of the link.
    #[error("address {address} of link {ifname:?} is in use by another host")]
    Duplicate {
        /// Its name.
        ifname: String,
        /// The address.
        address: IpNetwork,
    },
    /// The link lacks a route.
    #[error("link {ifname:?} has no route {expected}, {}", route_instead(.found, .elsewhere.as_deref()))]
    Route {
        /// Its name.
        ifname: String,
        /// What the result says, with the gateway that it means.
        expected: Box<NewRoute>,
        /// What the link has to the same destination.
        found: Vec<KernelRoute>,
        /// Where it has none, another link that has one, and that.
        elsewhere: Option<Box<(String, KernelRoute)>>,
    },
    /// The link cannot be looked at.
    #[error(transparent)]
    Unknown(#[from] Error),
}

/// Prints a MAC, or that there is none.
struct Found<'a>(Option<&'a MacAddr>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(mac) => mac.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// Says what there is instead.
fn instead<T: fmt::Display>(found: &[T]) -> String {
    if found.is_empty() {
        "nor any like it".to_owned()
    } else {
        format!("but {}", cni::listed(found, ", "))
    }
}

/// Says where a route is instead.
fn route_instead(found: &[KernelRoute], elsewhere: Option<&(String, KernelRoute)>) -> String {
    match elsewhere {
        Some((ifname, route)) => format!("but link {ifname:?} has {route}"),
        None => instead(found),
    }
}
