//! What goes into a client and what comes out of it.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::lease::Lease;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The time of [`Client::deadline`](crate::Client::deadline) has come. Too early or without
    /// need it does nothing.
    Deadline,
    /// A BOOTP message reached port 68, by unicast or broadcast.
    Received {
        /// The UDP payload, of whatever length and content.
        payload: &'a [u8],
    },
    /// The outcome of an [`Action::Probe`], or another host seen using `address` at any later time.
    ProbeResult {
        /// The address that was probed for.
        address: Ipv4Addr,
        /// What was seen.
        outcome: ProbeOutcome,
    },
    /// The link has its carrier back, or may be on another network.
    LinkUp,
    /// The link has lost its carrier.
    LinkDown,
    /// Somebody wants the lease renewed now.
    Renew,
    /// The address is no longer needed: give it back, also if an answer is still on its way.
    Release,
}

/// What a probe for another user of an address found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// Nobody answered until the end of the probe.
    Clear,
    /// A host with this hardware address uses it.
    Conflict {
        /// The hardware address of the other host.
        with: [u8; 6],
    },
}

/// Something the caller has to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "an action lives until it is done"
)]
pub enum Action {
    /// Send a message. A failure to send counts as a lost packet.
    Send(Transmit),
    /// Ask the network for another user of an address and report an [`Event::ProbeResult`].
    Probe(Probe),
    /// Use this lease: the first one, or the first after an [`Action::Unbind`].
    Bind(Lease),
    /// The configuration has changed: go from `old` to `new`. Addresses may differ.
    Update {
        /// The lease in use up to here.
        old: Lease,
        /// The lease to use from here on.
        new: Lease,
    },
    /// The lease goes on with new times, and perhaps at another server; the configuration is the
    /// same.
    Renewed(Lease),
    /// Stop using this lease at once.
    Unbind {
        /// The lease in use up to here.
        lease: Lease,
        /// Why it ends.
        reason: Unbound,
    },
}

/// A message to send from port 68 to port 67.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The UDP payload.
    pub message: Vec<u8>,
    /// Where it goes.
    pub to: Destination,
    /// How often its question has been asked without an answer, this time included; 0 for a message
    /// that asks nothing.
    pub attempt: u32,
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// From 0.0.0.0 to 255.255.255.255.
    Broadcast,
    /// From the leased address to a server.
    Unicast {
        /// The server identifier of the lease.
        server: Ipv4Addr,
        /// The leased address.
        from: Ipv4Addr,
    },
}

/// An ARP probe to make for an address (RFC 5227 §2.1.1).
///
/// A conflict is reported as soon as it is seen, [`ProbeOutcome::Clear`] at `conclude_after`. A new
/// probe replaces one under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The address to probe for.
    pub address: Ipv4Addr,
    /// When to send an ARP probe, each counted from now.
    pub send_at: Vec<Duration>,
    /// How long to listen, counted from now.
    pub conclude_after: Duration,
}

/// Why a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbound {
    /// Its time ran out.
    Expired,
    /// A server refused it.
    Nak,
    /// Another host uses its address; the server has been told.
    Declined,
    /// It was given back on request.
    Released,
}

impl fmt::Display for Unbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the lease has expired",
            Self::Nak => "the server has refused the lease",
            Self::Declined => "another host uses the address",
            Self::Released => "the lease was released",
        })
    }
}

/// The last thing that went wrong on the way to a lease, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A server sent a NAK.
    Refused {
        /// The server's identifier.
        server: Ipv4Addr,
        /// What it said (option 56), printable and short.
        message: Option<String>,
    },
    /// Another host uses the address that was offered or leased.
    Conflict {
        /// The address.
        address: Ipv4Addr,
        /// The hardware address of the other host.
        with: [u8; 6],
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused {
                server,
                message: None,
            } => write!(f, "server {server} refused"),
            Self::Refused {
                server,
                message: Some(message),
            } => {
                write!(f, "server {server} refused: {message:?}")
            }
            Self::Conflict { address, with } => {
                write!(f, "{address} is in use by ")?;
                for (position, octet) in with.iter().enumerate() {
                    let colon = if position == 0 { "" } else { ":" };
                    write!(f, "{colon}{octet:02x}")?;
                }
                Ok(())
            }
        }
    }
}
