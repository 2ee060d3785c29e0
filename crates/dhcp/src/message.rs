//! The messages a client sends, by what they are for, with the fields RFC 2131 gives each
//! (§4.3.1–§4.4.6, tables 4 and 5).

use std::net::Ipv4Addr;

use dhcproto::v4::{self, Flags, HType, MessageType, Opcode, OptionCode};
use dhcproto::{Encodable, Encoder, error::EncodeResult};

use crate::config::Config;

/// What a message is sent for. Four different messages are DHCPREQUEST on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intent {
    /// Look for servers.
    Discover,
    /// REQUEST of an offer (SELECTING).
    Select,
    /// REQUEST of a former address (INIT-REBOOT).
    Reboot,
    /// REQUEST for more time at the lease's server (RENEWING).
    Renew,
    /// REQUEST for more time at any server (REBINDING).
    Rebind,
    /// Say that another host uses the address.
    Decline,
    /// Give the address back.
    Release,
}

/// A message with what its intent needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// §4.4.1: ciaddr 0; option 50 may suggest an address.
    Discover { hint: Option<Ipv4Addr> },
    /// §4.3.2: ciaddr 0, options 50 and 54 from the offer.
    Select { address: Ipv4Addr, server: Ipv4Addr },
    /// §4.3.2: ciaddr 0, option 50, no 54.
    Reboot { address: Ipv4Addr },
    /// §4.3.2: ciaddr, neither 50 nor 54, by unicast.
    Renew { address: Ipv4Addr },
    /// §4.3.2: ciaddr, neither 50 nor 54, by broadcast.
    Rebind { address: Ipv4Addr },
    /// §4.4.4: ciaddr 0, options 50 and 54, by broadcast; nothing is asked for.
    Decline { address: Ipv4Addr, server: Ipv4Addr },
    /// §4.4.6: ciaddr and option 54. Option 50 must not be there: dnsmasq drops such a RELEASE.
    Release { address: Ipv4Addr, server: Ipv4Addr },
}

/// The fields of a message that come from its exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) xid: u32,
    pub(crate) secs: u16,
    pub(crate) broadcast: bool,
}

/// What is the same in every message of a client.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) chaddr: [u8; 6],
    pub(crate) client_id: Option<Vec<u8>>,
    /// What DISCOVER and REQUEST carry beside the protocol's own options.
    wishes: Vec<(u8, Vec<u8>)>,
}

impl Identity {
    pub(crate) fn new(config: Config) -> Self {
        let mut client_id = config.client_id;
        let mut wishes = vec![
            (
                u8::from(OptionCode::MaxMessageSize),
                config.max_message_size.to_be_bytes().to_vec(),
            ),
            (
                u8::from(OptionCode::ParameterRequestList),
                config.parameter_request_list,
            ),
        ];
        if let Some(hostname) = config.hostname {
            wishes.push((OptionCode::Hostname.into(), hostname.into_bytes()));
        }
        wishes.retain(|(_, value)| !value.is_empty());
        for (code, value) in config.extra_options {
            if code == u8::from(OptionCode::ClientIdentifier) {
                client_id = Some(value);
            } else if !RESERVED.contains(&code) {
                match wishes.iter_mut().find(|(known, _)| *known == code) {
                    Some(wish) => wish.1 = value,
                    None => wishes.push((code, value)),
                }
            }
        }
        // RFC 2132 §9.14: at least two bytes; a user's empty value means none at all.
        let client_id = client_id.filter(|id| !id.is_empty());
        Self {
            chaddr: config.chaddr,
            client_id,
            wishes,
        }
    }
}

/// Returns the value that `extra_options` have for the requested address (option 50).
pub(crate) fn requested_address(extra_options: &[(u8, Vec<u8>)]) -> Option<Ipv4Addr> {
    let code = u8::from(OptionCode::RequestedIpAddress);
    let (_, value) = extra_options.iter().rfind(|(known, _)| *known == code)?;
    <[u8; 4]>::try_from(value.as_slice())
        .ok()
        .map(Ipv4Addr::from)
}

impl Message {
    pub(crate) fn intent(&self) -> Intent {
        match self {
            Self::Discover { .. } => Intent::Discover,
            Self::Select { .. } => Intent::Select,
            Self::Reboot { .. } => Intent::Reboot,
            Self::Renew { .. } => Intent::Renew,
            Self::Rebind { .. } => Intent::Rebind,
            Self::Decline { .. } => Intent::Decline,
            Self::Release { .. } => Intent::Release,
        }
    }

    /// Returns the message as the payload of a datagram.
    pub(crate) fn encode(&self, header: Header, identity: &Identity) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(MIN_LENGTH);
        // Writing to a Vec fails only when it would grow past the address space.
        if self
            .write(header, identity, &mut Encoder::new(&mut bytes))
            .is_err()
        {
            bytes.clear();
        }
        bytes.resize(bytes.len().max(MIN_LENGTH), 0);
        bytes
    }

    fn write(
        &self,
        header: Header,
        identity: &Identity,
        encoder: &mut Encoder<'_>,
    ) -> EncodeResult<()> {
        // Written field by field: dhcproto's message asks the system for a random id even where one
        // is given, and sorts the options, while some servers want the message type first.
        let flags = Flags::default();
        let flags = if header.broadcast {
            flags.set_broadcast()
        } else {
            flags
        };
        Opcode::BootRequest.encode(encoder)?;
        encoder.write_slice(&[HType::Eth.into(), HARDWARE_LENGTH, NO_HOPS])?;
        encoder.write_u32(header.xid)?;
        encoder.write_u16(header.secs)?;
        encoder.write_u16(flags.into())?;
        encoder.write_slice(&self.ciaddr().unwrap_or(Ipv4Addr::UNSPECIFIED).octets())?;
        encoder.write_slice(&UNUSED_ADDRESSES)?;
        encoder.write_slice(&identity.chaddr)?;
        encoder.write_slice(&CHADDR_PADDING)?;
        encoder.write_slice(&UNUSED_NAMES)?;
        encoder.write_slice(&v4::MAGIC)?;
        option(
            OptionCode::MessageType,
            &[self.message_type().into()],
            encoder,
        )?;
        if let Some(client_id) = &identity.client_id {
            option(OptionCode::ClientIdentifier, client_id, encoder)?;
        }
        if let Some(address) = self.requested() {
            option(OptionCode::RequestedIpAddress, &address.octets(), encoder)?;
        }
        if let Some(server) = self.server() {
            option(OptionCode::ServerIdentifier, &server.octets(), encoder)?;
        }
        if self.asks() {
            for (code, value) in &identity.wishes {
                option(OptionCode::from(*code), value, encoder)?;
            }
        }
        encoder.write_u8(OptionCode::End.into())
    }

    /// The flag is for a client that has no address yet, or whose address the server's network may
    /// not route; the messages of one that is leaving are not answered.
    pub(crate) fn may_ask_for_broadcast(&self) -> bool {
        match self {
            Self::Discover { .. }
            | Self::Select { .. }
            | Self::Reboot { .. }
            | Self::Rebind { .. } => true,
            Self::Renew { .. } | Self::Decline { .. } | Self::Release { .. } => false,
        }
    }

    fn message_type(&self) -> MessageType {
        match self {
            Self::Discover { .. } => MessageType::Discover,
            Self::Select { .. }
            | Self::Reboot { .. }
            | Self::Renew { .. }
            | Self::Rebind { .. } => MessageType::Request,
            Self::Decline { .. } => MessageType::Decline,
            Self::Release { .. } => MessageType::Release,
        }
    }

    fn ciaddr(&self) -> Option<Ipv4Addr> {
        match *self {
            Self::Renew { address } | Self::Rebind { address } | Self::Release { address, .. } => {
                Some(address)
            }
            Self::Discover { .. }
            | Self::Select { .. }
            | Self::Reboot { .. }
            | Self::Decline { .. } => None,
        }
    }

    fn requested(&self) -> Option<Ipv4Addr> {
        match *self {
            Self::Discover { hint } => hint,
            Self::Select { address, .. }
            | Self::Reboot { address }
            | Self::Decline { address, .. } => Some(address),
            Self::Renew { .. } | Self::Rebind { .. } | Self::Release { .. } => None,
        }
    }

    fn server(&self) -> Option<Ipv4Addr> {
        match *self {
            Self::Select { server, .. }
            | Self::Decline { server, .. }
            | Self::Release { server, .. } => Some(server),
            Self::Discover { .. }
            | Self::Reboot { .. }
            | Self::Renew { .. }
            | Self::Rebind { .. } => None,
        }
    }

    /// Table 5: DECLINE and RELEASE carry no option beside those of the protocol.
    fn asks(&self) -> bool {
        match self {
            Self::Discover { .. }
            | Self::Select { .. }
            | Self::Reboot { .. }
            | Self::Renew { .. }
            | Self::Rebind { .. } => true,
            Self::Decline { .. } | Self::Release { .. } => false,
        }
    }
}

/// Writes an option, in pieces if it is longer than one can be (RFC 3396).
fn option(code: OptionCode, value: &[u8], encoder: &mut Encoder<'_>) -> EncodeResult<()> {
    if value.is_empty() {
        return encoder.write_slice(&[code.into(), 0]);
    }
    v4::encode_long_opt_bytes(code, value, encoder)
}

const HARDWARE_LENGTH: u8 = 6;
const NO_HOPS: u8 = 0;
/// `yiaddr`, `siaddr` and `giaddr`, which are not the client's to fill in.
const UNUSED_ADDRESSES: [u8; 12] = [0; 12];
/// What `chaddr` has room for beyond an Ethernet address.
const CHADDR_PADDING: [u8; 10] = [0; 10];
/// `sname` and `file`.
const UNUSED_NAMES: [u8; 64 + 128] = [0; 64 + 128];

/// RFC 1542 §2.1: a BOOTP message has 300 bytes; some relays and servers drop shorter ones.
const MIN_LENGTH: usize = 300;

/// Options that a user cannot set: padding, overload, message type, server identifier, end, and the
/// requested address, which only some messages may carry.
const RESERVED: [u8; 6] = [0, 50, 52, 53, 54, 255];
