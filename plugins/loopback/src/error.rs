//! What can go wrong, and the one place where it becomes a CNI error.

use std::path::PathBuf;

use cni::{Code, quoted};
use thiserror::Error;

/// A fault of one run of the plugin.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// Said by the `cni` crate: the version of the network cannot carry a result.
    #[error("{}", .0.msg)]
    Cni(cni::Error),

    #[error("the link \"lo\" is not a loopback device, but {}", kind.as_deref().unwrap_or("a device"))]
    NotLoopback { kind: Option<String> },

    #[error("the network namespace {} is gone", quoted(&netns.to_string_lossy()))]
    NetnsGone { netns: PathBuf },

    #[error("CNI_NETNS: {0}")]
    Netns(#[from] netns::Error),

    #[error("{0}")]
    Netlink(#[from] netlink::Error),

    #[error("{0}")]
    Differs(#[from] netlink::compare::Difference),
}

impl Error {
    fn code(&self) -> Code {
        match self {
            Self::Cni(error) => error.code,
            Self::Netns(error) | Self::Netlink(netlink::Error::Netns(error)) => netns_code(error),
            Self::NotLoopback { .. }
            | Self::Netlink(_)
            | Self::Differs(netlink::compare::Difference::Unknown(_)) => Code::Kernel,
            Self::NetnsGone { .. } | Self::Differs(_) => Code::AttachmentDiffers,
        }
    }

    /// Returns what to do about it; empty where the message says it all.
    fn details(&self) -> &str {
        match self {
            Self::Cni(error) => &error.details,
            Self::NotLoopback { .. } => {
                "give that link another name: something in the network namespace has taken this one for it"
            }
            Self::Netns(_)
            | Self::Netlink(_)
            | Self::Differs(netlink::compare::Difference::Unknown(_)) => "",
            Self::NetnsGone { .. } | Self::Differs(_) => "delete the pod, so that it is made anew",
        }
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

#[cfg(test)]
mod tests;
