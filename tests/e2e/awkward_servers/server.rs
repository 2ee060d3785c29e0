//! A server that does one thing oddly and the rest well.

use std::net::Ipv4Addr;

use testbed::server::{Message, MessageType, Reply};

/// What a server sends for each message it receives.
pub(super) type Script = Box<dyn FnMut(&Message) -> Vec<Reply> + Send>;

/// The server's address, and the router's.
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 50, 1);

/// The address that is leased.
pub(super) const LEASED: Ipv4Addr = Ipv4Addr::new(192, 168, 50, 77);

/// A script of any kind.
pub(super) fn script(script: impl FnMut(&Message) -> Vec<Reply> + Send + 'static) -> Script {
    Box::new(script)
}

/// OFFERs and ACKs that are changed from the ordinary.
pub(super) fn server(change: impl Fn(Message) -> Message + Send + 'static) -> Script {
    script(move |request| {
        ordinary(request)
            .map(|reply| deliver(request, &change(reply)))
            .into_iter()
            .collect()
    })
}

/// OFFERs and ACKs whose bytes are changed, all broadcast.
pub(super) fn bytes(change: impl Fn(Message) -> Vec<u8> + Send + 'static) -> Script {
    script(move |request| {
        ordinary(request)
            .map(|reply| Reply::raw(change(reply)))
            .into_iter()
            .collect()
    })
}

/// Returns an ordinary answer: [`LEASED`] with its mask and [`SERVER`]'s name on it, for an hour.
pub(super) fn ordinary(request: &Message) -> Option<Message> {
    let kind = match request.kind()? {
        MessageType::Discover => MessageType::Offer,
        MessageType::Request => MessageType::Ack,
        MessageType::Offer
        | MessageType::Decline
        | MessageType::Ack
        | MessageType::Nak
        | MessageType::Release
        | MessageType::Inform => return None,
    };
    Some(
        request
            .reply(kind)
            .yiaddr(LEASED)
            .with_addresses(54, &[SERVER])
            .with_seconds(51, 3600)
            .with_addresses(1, &[Ipv4Addr::new(255, 255, 255, 0)]),
    )
}

/// Sends an answer as the client wants it (RFC 2131 §4.1).
pub(super) fn deliver(request: &Message, reply: &Message) -> Reply {
    if request.flags & BROADCAST != 0 || reply.yiaddr.is_unspecified() {
        Reply::broadcast(reply)
    } else {
        Reply::unicast(reply)
    }
}

/// Takes an option out of a message.
pub(super) fn without(mut message: Message, code: u8) -> Message {
    message.options.retain(|(present, _)| *present != code);
    message
}

/// Puts an option in another's place.
pub(super) fn replace(message: Message, code: u8, value: impl Into<Vec<u8>>) -> Message {
    without(message, code).with(code, value)
}

/// Returns the value of option 121 (RFC 3442).
pub(super) fn classless(routes: &[(&str, &str)]) -> Vec<u8> {
    let mut value = Vec::new();
    for (destination, router) in routes {
        let (address, prefix_len) = destination.split_once('/').expect("a prefix length");
        let prefix_len: u8 = prefix_len.parse().expect("a prefix length");
        value.push(prefix_len);
        value.extend(&octets(address)[..usize::from(prefix_len.div_ceil(8))]);
        value.extend(octets(router));
    }
    value
}

/// Returns the octets of addresses, one after the other.
pub(super) fn addresses(list: &[&str]) -> Vec<u8> {
    list.iter().flat_map(|address| octets(address)).collect()
}

fn octets(address: &str) -> [u8; 4] {
    let address: Ipv4Addr = address.parse().expect("an IPv4 address");
    address.octets()
}

const BROADCAST: u16 = 0x8000;
