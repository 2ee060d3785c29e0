//! The ways in which a namespace or a socket can fail.

use std::path::PathBuf;

use nix::errno::Errno;

/// A failure of a call into the kernel, or a path that does not lead to a network namespace.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing exists at the path any more, or yet.
    #[error("no network namespace at {}: no such file", path.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// Something exists at the path, but it is not a network namespace.
    #[error("{} is not a network namespace", path.display())]
    NotANamespace {
        /// The path as given.
        path: PathBuf,
    },
    /// The descriptor is not that of a network namespace.
    #[error("the descriptor is not a network namespace")]
    NotANamespaceDescriptor,
    /// The file at the path cannot be opened.
    #[error("cannot open network namespace {}: {}", path.display(), Name(*errno))]
    Open {
        /// The path as given.
        path: PathBuf,
        /// Why the kernel refused.
        errno: Errno,
    },
    /// The link of the socket is down; the socket works again when the link is up.
    #[error("cannot {operation}: the link is down")]
    LinkDown {
        /// What was attempted.
        operation: &'static str,
    },
    /// The kernel refused a call.
    #[error("cannot {operation}: {}", Name(*errno))]
    System {
        /// What was attempted.
        operation: &'static str,
        /// Why the kernel refused.
        errno: Errno,
    },
}

impl Error {
    /// Returns the error number of the kernel, where it was the kernel that refused.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::NotFound { .. } => Some(Errno::ENOENT),
            Self::LinkDown { .. } => Some(Errno::ENETDOWN),
            Self::Open { errno, .. } | Self::System { errno, .. } => Some(*errno),
            Self::NotANamespace { .. } | Self::NotANamespaceDescriptor => None,
        }
    }

    /// The failure of a call on a socket that is bound to a link.
    pub(crate) fn on_link(operation: &'static str, errno: Errno) -> Self {
        if errno == Errno::ENETDOWN {
            Self::LinkDown { operation }
        } else {
            Self::System { operation, errno }
        }
    }

    pub(crate) fn system(operation: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| Self::System { operation, errno }
    }
}

/// Prints an error number as `EBUSY: Device or resource busy`.
struct Name(Errno);

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {}", self.0, self.0.desc())
    }
}

#[cfg(test)]
mod tests;
