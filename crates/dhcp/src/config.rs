//! What the caller decides about a client before it starts.

use std::net::Ipv4Addr;

use crate::lease::Lease;

/// The options a client asks for unless told otherwise, in order of preference.
///
/// RFC 3442: classless routes (121) stand before the router (3) and static routes (33), since a
/// server short of space leaves out what is asked for last. 249 is Microsoft's number for 121.
pub const DEFAULT_PARAMETERS: [u8; 14] = [1, 121, 3, 33, 6, 15, 119, 26, 28, 42, 51, 58, 59, 249];

/// The configuration of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The client's hardware address (`chaddr`).
    pub chaddr: [u8; 6],
    /// The value of the client identifier (option 61), the same in every message; `None` sends none.
    pub client_id: Option<Vec<u8>>,
    /// The host name to send (option 12). The caller has made it a valid name.
    pub hostname: Option<String>,
    /// The codes of the options to ask for (option 55), in order of preference.
    pub parameter_request_list: Vec<u8>,
    /// Options to add to DISCOVER and REQUEST, each replacing ours of the same code.
    ///
    /// A 61 replaces the client identifier in every message, a 50 is the address to ask for where
    /// the protocol allows one. 0, 52, 53, 54 and 255 belong to the protocol and are left out. Of
    /// several values for one code the last is sent.
    pub extra_options: Vec<(u8, Vec<u8>)>,
    /// The longest DHCP message the caller can receive (option 57), without IP and UDP headers.
    pub max_message_size: u16,
    /// When to ask for answers by broadcast.
    pub broadcast: Broadcast,
    /// Whether and how an address is probed for before it is used.
    pub conflict: ConflictDetection,
    /// Where the client starts.
    pub start: Start,
    /// Whether the first message waits for an [`Event::LinkUp`](crate::Event::LinkUp) or
    /// [`Event::Renew`](crate::Event::Renew), for callers that start many clients at once. The end of
    /// a lease that is held does not wait.
    pub waits: bool,
    /// An address to ask for in DISCOVER; the server is free to offer another.
    pub requested_address: Option<Ipv4Addr>,
}

impl Config {
    /// Returns the configuration of a client that starts afresh, with the defaults of this crate.
    #[must_use]
    pub fn new(chaddr: [u8; 6]) -> Self {
        Self {
            chaddr,
            client_id: None,
            hostname: None,
            parameter_request_list: DEFAULT_PARAMETERS.to_vec(),
            extra_options: Vec::new(),
            max_message_size: ETHERNET_MESSAGE,
            broadcast: Broadcast::Auto,
            conflict: ConflictDetection::Fast,
            start: Start::Fresh,
            waits: false,
            requested_address: None,
        }
    }
}

/// When the broadcast flag is set, which asks the server to broadcast its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Broadcast {
    /// From the third transmission of a message on: a path that loses unicast answers to a host
    /// without an address is found out by silence.
    #[default]
    Auto,
    /// In every broadcast message.
    Always,
    /// Never.
    Never,
}

/// Whether the network is asked for another user of an address (RFC 5227) before it is bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConflictDetection {
    /// No probe.
    Off,
    /// Two probes that overlap the exchange with the server and cost at most 20 ms more.
    #[default]
    Fast,
    /// The full procedure of RFC 5227 §2.1.1, four to seven seconds.
    Strict,
}

/// What a client knows when it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Nothing: DISCOVER.
    #[default]
    Fresh,
    /// An address the client had once but does not use now: INIT-REBOOT, and DISCOVER if no server
    /// answers.
    Address(Ipv4Addr),
    /// A lease whose address is in use and has to be verified: INIT-REBOOT at once, keeping the
    /// address while the lease lasts.
    Reboot(Lease),
    /// A lease whose address is in use: BOUND without a packet while T1 is ahead, INIT-REBOOT after.
    Resume(Lease),
}

/// An Ethernet frame's 1500 bytes without the headers of IP and UDP.
const ETHERNET_MESSAGE: u16 = 1472;
