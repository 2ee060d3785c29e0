//! What all leases of the node share.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use dhcp_client::Instant;

use super::arrivals::Arrivals;
use super::claims::Claims;
use super::closer::Closer;
use super::flags::Flags;
use super::host_root::HostRoot;
use super::record_store::RecordStore;

/// The node the daemon runs on, and how it was told to behave.
pub(crate) struct Node {
    pub(crate) root: HostRoot,
    pub(crate) arrivals: Arrivals,
    pub(crate) closer: Closer,
    pub(crate) records: RecordStore,
    pub(crate) claims: Claims,
    /// How long to listen for an answer before the sockets are closed again.
    pub(crate) answer_timeout: Duration,
    /// How long an ADD may take that does not say itself.
    pub(crate) patience: Duration,
    /// Whether to ask for answers by broadcast where the network does not say.
    pub(crate) broadcast: bool,
}

impl Node {
    pub(crate) fn new(root: HostRoot, records: RecordStore, flags: &Flags) -> io::Result<Self> {
        Ok(Self {
            root,
            arrivals: Arrivals::new()?,
            closer: Closer::start()?,
            records,
            claims: Claims::default(),
            answer_timeout: flags.timeout,
            patience: flags.resend_timeout,
            broadcast: flags.broadcast,
        })
    }
}

impl Node {
    /// Stops watching a socket and closes it, without waiting for it.
    pub(crate) fn discard(&self, socket: impl AsFd + Send + 'static) {
        if let Err(error) = self.arrivals.forget(&socket) {
            tracing::error!("cannot stop watching a socket: {error}");
        }
        self.closer.close(socket);
    }
}

/// The sockets a holder may have open at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Socket {
    Dhcp,
    Arp,
}

impl Socket {
    /// The number of this socket of holder `id`.
    pub(crate) fn numbered(self, id: u64) -> u64 {
        match self {
            Self::Dhcp => id << 1,
            Self::Arp => (id << 1) | 1,
        }
    }

    /// Which socket of which holder has this number.
    pub(crate) fn of_number(number: u64) -> (Self, u64) {
        let socket = if number & 1 == 0 {
            Self::Dhcp
        } else {
            Self::Arp
        };
        (socket, number >> 1)
    }
}

/// The time on the clock of all leases.
pub(crate) fn now() -> Instant {
    Instant::from_boot(netns::clock::boot_now())
}
