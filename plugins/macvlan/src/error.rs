//! What can go wrong in the macvlan plugin, and what the runtime and its user read about it.
//!
//! [`From<Error>`] for [`cni::Error`] is the one place where a fault gets its code and its advice.

use std::fmt;

use cni::{Code, MacAddr, quoted};
use ipnetwork::IpNetwork;
use nix::errno::Errno;

use crate::check::Difference;
use crate::config::{MAC_IN_CNI_ARGS, Place};
use crate::obstacle::Obstacle;

/// A fault of one run of the plugin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Said by the `cni` crate or by the IPAM plugin.
    #[error("{}", .0.msg)]
    Cni(cni::Error),

    #[error("{key}: {} is not supported, only {supported}", quoted(value))]
    Unsupported {
        key: &'static str,
        value: String,
        supported: String,
    },

    #[error("{key}: {} {fault}", quoted(text))]
    InvalidMac {
        key: &'static str,
        text: String,
        fault: MacFault,
    },

    #[error("master: not set, and {place} there is no default route to take it from")]
    NoDefaultRoute { place: Place },

    #[error("master: there is no link {} {place}", quoted(name))]
    ParentMissing {
        name: String,
        place: Place,
        candidates: Vec<String>,
    },

    #[error("master: {} is not an Ethernet device", quoted(name))]
    ParentNotEthernet { name: String },

    #[error(
        "mtu: {mtu} is not from {MIN_MTU} to {parent_mtu}, the MTU of the parent {}",
        quoted(parent)
    )]
    MtuOutOfRange {
        mtu: i64,
        parent: String,
        parent_mtu: u32,
    },

    #[error("mtu: {mtu} is below {MIN_IPV6_MTU}, which the IPv6 address {address} needs")]
    MtuBelowIpv6 { mtu: u32, address: IpNetwork },

    #[error("the parent {} is down {place}", quoted(name))]
    ParentDown { name: String, place: Place },

    #[error(
        "the parent {} is a Wi-Fi device, whose access point drops frames from any other MAC",
        quoted(name)
    )]
    ParentWireless { name: String },

    #[error(
        "CNI_IFNAME: the name {} is taken in the network namespace {}",
        quoted(ifname),
        quoted(netns)
    )]
    NameTaken { ifname: String, netns: String },

    #[error(
        "cannot create macvlan {} on {}: {obstacle} ({errno:?})",
        quoted(ifname),
        quoted(parent)
    )]
    Obstructed {
        ifname: String,
        parent: String,
        obstacle: Obstacle,
        errno: Errno,
    },

    #[error(
        "cannot give the parent {} the MAC {mac}, which mode passthru shares: {source}",
        quoted(parent)
    )]
    ParentMac {
        parent: String,
        mac: MacAddr,
        source: netlink::Error,
    },

    #[error("plugin {} returned no address", quoted(ipam))]
    NoAddress { ipam: String },

    #[error("CNI_NETNS: {0}")]
    Netns(#[from] netns::Error),

    #[error("{0}")]
    Netlink(#[from] netlink::Error),

    #[error("{0}")]
    Differs(#[from] Difference),

    #[error("{0}")]
    DiffersFromResult(#[from] netlink::compare::Difference),
}

/// Why a text is not the MAC of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MacFault {
    Malformed,
    Multicast,
    Zero,
}

/// Linux, `macvlan_common_newlink`: `ETH_MIN_MTU`.
pub(crate) const MIN_MTU: u32 = 68;

/// RFC 8200 §5; below it Linux turns IPv6 off for the link.
pub(crate) const MIN_IPV6_MTU: u32 = 1280;

impl Error {
    fn code(&self) -> Code {
        match self {
            Self::Cni(error) => error.code,
            Self::Unsupported { .. } => Code::UnsupportedField,
            Self::InvalidMac { key, .. } if *key == MAC_IN_CNI_ARGS => Code::InvalidEnvironment,
            Self::InvalidMac { .. }
            | Self::NoDefaultRoute { .. }
            | Self::ParentMissing { .. }
            | Self::ParentNotEthernet { .. }
            | Self::MtuOutOfRange { .. }
            | Self::MtuBelowIpv6 { .. } => Code::InvalidConfig,
            Self::NameTaken { .. } => Code::InvalidEnvironment,
            Self::ParentDown { .. }
            | Self::ParentWireless { .. }
            | Self::Obstructed { .. }
            | Self::ParentMac { .. } => Code::Kernel,
            Self::NoAddress { .. } => Code::Delegate,
            Self::Netns(error) => netns_code(error),
            Self::Netlink(error) => netlink_code(error),
            Self::DiffersFromResult(netlink::compare::Difference::Unknown(error)) => {
                netlink_code(error)
            }
            Self::DiffersFromResult(netlink::compare::Difference::Duplicate { .. }) => {
                Code::DuplicateAddress
            }
            Self::Differs(_) | Self::DiffersFromResult(_) => Code::AttachmentDiffers,
        }
    }

    /// Returns what to do about it; empty where the message says it all.
    fn details(&self) -> String {
        match self {
            Self::Cni(error) => error.details.clone(),
            Self::InvalidMac { .. } => {
                "a link needs a unicast MAC, such as 02:00:5e:00:53:01".to_owned()
            }
            Self::NoDefaultRoute { .. } => "set \"master\" to the device of the LAN".to_owned(),
            Self::ParentMissing { candidates, .. } if candidates.is_empty() => String::new(),
            Self::ParentMissing { candidates, .. } => {
                format!("set \"master\" to one of: {}", candidates.join(", "))
            }
            Self::ParentNotEthernet { .. } => {
                "a macvlan needs a parent that carries Ethernet frames".to_owned()
            }
            Self::MtuOutOfRange { .. } => {
                "0 takes the MTU of the parent; a larger one has to be set on the parent first"
                    .to_owned()
            }
            Self::MtuBelowIpv6 { .. } => format!("set \"mtu\" to {MIN_IPV6_MTU} or more, or to 0"),
            Self::ParentDown { name, .. } => {
                format!(
                    "`ip link set {name} up`, and let the node's network configuration do so at boot"
                )
            }
            Self::ParentWireless { .. } => {
                "use an ipvlan, which shares the MAC of its parent, or a wired parent".to_owned()
            }
            Self::NameTaken { .. } => {
                "remove the link that has it, or ask for another interface name".to_owned()
            }
            Self::Obstructed { obstacle, .. } => obstacle.advice().to_owned(),
            Self::ParentMac { .. } => {
                "leave \"mac\" out to use the parent's own, or use another \"mode\"".to_owned()
            }
            Self::NoAddress { .. } => {
                "correct its configuration; a network without addresses has no \"ipam\"".to_owned()
            }
            Self::Netlink(netlink::Error::DuplicateAddress { .. })
            | Self::DiffersFromResult(netlink::compare::Difference::Duplicate { .. }) => {
                "find the host that has it, or give the pod another address".to_owned()
            }
            Self::Differs(Difference::NotPromised { .. } | Difference::OtherNetns { .. }) => {
                "the runtime must pass on the result of this attachment's ADD".to_owned()
            }
            Self::Unsupported { .. }
            | Self::Netns(_)
            | Self::Netlink(_)
            | Self::DiffersFromResult(netlink::compare::Difference::Unknown(_)) => String::new(),
            Self::Differs(_) | Self::DiffersFromResult(_) => {
                "delete the pod, so that it is made anew".to_owned()
            }
        }
    }
}

impl From<cni::Error> for Error {
    fn from(error: cni::Error) -> Self {
        Self::Cni(error)
    }
}

impl From<Error> for cni::Error {
    fn from(error: Error) -> Self {
        cni::Error::new(error.code(), error.to_string()).with_details(error.details())
    }
}

fn netns_code(error: &netns::Error) -> Code {
    match error {
        netns::Error::NotFound { .. } => Code::UnknownContainer,
        netns::Error::NotANamespace { .. } | netns::Error::Open { .. } => Code::InvalidEnvironment,
        netns::Error::NotANamespaceDescriptor
        | netns::Error::LinkDown { .. }
        | netns::Error::System { .. } => Code::Kernel,
    }
}

fn netlink_code(error: &netlink::Error) -> Code {
    match error {
        netlink::Error::DuplicateAddress { .. } => Code::DuplicateAddress,
        netlink::Error::DetectionUnfinished { .. } => Code::TryAgainLater,
        // Only the IPAM's routes are ever asked for.
        netlink::Error::RouteFamily { .. } => Code::Delegate,
        netlink::Error::WrongInterface { .. } => Code::Internal,
        netlink::Error::Netns(error) => netns_code(error),
        netlink::Error::LinkNotFound { .. }
        | netlink::Error::LinkExists { .. }
        | netlink::Error::ParentBusy { .. }
        | netlink::Error::Sysctl { .. }
        | netlink::Error::Kernel { .. }
        | netlink::Error::Malformed { .. }
        | netlink::Error::Interrupted { .. }
        | netlink::Error::Socket { .. } => Code::Kernel,
    }
}

impl fmt::Display for MacFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "is not a MAC address",
            Self::Multicast => "is a multicast MAC address",
            Self::Zero => "is the MAC address of all zeros",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "on the host",
            Self::Container => "in the container",
        })
    }
}

#[cfg(test)]
mod tests;
