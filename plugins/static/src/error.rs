//! Everything that can go wrong, and the one place where it becomes a CNI error.

use std::net::IpAddr;

use cni::{Code, SpecVersion};
use ipnetwork::IpNetwork;
use thiserror::Error;

use crate::address::{Address, Source};

/// Why an operation failed.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// Said by the `cni` crate: a value of the wrong type, a text that is no address.
    #[error("{}", .0.msg)]
    Cni(cni::Error),
    #[error("ipam: missing")]
    IpamMissing,
    #[error("{at}.address: missing")]
    AddressMissing { at: Source },
    #[error("{at}.gateway: {gateway} is not of the same family as {cidr}")]
    GatewayFamily {
        at: Source,
        gateway: IpAddr,
        cidr: IpNetwork,
    },
    #[error(
        "{second}: beside {first} a second address of its family, but cniVersion {version} has one"
    )]
    OnePerFamily {
        first: Address,
        second: Address,
        version: SpecVersion,
    },
    #[error("{address} is not in the result of ADD")]
    NotInResult { address: Address },
    #[error("{address} has prefix length {found} in the result of ADD")]
    OtherPrefix { address: Address, found: u8 },
    #[error("{address} has gateway {} in the result of ADD, expected {expected}", none_or(*found))]
    OtherGateway {
        address: Address,
        expected: IpAddr,
        found: Option<IpAddr>,
    },
}

impl Error {
    fn code(&self) -> Code {
        match self {
            Error::Cni(error) => error.code,
            Error::IpamMissing
            | Error::AddressMissing { .. }
            | Error::GatewayFamily { .. }
            | Error::OnePerFamily { .. } => Code::InvalidConfig,
            Error::NotInResult { .. } | Error::OtherPrefix { .. } | Error::OtherGateway { .. } => {
                Code::AttachmentDiffers
            }
        }
    }

    /// Says what to do, where that is known.
    fn advice(&self) -> &str {
        match self {
            Error::Cni(error) => &error.details,
            Error::IpamMissing | Error::AddressMissing { .. } => {
                r#"give "addresses", for example [{"address": "192.0.2.5/24"}]"#
            }
            Error::GatewayFamily { .. } => "",
            Error::OnePerFamily { .. } => "set cniVersion to 0.3.0 or later",
            Error::NotInResult { .. } | Error::OtherPrefix { .. } | Error::OtherGateway { .. } => {
                "the configuration has changed since ADD; DEL the attachment and add it again"
            }
        }
    }
}

fn none_or(gateway: Option<IpAddr>) -> String {
    gateway.map_or_else(|| "none".to_owned(), |gateway| gateway.to_string())
}

impl From<cni::Error> for Error {
    fn from(error: cni::Error) -> Self {
        Error::Cni(error)
    }
}

impl From<Error> for cni::Error {
    fn from(error: Error) -> Self {
        cni::Error::new(error.code(), error.to_string()).with_details(error.advice())
    }
}

#[cfg(test)]
mod tests;
