//! An address to give, and the place that names it.

use std::fmt;
use std::net::IpAddr;

use cni::IpConfig;
use ipnetwork::IpNetwork;

/// An address with its prefix length and, if one is known, its gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) cidr: IpNetwork,
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) source: Source,
}

/// Where an address stands; prints as the path of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// `ipam.addresses[n]`
    Addresses(usize),
    /// `IP` in `CNI_ARGS`.
    CniArgs,
    /// `args.cni.ips[n]`
    Args(usize),
    /// `runtimeConfig.ips[n]`
    RuntimeConfig(usize),
}

impl From<Address> for IpConfig {
    fn from(address: Address) -> Self {
        IpConfig {
            interface: None,
            address: address.cidr,
            gateway: address.gateway,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.source, self.cidr)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Addresses(n) => write!(f, "ipam.addresses[{n}]"),
            Source::CniArgs => f.write_str("CNI_ARGS IP"),
            Source::Args(n) => write!(f, "args.cni.ips[{n}]"),
            Source::RuntimeConfig(n) => write!(f, "runtimeConfig.ips[{n}]"),
        }
    }
}
