//! A small well-behaved server on top of the scripted one, for where no DHCP server is installed.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::message::{Message, MessageType};
use super::scripted::{Reply, ScriptedServer};
use crate::lan::Lan;
use crate::log::Log;

/// Gives addresses from `first` to `last`, the same one to the same client, and logs as dnsmasq does.
#[derive(Clone, Debug)]
#[must_use]
pub struct PlainServer {
    first: Ipv4Addr,
    last: Ipv4Addr,
    server: Ipv4Addr,
    netmask: Ipv4Addr,
    lease: u32,
    renewal: Option<u32>,
    options: Vec<(u8, Vec<u8>)>,
    delays: Vec<Duration>,
    answered: usize,
}

impl PlainServer {
    /// Starts from addresses `.100` to `.199` of the LAN for an hour, with its router as router and DNS server.
    pub fn new(lan: &Lan) -> Self {
        let router = lan.router().octets().to_vec();
        Self {
            first: lan.address(100),
            last: lan.address(199),
            server: lan.router(),
            netmask: lan.netmask(),
            lease: 3600,
            renewal: None,
            options: vec![(3, router.clone()), (6, router)],
            delays: Vec::new(),
            answered: 0,
        }
    }

    /// Sets the lease time in seconds.
    pub fn lease(mut self, seconds: u32) -> Self {
        self.lease = seconds;
        self
    }

    /// Sets the renewal time (T1) in seconds.
    pub fn renewal(mut self, seconds: u32) -> Self {
        self.renewal = Some(seconds);
        self
    }

    /// Adds an option to every answer.
    pub fn option(mut self, code: u8, value: impl Into<Vec<u8>>) -> Self {
        self.options.push((code, value.into()));
        self
    }

    /// Has each answer wait for one of these, in turn.
    pub fn delays(mut self, delays: &[Duration]) -> Self {
        self.delays = delays.to_vec();
        self
    }

    /// Starts serving; the log has a line for each message received and sent.
    #[must_use]
    pub fn start(mut self, lan: &Lan) -> (ScriptedServer, Log) {
        let log = Log::default();
        let writer = log.clone();
        let mut leases = BTreeMap::new();
        let server = ScriptedServer::start(lan, move |message| {
            let answers = self.answer(message, &mut leases, &writer);
            let delay = self.delays.get(self.answered % self.delays.len().max(1));
            let delay = delay.copied().unwrap_or_default();
            self.answered += answers.len();
            answers
                .into_iter()
                .map(|answer| answer.after(delay))
                .collect()
        });
        (server, log)
    }

    fn answer(
        &self,
        message: &Message,
        leases: &mut BTreeMap<Vec<u8>, Ipv4Addr>,
        log: &Log,
    ) -> Vec<Reply> {
        let client = message
            .option(61)
            .map_or_else(|| message.mac().to_vec(), <[u8]>::to_vec);
        let mac = message.mac().iter().fold(String::new(), |mut text, byte| {
            let separator = if text.is_empty() { "" } else { ":" };
            let _ = write!(text, "{separator}{byte:02x}");
            text
        });
        let note =
            |kind: &str, address: Ipv4Addr| log.push(format!("DHCP{kind}(br0) {address} {mac}"));
        let foreign = message
            .address(54)
            .is_some_and(|server| server != self.server);
        match message.kind() {
            Some(MessageType::Discover) => {
                note(
                    "DISCOVER",
                    message.address(50).unwrap_or(Ipv4Addr::UNSPECIFIED),
                );
                let Some(address) = self.allocate(&client, leases) else {
                    return Vec::new();
                };
                note("OFFER", address);
                vec![self.reply(message, MessageType::Offer, address)]
            }
            Some(MessageType::Request) if !foreign => {
                let wanted = message.address(50).unwrap_or(message.ciaddr);
                note("REQUEST", wanted);
                if leases.get(&client) == Some(&wanted) {
                    note("ACK", wanted);
                    vec![self.reply(message, MessageType::Ack, wanted)]
                } else {
                    note("NAK", wanted);
                    let nak = message
                        .reply(MessageType::Nak)
                        .with_addresses(54, &[self.server]);
                    vec![Reply::broadcast(&nak)]
                }
            }
            Some(MessageType::Release) if !foreign => {
                note("RELEASE", message.ciaddr);
                leases.remove(&client);
                Vec::new()
            }
            Some(
                MessageType::Request
                | MessageType::Release
                | MessageType::Offer
                | MessageType::Decline
                | MessageType::Ack
                | MessageType::Nak
                | MessageType::Inform,
            )
            | None => Vec::new(),
        }
    }

    fn allocate(
        &self,
        client: &[u8],
        leases: &mut BTreeMap<Vec<u8>, Ipv4Addr>,
    ) -> Option<Ipv4Addr> {
        if let Some(address) = leases.get(client) {
            return Some(*address);
        }
        let mut range = (self.first.to_bits()..=self.last.to_bits()).map(Ipv4Addr::from_bits);
        let free = range.find(|address| !leases.values().any(|leased| leased == address))?;
        leases.insert(client.to_vec(), free);
        Some(free)
    }

    fn reply(&self, message: &Message, kind: MessageType, address: Ipv4Addr) -> Reply {
        let mut reply = message
            .reply(kind)
            .yiaddr(address)
            .with_addresses(54, &[self.server])
            .with_seconds(51, self.lease)
            .with_addresses(1, &[self.netmask]);
        if let Some(seconds) = self.renewal {
            reply = reply.with_seconds(58, seconds);
        }
        reply.options.extend(self.options.iter().cloned());
        // RFC 2131 §4.1: the broadcast flag says that the client cannot take unicasts before it has an address.
        if message.flags & 0x8000 != 0 {
            Reply::broadcast(&reply)
        } else {
            Reply::unicast(&reply)
        }
    }
}
