//! Everything that can go wrong, and the one place where it becomes a CNI error.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use cni::{Code, NetworkName, SpecVersion};
use thiserror::Error;

use crate::owner::Owner;
use crate::range::{Fault, Field, RangeSet, Source};
use crate::requested::Requested;

/// Why an operation failed.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// Said by the `cni` crate: a value of the wrong type, a text that is no address.
    #[error("{}", .0.msg)]
    Cni(cni::Error),

    #[error("ipam: missing")]
    IpamMissing,
    #[error("ipam.ranges: no range to allocate from")]
    RangesMissing,
    #[error("{set}: an empty range set")]
    SetEmpty { set: Source },
    #[error("{path}.subnet: missing")]
    SubnetMissing { path: String },
    #[error("{path}.{field}: {fault}")]
    Range {
        path: String,
        field: Field,
        fault: Fault,
    },
    #[error("{path}: {range} has no address to allocate beside the gateway")]
    GatewayOnly { path: String, range: String },
    #[error("{set}: ranges of IPv4 and IPv6 in one set")]
    FamiliesMixed { set: Source },
    #[error("{one} and {other} overlap: {one_range} and {other_range}")]
    Overlap {
        one: String,
        other: String,
        one_range: String,
        other_range: String,
    },
    #[error(
        "{set}: a second {family} range set, but cniVersion {version} has one address per family"
    )]
    OnePerFamily {
        set: Source,
        family: &'static str,
        version: SpecVersion,
    },
    #[error("ipam.resolvConf: {path:?} is {found}")]
    ResolvConfUnfit { path: PathBuf, found: &'static str },
    #[error("ipam.resolvConf: cannot read {path:?}: {source}")]
    ResolvConfUnreadable { path: PathBuf, source: io::Error },

    #[error("{requested} is in none of the ranges {ranges}")]
    RequestedOutside {
        requested: Requested,
        ranges: String,
    },
    #[error("{requested} is the gateway of its subnet")]
    RequestedGateway { requested: Requested },
    #[error("{first} and {second} are both of range set {set}, which gives one address")]
    RequestedTwice {
        first: Requested,
        second: Requested,
        set: Source,
    },
    #[error("{requested} is reserved for {owner}")]
    RequestedTaken {
        requested: Requested,
        owner: Owner,
        directory: PathBuf,
    },
    #[error("{requested} is not {held}, which the attachment has already")]
    RequestedOther { requested: Requested, held: IpAddr },
    #[error("{address} is reserved for container {container_id:?} without an interface name")]
    HeldByContainer {
        address: IpAddr,
        container_id: String,
    },
    #[error("no free address in {ranges} of network \"{network}\": all {reserved} are reserved")]
    Exhausted {
        network: NetworkName,
        set: Source,
        ranges: String,
        reserved: usize,
        directory: PathBuf,
    },

    #[error("cannot make directory {path:?}: {source}")]
    DirectoryNotMade { path: PathBuf, source: io::Error },
    #[error("cannot read directory {path:?}: {source}")]
    DirectoryNotRead { path: PathBuf, source: io::Error },
    #[error("cannot use lock file {path:?}: {source}")]
    LockUnusable { path: PathBuf, source: io::Error },
    #[error("lock file {path:?} was held by another process for {} s", waited.as_secs())]
    LockHeld { path: PathBuf, waited: Duration },
    #[error("cannot write {path:?}: {source}")]
    NotReserved { path: PathBuf, source: io::Error },
    #[error("cannot remove {path:?}: {source}")]
    NotReleased { path: PathBuf, source: io::Error },
    #[error("{path:?} cannot be written: {source}")]
    NotWritable { path: PathBuf, source: io::Error },
    #[error("the file system of {path:?} is full")]
    FileSystemFull { path: PathBuf },

    #[error("nothing is reserved for {attachment} in {directory:?}")]
    NothingReserved {
        attachment: Owner,
        directory: PathBuf,
    },
    #[error("{address} of the result is {}", holder(owner.as_ref()))]
    NotHeld {
        address: IpAddr,
        owner: Option<Owner>,
    },
}

impl Error {
    /// Describes a range set without a free address.
    pub(crate) fn exhausted(
        network: &NetworkName,
        set: &RangeSet,
        reserved: usize,
        directory: PathBuf,
    ) -> Error {
        let (network, source, ranges) = (network.clone(), set.source, set.to_string());
        Error::Exhausted {
            network,
            set: source,
            ranges,
            reserved,
            directory,
        }
    }

    fn code(&self) -> Code {
        match self {
            Error::Cni(error) => error.code,
            Error::IpamMissing
            | Error::RangesMissing
            | Error::SetEmpty { .. }
            | Error::SubnetMissing { .. }
            | Error::Range { .. }
            | Error::GatewayOnly { .. }
            | Error::FamiliesMixed { .. }
            | Error::Overlap { .. }
            | Error::OnePerFamily { .. }
            | Error::ResolvConfUnfit { .. }
            | Error::RequestedOutside { .. }
            | Error::RequestedGateway { .. }
            | Error::RequestedTwice { .. }
            | Error::RequestedOther { .. } => Code::InvalidConfig,
            Error::RequestedTaken { .. }
            | Error::HeldByContainer { .. }
            | Error::Exhausted { .. } => Code::AddressesExhausted,
            Error::ResolvConfUnreadable { .. }
            | Error::DirectoryNotMade { .. }
            | Error::DirectoryNotRead { .. }
            | Error::LockUnusable { .. }
            | Error::NotReserved { .. }
            | Error::NotReleased { .. }
            | Error::NotWritable { .. }
            | Error::FileSystemFull { .. } => Code::Io,
            Error::LockHeld { .. } => Code::TryAgainLater,
            Error::NothingReserved { .. } | Error::NotHeld { .. } => Code::AttachmentDiffers,
        }
    }

    /// Says what to do, where that is known.
    fn advice(&self) -> String {
        match self {
            Error::Cni(error) => error.details.clone(),
            Error::IpamMissing | Error::RangesMissing => {
                r#"give "ranges", for example [[{"subnet": "10.1.2.0/24"}]]"#.to_owned()
            }
            Error::OnePerFamily { .. } => "set cniVersion to 0.3.0 or later".to_owned(),
            Error::FamiliesMixed { .. } => {
                "for an address of each family give each a range set of its own".to_owned()
            }
            Error::RequestedTaken {
                owner, directory, ..
            } => format!(
                "request another address, or DEL {owner}; if that is gone for good, run GC or \
                 remove the file of the address in {}",
                directory.display()
            ),
            Error::RequestedOther { .. } | Error::HeldByContainer { .. } => {
                "DEL the attachment before adding it again".to_owned()
            }
            Error::Exhausted { set, directory, .. } => format!(
                "widen the range in {set}, or free addresses: run GC, or remove the files in {} whose \
                 containers are gone",
                directory.display()
            ),
            Error::LockHeld { path, .. } => {
                format!("find the process with: fuser {}", path.display())
            }
            Error::NotReserved { source, .. } | Error::DirectoryNotMade { source, .. }
                if source.kind() == io::ErrorKind::StorageFull =>
            {
                "free space on that file system; nothing is left reserved".to_owned()
            }
            Error::NothingReserved { .. } | Error::NotHeld { .. } => {
                "DEL the attachment and add it again".to_owned()
            }
            Error::SetEmpty { .. }
            | Error::SubnetMissing { .. }
            | Error::Range { .. }
            | Error::GatewayOnly { .. }
            | Error::Overlap { .. }
            | Error::ResolvConfUnfit { .. }
            | Error::ResolvConfUnreadable { .. }
            | Error::RequestedOutside { .. }
            | Error::RequestedGateway { .. }
            | Error::RequestedTwice { .. }
            | Error::DirectoryNotMade { .. }
            | Error::DirectoryNotRead { .. }
            | Error::LockUnusable { .. }
            | Error::NotReserved { .. }
            | Error::NotReleased { .. }
            | Error::NotWritable { .. }
            | Error::FileSystemFull { .. } => String::new(),
        }
    }
}

fn holder(owner: Option<&Owner>) -> String {
    owner.map_or_else(
        || "not reserved".to_owned(),
        |owner| format!("reserved for {owner}"),
    )
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
