//! How far an attachment has come.

use std::time::Duration;

use dhcp_client::{Instant, Lease};

/// Before and after the runtime has heard of a lease.
#[derive(Debug)]
pub(super) enum Stage {
    /// No ADD has been answered with a lease.
    Asking {
        /// The lease that was asked for last.
        asked: Option<Lease>,
    },
    /// The pod has a lease, or had one.
    Attached(PodSide),
}

/// What is known of the pod's link.
#[derive(Debug)]
pub(super) struct PodSide {
    /// The lease whose address and routes the link has, by ADD or by this daemon.
    pub(super) has: Option<Lease>,
    /// Whether that address has been seen there, so that it is ours to look after.
    pub(super) seen: bool,
    /// When to look for the address, and how long to wait before looking again.
    pub(super) look: Option<(Instant, Duration)>,
}

impl Stage {
    /// The stage of an attachment whose ADD is answered with `lease`.
    pub(super) fn attached(lease: Lease) -> Self {
        Self::Attached(PodSide {
            has: Some(lease),
            seen: false,
            look: None,
        })
    }

    pub(super) fn is_attached(&self) -> bool {
        match self {
            Self::Asking { .. } => false,
            Self::Attached(_) => true,
        }
    }

    /// What is known of the pod's link, once it has been told of a lease.
    pub(super) fn pod(&self) -> Option<&PodSide> {
        match self {
            Self::Asking { .. } => None,
            Self::Attached(pod) => Some(pod),
        }
    }

    /// The same, to be changed.
    pub(super) fn pod_mut(&mut self) -> Option<&mut PodSide> {
        match self {
            Self::Asking { .. } => None,
            Self::Attached(pod) => Some(pod),
        }
    }
}
