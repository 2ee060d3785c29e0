//! A `DHCPv4` client (RFC 2131) as a pure state machine.
//!
//! [`Client`] decides, its caller acts: packets, probe results and the time go in as an [`Event`]
//! and an [`Instant`], what has to be done comes out as [`Action`]s, and [`Client::deadline`] says
//! when to call again. The crate owns no clock, socket, thread or source of randomness, so that a
//! week of a lease's life is a test of a few microseconds.
//!
//! Read [`Client`] first, then [`Event`] and [`Action`]; [`Lease`] is what a server gave, and
//! [`routes::plan`] what a lease means for a routing table.

mod client;
mod config;
mod event;
mod ignored;
mod lease;
mod message;
mod name;
mod option;
mod reply;
mod time;
mod walk;

pub mod routes;

pub use client::{Client, State};
pub use config::{Broadcast, Config, ConflictDetection, DEFAULT_PARAMETERS, Start};
pub use event::{Action, Destination, Event, Probe, ProbeOutcome, Transmit, Trouble, Unbound};
pub use ignored::Ignored;
pub use lease::{ClasslessRoute, Lease, RawOptions, StaticRoute, Times};
pub use message::Intent;
pub use reply::Answer;
pub use time::Instant;
