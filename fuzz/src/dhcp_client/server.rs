//! A server's messages, derived from the client's and bent as the input says.

use std::net::Ipv4Addr;

use dhcp_client::Action;
use dhcproto::v4::{DhcpOption, Message, OptionCode};
use dhcproto::{Decodable, Decoder};

use crate::tape::Tape;

pub(super) const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];
pub(super) const CLIENT_ID: &[u8] = b"\0id";
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
pub(super) const OTHER_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 8);

/// Returns the message that an action sends.
pub(super) fn message_of(action: &Action) -> Option<Message> {
    let Action::Send(transmit) = action else {
        return None;
    };
    let message = Message::decode(&mut Decoder::new(&transmit.message));
    Some(message.expect("a client's message can be decoded"))
}

/// Returns the address in an option of `message`.
pub(super) fn address_in(message: &Message, code: OptionCode) -> Option<Ipv4Addr> {
    match message.opts().get(code) {
        Some(DhcpOption::RequestedIpAddress(address) | DhcpOption::ServerIdentifier(address)) => {
            Some(*address)
        }
        Some(_) | None => None,
    }
}

/// Answers `asked`: 4 and 5 are an OFFER, 6 to 8 an ACK, 9 a NAK.
pub(super) fn answer(asked: Option<&Message>, kind: u8, tape: &mut Tape<'_>) -> Vec<u8> {
    let bent = tape.byte();
    let kind = match kind {
        4 | 5 => 2,
        6..=8 => 5,
        _ => 6,
    };
    let wanted = asked.and_then(|asked| {
        let ciaddr = Some(asked.ciaddr()).filter(|address| !address.is_unspecified());
        ciaddr.or(address_in(asked, OptionCode::RequestedIpAddress))
    });
    let address = match bent & 1 {
        0 => wanted.unwrap_or(ADDRESS),
        _ => OTHER_ADDRESS,
    };
    let chosen = asked.and_then(|asked| address_in(asked, OptionCode::ServerIdentifier));
    let server = match bent & 2 {
        0 => chosen.unwrap_or(SERVER),
        _ => OTHER_SERVER,
    };
    let xid = asked
        .map_or(0, Message::xid)
        .wrapping_add(u32::from(bent >> 2 & 1));
    let lease_time = LEASE_TIMES[usize::from(bent >> 3 & 7)];

    let mut message = vec![2, 1, 6, 0];
    message.extend(xid.to_be_bytes());
    message.extend([0; 8]);
    message.extend(address.octets());
    message.extend([0; 8]);
    message.extend(MAC);
    message.resize(236, 0);
    message.extend([99, 130, 83, 99]);
    message.extend([53, 1, kind, 54, 4]);
    message.extend(server.octets());
    message.extend([51, 4]);
    message.extend(lease_time.to_be_bytes());
    message.extend([1, 4, 255, 255, 255, 0, 3, 4]);
    message.extend(server.octets());
    if bent & 64 != 0 {
        message.extend([61, 3]);
        message.extend(CLIENT_ID);
    }
    if bent & 128 != 0 {
        for _ in 0..tape.byte() % 4 {
            let (code, value) = (tape.byte(), tape.byte() % 16);
            let value = tape.take(value.into());
            message.extend([code, u8::try_from(value.len()).expect("at most 15")]);
            message.extend(value);
        }
    }
    message.push(255);
    message
}

/// Changes, cuts or lengthens a message.
pub(super) fn damage(message: &mut Vec<u8>, tape: &mut Tape<'_>) {
    for _ in 0..=tape.byte() % 4 {
        let (at, byte) = (usize::from(tape.u16()), tape.byte());
        match message.get_mut(at) {
            Some(place) => *place = byte,
            None if at & 1 == 0 => message.truncate(at % 300),
            None => message.extend([byte; 5]),
        }
    }
}

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OTHER_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// The first is an ordinary one; the others try the ends of the scale.
const LEASE_TIMES: [u32; 8] = [3600, 1, 2, 10, 0, 86_400, u32::MAX - 1, u32::MAX];
