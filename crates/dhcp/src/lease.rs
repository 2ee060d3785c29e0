//! A lease: an address for a time, and the configuration that came with it.

mod grant;
mod raw_options;
mod times;

use std::net::Ipv4Addr;

use ipnetwork::Ipv4Network;
use serde::{Deserialize, Serialize};

use crate::time::Instant;

pub(crate) use grant::classful;
pub use raw_options::RawOptions;

/// What a server leased to the client.
///
/// Serialises for records: unknown fields are skipped, all but the first four may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The leased address (`yiaddr`).
    pub address: Ipv4Addr,
    /// The length of the subnet mask (option 1), the address's class deciding if there was none.
    pub prefix_len: u8,
    /// The server to renew at (option 54).
    pub server_id: Ipv4Addr,
    /// When the REQUEST was sent that this lease answers: the start of the lease.
    pub acquired_at: Instant,
    /// When to renew and when the lease ends; `None` if it never does.
    #[serde(default)]
    pub times: Option<Times>,
    /// Routers (option 3), preferred first.
    #[serde(default)]
    pub routers: Vec<Ipv4Addr>,
    /// Name servers (option 6), preferred first.
    #[serde(default)]
    pub dns: Vec<Ipv4Addr>,
    /// The domain (option 15), if it is a domain name.
    #[serde(default)]
    pub domain: Option<String>,
    /// The domains to search (option 119), those that are domain names.
    #[serde(default)]
    pub search: Vec<String>,
    /// The MTU (option 26), if it is one that a link can have.
    #[serde(default)]
    pub mtu: Option<u16>,
    /// The broadcast address (option 28).
    #[serde(default)]
    pub broadcast: Option<Ipv4Addr>,
    /// Time servers (option 42), preferred first.
    #[serde(default)]
    pub ntp: Vec<Ipv4Addr>,
    /// Static routes (option 33).
    #[serde(default)]
    pub static_routes: Vec<StaticRoute>,
    /// Classless routes (option 121, else 249); `None` if the server sent neither in good order.
    #[serde(default)]
    pub classless_routes: Option<Vec<ClasslessRoute>>,
    /// Every option by its code, as received and put together (RFC 3396).
    #[serde(default)]
    pub options: RawOptions,
}

/// The times of a lease that ends, in order: `t1` < `t2` < `expiry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// T1: when to renew at the server that gave the lease.
    pub t1: Instant,
    /// T2: when to rebind at any server.
    pub t2: Instant,
    /// When the address must no longer be used.
    pub expiry: Instant,
}

/// A route of option 33: a destination without a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticRoute {
    /// The host or classful network.
    pub destination: Ipv4Addr,
    /// The router to it.
    pub router: Ipv4Addr,
}

/// A route of option 121 or 249, as sent: host bits may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClasslessRoute {
    /// The destination.
    pub destination: Ipv4Network,
    /// The router to it; 0.0.0.0 says that it is on the link.
    pub router: Ipv4Addr,
}

impl Lease {
    /// Returns T1, `None` for a lease without end.
    #[must_use]
    pub fn t1(&self) -> Option<Instant> {
        self.times.map(|times| times.t1)
    }

    /// Returns T2, `None` for a lease without end.
    #[must_use]
    pub fn t2(&self) -> Option<Instant> {
        self.times.map(|times| times.t2)
    }

    /// Returns when the lease ends, `None` if it never does.
    #[must_use]
    pub fn expiry(&self) -> Option<Instant> {
        self.times.map(|times| times.expiry)
    }

    /// Returns the leased address with its prefix length.
    #[must_use]
    pub fn network(&self) -> Ipv4Network {
        Ipv4Network::new_checked(self.address, self.prefix_len)
            .unwrap_or_else(|| Ipv4Network::from(self.address))
    }
}
