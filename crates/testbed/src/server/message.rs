//! A DHCP message as its fields and options (RFC 2131 §2, RFC 2132), read and written here by hand.
//!
//! The codec that the client uses would agree with itself; and a codec writes only what is well formed.

use std::net::Ipv4Addr;

/// The values of option 53 (RFC 2132 §9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum MessageType {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Decline = 4,
    Ack = 5,
    Nak = 6,
    Release = 7,
    Inform = 8,
}

impl MessageType {
    fn from_number(number: u8) -> Option<Self> {
        use MessageType::{Ack, Decline, Discover, Inform, Nak, Offer, Release, Request};
        [Discover, Offer, Request, Decline, Ack, Nak, Release, Inform]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

/// A DHCP message. Every field can be set, to what is wrong too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are RFC 2131's")]
pub struct Message {
    pub op: u8,
    pub htype: u8,
    pub hlen: u8,
    pub xid: u32,
    pub secs: u16,
    pub flags: u16,
    pub ciaddr: Ipv4Addr,
    pub yiaddr: Ipv4Addr,
    pub siaddr: Ipv4Addr,
    pub giaddr: Ipv4Addr,
    pub chaddr: [u8; 16],
    pub sname: [u8; 64],
    pub file: [u8; 128],
    /// The options in the order in which they stand, without pad and end.
    pub options: Vec<(u8, Vec<u8>)>,
}

impl Message {
    /// Reads a message; `None` where it is shorter than its fixed part or has no magic cookie.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.get(236..240)? != COOKIE {
            return None;
        }
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let half = |at: usize| u16::from_be_bytes(bytes[at..at + 2].try_into().unwrap());
        Some(Self {
            op: bytes[0],
            htype: bytes[1],
            hlen: bytes[2],
            xid: word(4),
            secs: half(8),
            flags: half(10),
            ciaddr: word(12).into(),
            yiaddr: word(16).into(),
            siaddr: word(20).into(),
            giaddr: word(24).into(),
            chaddr: bytes[28..44].try_into().unwrap(),
            sname: bytes[44..108].try_into().unwrap(),
            file: bytes[108..236].try_into().unwrap(),
            options: parse_options(&bytes[240..]),
        })
    }

    /// Writes the message, padded to the 300 bytes of BOOTP.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.op, self.htype, self.hlen, 0];
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend(self.secs.to_be_bytes());
        bytes.extend(self.flags.to_be_bytes());
        for address in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            bytes.extend(address.octets());
        }
        bytes.extend(self.chaddr);
        bytes.extend(self.sname);
        bytes.extend(self.file);
        bytes.extend(COOKIE);
        for (code, value) in &self.options {
            // RFC 3396: a value too long for one option continues in the next of the same code.
            let mut parts = value.chunks(255).peekable();
            if parts.peek().is_none() {
                bytes.extend([*code, 0]);
            }
            for part in parts {
                bytes.extend([*code, u8::try_from(part.len()).unwrap()]);
                bytes.extend(part);
            }
        }
        bytes.push(END);
        bytes.resize(bytes.len().max(300), 0);
        bytes
    }

    /// Starts a server's reply to this message, with nothing in it but what is repeated and the type.
    #[must_use]
    pub fn reply(&self, kind: MessageType) -> Self {
        let zero = Ipv4Addr::UNSPECIFIED;
        Self {
            op: 2,
            secs: 0,
            ciaddr: if kind == MessageType::Ack {
                self.ciaddr
            } else {
                zero
            },
            yiaddr: zero,
            siaddr: zero,
            sname: [0; 64],
            file: [0; 128],
            options: vec![(53, vec![kind as u8])],
            ..self.clone()
        }
    }

    /// Sets `yiaddr`.
    #[must_use]
    pub fn yiaddr(mut self, address: Ipv4Addr) -> Self {
        self.yiaddr = address;
        self
    }

    /// Adds an option.
    #[must_use]
    pub fn with(mut self, code: u8, value: impl Into<Vec<u8>>) -> Self {
        self.options.push((code, value.into()));
        self
    }

    /// Adds an option that is a list of addresses.
    #[must_use]
    pub fn with_addresses(self, code: u8, addresses: &[Ipv4Addr]) -> Self {
        let octets: Vec<_> = addresses.iter().flat_map(Ipv4Addr::octets).collect();
        self.with(code, octets)
    }

    /// Adds an option that is a number of seconds.
    #[must_use]
    pub fn with_seconds(self, code: u8, seconds: u32) -> Self {
        self.with(code, seconds.to_be_bytes())
    }

    /// Returns the type of the message.
    #[must_use]
    pub fn kind(&self) -> Option<MessageType> {
        MessageType::from_number(*self.option(53)?.first()?)
    }

    /// Returns the value of an option, the first if there are several.
    #[must_use]
    pub fn option(&self, code: u8) -> Option<&[u8]> {
        self.options
            .iter()
            .find(|(candidate, _)| *candidate == code)
            .map(|(_, value)| value.as_slice())
    }

    /// Returns the address in an option.
    #[must_use]
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        Some(Ipv4Addr::from(
            <[u8; 4]>::try_from(self.option(code)?).ok()?,
        ))
    }

    /// Returns the client's hardware address.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.chaddr[..6].try_into().unwrap()
    }
}

fn parse_options(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut options = Vec::new();
    while let [code, rest @ ..] = bytes {
        bytes = rest;
        match *code {
            0 => {}
            END => break,
            code => {
                let [length, rest @ ..] = bytes else { break };
                let Some((value, rest)) = rest.split_at_checked(usize::from(*length)) else {
                    break;
                };
                options.push((code, value.to_vec()));
                bytes = rest;
            }
        }
    }
    options
}

const COOKIE: [u8; 4] = [99, 130, 83, 99];
const END: u8 = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let request =
            Message::parse(&[[0; 236].as_slice(), &COOKIE, &[53, 1, 1, END]].concat()).unwrap();
        let reply = request
            .reply(MessageType::Offer)
            .yiaddr(Ipv4Addr::new(10, 0, 0, 5))
            .with_seconds(51, 3600);
        assert_eq!(Message::parse(&reply.bytes()), Some(reply));
    }

    #[test]
    fn an_option_cut_short_ends_the_list() {
        assert_eq!(parse_options(&[53, 1, 5, 51, 4, 0]), vec![(53, vec![5])]);
    }
}
