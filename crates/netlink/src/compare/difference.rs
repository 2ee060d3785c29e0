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
        /// What the result says.
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
    #[error("link {ifname:?} has no address {expected}, {}", Instead(.found))]
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
    #[error("link {ifname:?} has no route {expected}, {}", Instead(.found))]
    Route {
        /// Its name.
        ifname: String,
        /// What the result says, with the gateway that it means.
        expected: Box<NewRoute>,
        /// What the link has to the same destination.
        found: Vec<KernelRoute>,
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

/// Prints what there is instead.
struct Instead<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Instead<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nor any like it");
        }
        f.write_str("but ")?;
        for (place, item) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{item}")?;
        }
        Ok(())
    }
}
