//! The ways in which the kernel or its replies can fail us.

use std::fmt;
use std::io;
use std::net::IpAddr;

use nix::errno::Errno;

/// A failure to read or change links, addresses and routes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no link of this name, main or alternative, or of this index.
    #[error("no such link {name:?}")]
    LinkNotFound {
        /// The name as given, or the index as `#7`.
        name: String,
    },
    /// A link of this name, main or alternative, exists already.
    #[error("a link {name:?} exists already")]
    LinkExists {
        /// The name as given.
        name: String,
    },
    /// The parent of a link to be created is taken by something that cannot share it.
    #[error("cannot create macvlan {name:?} on {parent:?}: it is in use{}", OfOccupant(.occupant.as_deref()))]
    ParentBusy {
        /// The name of the link to be created.
        name: String,
        /// The name of the parent.
        parent: String,
        /// What holds the parent, if that is visible from its namespace.
        occupant: Option<String>,
    },
    /// Another station on the link has the address, or answers for it.
    #[error("address {address} is in use by another host on the link")]
    DuplicateAddress {
        /// The address.
        address: IpAddr,
    },
    /// Duplicate address detection did not end in time on a link that is up.
    #[error("duplicate address detection of {address} did not end within {seconds} s")]
    DetectionUnfinished {
        /// The address.
        address: IpAddr,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The result names an interface that it does not have, or another one than is configured.
    #[error("ips[{ip}].interface is {index}, which is not {ifname:?}")]
    WrongInterface {
        /// The place in the result's list of addresses.
        ip: usize,
        /// The place in its list of interfaces.
        index: usize,
        /// The link that is configured.
        ifname: String,
    },
    /// A route's gateway is of a family that cannot lead to its destination.
    #[error("route to {dst} cannot have gateway {gw}")]
    RouteFamily {
        /// The destination.
        dst: ipnetwork::IpNetwork,
        /// The gateway.
        gw: IpAddr,
    },
    /// A sysctl of the link cannot be set.
    #[error("cannot set {path} to {value:?}: {source}")]
    Sysctl {
        /// The file.
        path: String,
        /// The value.
        value: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The kernel refused an operation.
    #[error("cannot {operation} {object}: {}", Refusal(*.errno, .extack.as_deref()))]
    Kernel {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// On what.
        object: String,
        /// Why the kernel refused.
        errno: Errno,
        /// What the kernel said about it in words.
        extack: Option<String>,
    },
    /// The kernel's reply makes no sense.
    #[error("cannot {operation} {object}: the kernel's reply is malformed")]
    Malformed {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// On what.
        object: String,
    },
    /// What was listed kept changing while it was listed.
    #[error("cannot {operation} {object}: they keep changing")]
    Interrupted {
        /// What was attempted, as a verb.
        operation: &'static str,
        /// On what.
        object: String,
    },
    /// The socket failed.
    #[error("netlink socket: {source}")]
    Socket {
        /// Why.
        #[from]
        source: io::Error,
    },
    /// The namespace cannot be entered.
    #[error(transparent)]
    Netns(#[from] netns::Error),
}

impl Error {
    /// Returns the error number of the kernel, where it was the kernel that refused.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::LinkNotFound { .. } => Some(Errno::ENODEV),
            Self::LinkExists { .. } => Some(Errno::EEXIST),
            Self::ParentBusy { .. } => Some(Errno::EBUSY),
            Self::Kernel { errno, .. } => Some(*errno),
            Self::Sysctl { source, .. } | Self::Socket { source } => {
                source.raw_os_error().map(Errno::from_raw)
            }
            Self::Netns(error) => error.errno(),
            Self::DuplicateAddress { .. }
            | Self::DetectionUnfinished { .. }
            | Self::WrongInterface { .. }
            | Self::RouteFamily { .. }
            | Self::Malformed { .. }
            | Self::Interrupted { .. } => None,
        }
    }
}

/// A request in words, for the error that it may end in.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// A verb.
    pub(crate) operation: &'static str,
    /// What it is applied to.
    pub(crate) object: &'a dyn fmt::Display,
}

impl Attempt<'_> {
    pub(crate) fn refused(self, errno: Errno, extack: Option<String>) -> Error {
        Error::Kernel {
            operation: self.operation,
            object: self.object.to_string(),
            errno,
            extack,
        }
    }

    pub(crate) fn malformed(self) -> Error {
        Error::Malformed {
            operation: self.operation,
            object: self.object.to_string(),
        }
    }

    pub(crate) fn interrupted(self) -> Error {
        Error::Interrupted {
            operation: self.operation,
            object: self.object.to_string(),
        }
    }
}

/// Prints as `ENODEV: No such device; kernel says "…"`.
struct Refusal<'a>(Errno, Option<&'a str>);

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0, self.0.desc())?;
        match self.1 {
            Some(text) => write!(f, "; kernel says {text:?}"),
            None => Ok(()),
        }
    }
}

struct OfOccupant<'a>(Option<&'a str>);

impl fmt::Display for OfOccupant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(occupant) => write!(f, " by {occupant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
