//! A server whose grants a test changes while it serves.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};

use testbed::server::{Message, MessageType, Reply, ScriptedServer};
use testbed::{Bed, Deadline};

/// What the server gives to everybody, and how it behaves.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) address: Ipv4Addr,
    /// Lease time, T1 and T2 in seconds.
    pub(crate) times: [u32; 3],
    pub(crate) options: Vec<(u8, Vec<u8>)>,
    /// Nothing is answered.
    pub(crate) silent: bool,
    /// Another address than the one that is asked for is given instead of refused.
    pub(crate) moves: bool,
}

/// A running server.
pub(crate) struct Granting {
    grant: Arc<Mutex<Grant>>,
    pub(crate) server: ScriptedServer,
}

impl Granting {
    /// Gives `.77` of the LAN with its router, for these times.
    pub(crate) fn start(bed: &Bed, times: [u32; 3]) -> Self {
        let router = bed.lan.router();
        let grant = Arc::new(Mutex::new(Grant {
            address: bed.lan.address(77),
            times,
            options: vec![
                (1, bed.lan.netmask().octets().to_vec()),
                (3, router.octets().to_vec()),
            ],
            silent: false,
            moves: false,
        }));
        let shared = Arc::clone(&grant);
        let server = ScriptedServer::start(&bed.lan, move |message| {
            answer(&shared.lock().unwrap(), message, router)
                .into_iter()
                .collect()
        });
        Self { grant, server }
    }

    /// The messages of one kind that have come, in their order.
    pub(crate) fn received(&self, kind: MessageType) -> Vec<Message> {
        let mut messages = self.server.received();
        messages.retain(|message| message.kind() == Some(kind));
        messages
    }

    /// Waits for the first message of a kind.
    #[track_caller]
    pub(crate) fn wait_for(&self, kind: MessageType, deadline: Deadline) {
        let _ = self.server.wait_for(kind, 1, deadline);
    }

    /// What is given from now on.
    pub(crate) fn grant(&self) -> MutexGuard<'_, Grant> {
        self.grant.lock().unwrap()
    }
}

fn answer(grant: &Grant, message: &Message, server: Ipv4Addr) -> Option<Reply> {
    let asked_for = message.address(50).unwrap_or(message.ciaddr);
    let kind = match message.kind()? {
        MessageType::Discover => MessageType::Offer,
        MessageType::Request if grant.moves || asked_for == grant.address => MessageType::Ack,
        MessageType::Request => MessageType::Nak,
        MessageType::Offer
        | MessageType::Decline
        | MessageType::Ack
        | MessageType::Nak
        | MessageType::Release
        | MessageType::Inform => return None,
    };
    if grant.silent {
        return None;
    }
    let mut reply = message.reply(kind).with_addresses(54, &[server]);
    if kind != MessageType::Nak {
        let [lease, t1, t2] = grant.times;
        reply = reply
            .yiaddr(grant.address)
            .with_seconds(51, lease)
            .with_seconds(58, t1)
            .with_seconds(59, t2);
        reply.options.extend(grant.options.iter().cloned());
    }
    Some(Reply::broadcast(&reply))
}
