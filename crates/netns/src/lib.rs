//! Network namespaces and the few raw system calls of this project.
//!
//! What is here: opening, telling apart and entering namespaces ([`Netns`]); the clock that keeps running while the
//! machine sleeps ([`clock`]); packet sockets for DHCP before there is an address ([`packet`], with [`ip`] for the
//! headers) and UDP sockets for when there is one ([`udp`]); asking the LAN for an address's other users ([`arp`]) and
//! telling it of the own ([`announce`]); passing descriptors over Unix sockets ([`fd`]).
//!
//! This is the only crate that may use `unsafe`, and it does so only for what `nix` has no safe call for.

pub mod announce;
pub mod arp;
pub mod clock;
mod error;
pub mod fd;
pub mod ip;
mod link_address;
mod namespace;
pub mod packet;
pub mod udp;

pub use error::Error;
pub use namespace::{Netns, NetnsId};
