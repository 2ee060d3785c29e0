//! Why a received message was dropped.

use std::fmt;

/// A reason to drop a received message, in the order in which they are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ignored {
    /// Nothing was asked that could be answered.
    Unasked,
    /// Shorter than a BOOTP header and the cookie.
    TooShort,
    /// `op` is not 2 (BOOTREPLY).
    NotAReply,
    /// `htype` or `hlen` is not that of Ethernet.
    WrongHardware,
    /// The magic cookie of RFC 2131 §3 is missing: BOOTP or garbage.
    WrongCookie,
    /// For another client.
    WrongChaddr,
    /// For another exchange.
    WrongXid,
    /// Option 53 is missing or malformed.
    NoMessageType,
    /// A kind of message that is no answer in this state.
    WrongMessageType,
    /// Option 54 is missing, malformed or no host's address.
    NoServerIdentifier,
    /// From a server other than the chosen one.
    ForeignServer,
    /// Option 61 is there (RFC 6842) and is not ours.
    WrongClientIdentifier,
    /// `yiaddr` cannot be the address of a host.
    BadAddress,
    /// Option 1 is malformed, or no mask.
    BadSubnetMask,
    /// Option 51 is malformed or zero.
    BadLeaseTime,
    /// The lease it grants has run out already.
    AlreadyExpired,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unasked => "not asked for",
            Self::TooShort => "too short",
            Self::NotAReply => "not a reply",
            Self::WrongHardware => "wrong hardware type or length",
            Self::WrongCookie => "wrong magic cookie",
            Self::WrongChaddr => "wrong chaddr",
            Self::WrongXid => "wrong xid",
            Self::NoMessageType => "no valid message type",
            Self::WrongMessageType => "unexpected message type",
            Self::NoServerIdentifier => "no valid server identifier",
            Self::ForeignServer => "from another server",
            Self::WrongClientIdentifier => "wrong client identifier",
            Self::BadAddress => "unusable address",
            Self::BadSubnetMask => "malformed subnet mask",
            Self::BadLeaseTime => "malformed or zero lease time",
            Self::AlreadyExpired => "lease already over",
        })
    }
}
