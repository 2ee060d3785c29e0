//! Taking in what a server sent: everything that is checked before a message counts.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::ignored::Ignored;
use crate::message::Identity;
use crate::option;
use crate::walk;

/// The kinds of answers a server gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// DHCPOFFER.
    Offer,
    /// DHCPACK.
    Ack,
    /// DHCPNAK.
    Nak,
}

/// An answer that passed every check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Offer(Grant),
    Ack(Grant),
    Nak {
        server: Ipv4Addr,
        message: Option<String>,
    },
}

/// What an OFFER or ACK gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) address: Ipv4Addr,
    pub(crate) server: Ipv4Addr,
    pub(crate) options: BTreeMap<u8, Vec<u8>>,
}

/// What a client waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) xid: u32,
    pub(crate) answer: Awaited,
}

/// The answers that count.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Awaited {
    /// OFFERs of any server.
    Offer,
    /// ACK or NAK of this server.
    DecisionOf(Ipv4Addr),
    /// ACK or NAK of any server.
    Decision,
}

impl Reply {
    pub(crate) fn kind(&self) -> Answer {
        match self {
            Self::Offer(_) => Answer::Offer,
            Self::Ack(_) => Answer::Ack,
            Self::Nak { .. } => Answer::Nak,
        }
    }

    /// Reads `payload` as the answer `expected`.
    pub(crate) fn decode(
        payload: &[u8],
        identity: &Identity,
        expected: Expected,
    ) -> Result<Self, Ignored> {
        let header = Header::split(payload)?;
        if header.op != BOOTREPLY {
            return Err(Ignored::NotAReply);
        }
        if (header.htype, header.hlen) != ETHERNET {
            return Err(Ignored::WrongHardware);
        }
        if header.cookie != COOKIE {
            return Err(Ignored::WrongCookie);
        }
        if header.chaddr != identity.chaddr {
            return Err(Ignored::WrongChaddr);
        }
        if header.xid != expected.xid {
            return Err(Ignored::WrongXid);
        }
        let options = walk::options(payload);
        let answer = answer(&options).ok_or(Ignored::NoMessageType)?;
        let answer = expected_kind(answer, expected.answer).ok_or(Ignored::WrongMessageType)?;
        let server = options
            .get(&SERVER_IDENTIFIER)
            .and_then(|value| option::address(value))
            .filter(|server| option::is_host(*server))
            .ok_or(Ignored::NoServerIdentifier)?;
        match expected.answer {
            Awaited::DecisionOf(chosen) if server != chosen => return Err(Ignored::ForeignServer),
            Awaited::DecisionOf(_) | Awaited::Decision | Awaited::Offer => {}
        }
        // RFC 6842 §3: a server that echoes the identifier echoes ours. Without one of our own
        // there is nothing to compare.
        if let (Some(echo), Some(ours)) = (options.get(&CLIENT_IDENTIFIER), &identity.client_id)
            && echo != ours
        {
            return Err(Ignored::WrongClientIdentifier);
        }
        let grant = |options| Grant::check(header.yiaddr, server, options);
        match answer {
            Answer::Offer => grant(options).map(Self::Offer),
            Answer::Ack => grant(options).map(Self::Ack),
            Answer::Nak => {
                let message = options
                    .get(&MESSAGE)
                    .and_then(|text| option::printable(text));
                Ok(Self::Nak { server, message })
            }
        }
    }
}

impl Grant {
    fn check(
        address: Ipv4Addr,
        server: Ipv4Addr,
        options: BTreeMap<u8, Vec<u8>>,
    ) -> Result<Self, Ignored> {
        if !option::is_host(address) || address.is_loopback() {
            return Err(Ignored::BadAddress);
        }
        if let Some(mask) = options.get(&SUBNET_MASK) {
            let prefix_len = option::mask(mask).ok_or(Ignored::BadSubnetMask)?;
            let hosts = u32::MAX.checked_shr(prefix_len.into()).unwrap_or(0);
            if prefix_len < POINT_TO_POINT && address.to_bits() & hosts == hosts {
                return Err(Ignored::BadAddress);
            }
        }
        if let Some(None | Some(0)) = options.get(&LEASE_TIME).map(|value| option::u32(value)) {
            return Err(Ignored::BadLeaseTime);
        }
        Ok(Self {
            address,
            server,
            options,
        })
    }
}

fn answer(options: &BTreeMap<u8, Vec<u8>>) -> Option<u8> {
    option::repeated(options.get(&MESSAGE_TYPE)?).map(|[kind]: [u8; 1]| kind)
}

fn expected_kind(kind: u8, awaited: Awaited) -> Option<Answer> {
    match (kind, awaited) {
        (2, Awaited::Offer) => Some(Answer::Offer),
        (5, Awaited::DecisionOf(_) | Awaited::Decision) => Some(Answer::Ack),
        (6, Awaited::DecisionOf(_) | Awaited::Decision) => Some(Answer::Nak),
        (_, Awaited::Offer | Awaited::DecisionOf(_) | Awaited::Decision) => None,
    }
}

/// The fixed fields that matter to a client (RFC 2131 §2).
struct Header {
    op: u8,
    htype: u8,
    hlen: u8,
    xid: u32,
    yiaddr: Ipv4Addr,
    chaddr: [u8; 6],
    cookie: [u8; 4],
}

impl Header {
    fn split(payload: &[u8]) -> Result<Self, Ignored> {
        fn at<const N: usize>(payload: &[u8], offset: usize) -> Result<[u8; N], Ignored> {
            let field = payload.get(offset..).and_then(<[u8]>::first_chunk);
            field.copied().ok_or(Ignored::TooShort)
        }
        let [op, htype, hlen] = at(payload, 0)?;
        Ok(Self {
            op,
            htype,
            hlen,
            xid: u32::from_be_bytes(at(payload, 4)?),
            yiaddr: Ipv4Addr::from(at::<4>(payload, 16)?),
            chaddr: at(payload, 28)?,
            cookie: at(payload, 236)?,
        })
    }
}

const BOOTREPLY: u8 = 2;
/// `htype` and `hlen`.
const ETHERNET: (u8, u8) = (1, 6);
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// RFC 3021: from this prefix length on every address is a host's.
const POINT_TO_POINT: u8 = 31;

const SUBNET_MASK: u8 = 1;
const LEASE_TIME: u8 = 51;
const MESSAGE_TYPE: u8 = 53;
const SERVER_IDENTIFIER: u8 = 54;
const MESSAGE: u8 = 56;
const CLIENT_IDENTIFIER: u8 = 61;
