//! DHCP servers on a LAN: real ones, one file each, and one that does as it is told.

mod dnsmasq;
mod message;
mod plain;
mod real;
mod scripted;

pub use dnsmasq::{Dnsmasq, DnsmasqLease, DnsmasqOptions};
pub use message::{Message, MessageType};
pub use plain::PlainServer;
pub use real::{Identity, LeaseState, RealLease, RealServer, ServerPlan, Software};
pub use scripted::{Reply, ScriptedServer};
