//! How far an attachment has come.

use std::time::Duration;

use dhcp_client::{Instant, Lease};
use ipnetwork::Ipv4Network;

/// Before and after the runtime has heard of a lease.
#[derive(Debug)]
pub(super) enum Stage {
    /// No ADD has been answered with a lease.
    Asking {
        /// The lease that was asked for last.
        asked: Option<Lease>,
    },
    /// The pod has an address that another daemon leased, and a server is asked about it.
    TakingOver {
        /// That address.
        address: Ipv4Network,
        /// What for.
        then: Then,
    },
    /// The pod has a lease, or had one.
    Attached(PodSide),
}

/// What becomes of a lease that has been taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is held like any other: CHECK asked.
    Keep,
    /// It is given back: DEL asked.
    Release,
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
            Self::Asking { .. } | Self::TakingOver { .. } => false,
            Self::Attached(_) => true,
        }
    }

    /// The address that is to be taken over, and what for.
    pub(super) fn taking_over(&self) -> Option<(Ipv4Network, Then)> {
        match self {
            Self::TakingOver { address, then } => Some((*address, *then)),
            Self::Asking { .. } | Self::Attached(_) => None,
        }
    }

    /// What is known of the pod's link, once it has been told of a lease.
    pub(super) fn pod(&self) -> Option<&PodSide> {
        match self {
            Self::Asking { .. } | Self::TakingOver { .. } => None,
            Self::Attached(pod) => Some(pod),
        }
    }

    /// The same, to be changed.
    pub(super) fn pod_mut(&mut self) -> Option<&mut PodSide> {
        match self {
            Self::Asking { .. } | Self::TakingOver { .. } => None,
            Self::Attached(pod) => Some(pod),
        }
    }
}
