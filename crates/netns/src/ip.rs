//! IPv4 and UDP headers for DHCP on a packet socket (RFC 791, RFC 768).
//!
//! Only what a DHCP client needs: whole datagrams, no fragments, no options of our own. Anything may come from the
//! network, so parsing checks every length against the buffer before it looks.

use std::net::{Ipv4Addr, SocketAddrV4};

/// A UDP datagram that was taken out of an IPv4 packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Where it says it came from.
    pub source: SocketAddrV4,
    /// Where it was sent.
    pub destination: SocketAddrV4,
    /// What it carries.
    pub payload: &'a [u8],
}

/// Whether the UDP checksum of a packet means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It came over a wire and has to be right.
    Judge,
    /// The kernel has verified it already, or the sender on this machine left it to hardware that the packet never met.
    Trust,
}

/// Why a packet holds no usable datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The packet ends before its headers do.
    #[error("packet of {len} bytes is too short")]
    Short {
        /// The length of the packet.
        len: usize,
    },
    /// The version is not 4.
    #[error("IP version is {version}")]
    Version {
        /// The version found.
        version: u8,
    },
    /// The header length is below 20 bytes or beyond the packet.
    #[error("IPv4 header length of {len} bytes is wrong")]
    HeaderLength {
        /// The header length found.
        len: usize,
    },
    /// The total length is below the headers or beyond the packet.
    #[error("IPv4 total length of {len} bytes is wrong")]
    TotalLength {
        /// The total length found.
        len: usize,
    },
    /// The packet is a fragment.
    #[error("packet is a fragment")]
    Fragment,
    /// The protocol is not UDP.
    #[error("IP protocol is {protocol}")]
    Protocol {
        /// The protocol found.
        protocol: u8,
    },
    /// The IPv4 header checksum is wrong.
    #[error("IPv4 header checksum is wrong")]
    HeaderChecksum,
    /// The UDP length is below its header or beyond the packet.
    #[error("UDP length of {len} bytes is wrong")]
    UdpLength {
        /// The UDP length found.
        len: usize,
    },
    /// The UDP checksum is wrong.
    #[error("UDP checksum is wrong")]
    UdpChecksum,
}

/// Returns the IPv4 packet that carries `payload`, or nothing when the payload is too long for one.
#[must_use]
pub fn build(source: SocketAddrV4, destination: SocketAddrV4, payload: &[u8]) -> Option<Vec<u8>> {
    let udp_len = u16::try_from(UDP_HEADER + payload.len()).ok()?;
    let total_len = u16::try_from(IP_HEADER + UDP_HEADER + payload.len()).ok()?;

    let mut header = Vec::with_capacity(usize::from(total_len));
    header.extend([0x45, TOS_INTERNETWORK_CONTROL]);
    header.extend(total_len.to_be_bytes());
    header.extend([0, 0]);
    header.extend(DONT_FRAGMENT.to_be_bytes());
    header.extend([TTL, PROTOCOL_UDP]);
    let mut packet = header.clone();
    let mut sum = Sum::default();
    for part in [
        &header[..],
        &source.ip().octets(),
        &destination.ip().octets(),
    ] {
        sum.add(part);
    }
    packet.extend(sum.complement().to_be_bytes());
    packet.extend(source.ip().octets());
    packet.extend(destination.ip().octets());

    let mut udp = Vec::with_capacity(UDP_HEADER);
    udp.extend(source.port().to_be_bytes());
    udp.extend(destination.port().to_be_bytes());
    udp.extend(udp_len.to_be_bytes());
    let mut sum = pseudo_header(*source.ip(), *destination.ip(), udp_len);
    sum.add(&udp);
    sum.add(payload);
    // RFC 768: a sum of zero is sent as all ones, since zero means that there is no checksum.
    let checksum = match sum.complement() {
        0 => 0xffff,
        checksum => checksum,
    };
    packet.extend(udp);
    packet.extend(checksum.to_be_bytes());
    packet.extend(payload);
    Some(packet)
}

/// Returns the UDP datagram in an IPv4 packet, which may be followed by padding.
pub fn parse(packet: &[u8], checksum: Checksum) -> Result<Datagram<'_>, Malformed> {
    let short = Malformed::Short { len: packet.len() };
    let (fixed, _) = packet.split_first_chunk::<IP_HEADER>().ok_or(short)?;
    let [
        version_ihl,
        _,
        len0,
        len1,
        _,
        _,
        frag0,
        frag1,
        _,
        protocol,
        _,
        _,
        s0,
        s1,
        s2,
        s3,
        d0,
        d1,
        d2,
        d3,
    ] = *fixed;

    let version = version_ihl >> 4;
    if version != 4 {
        return Err(Malformed::Version { version });
    }
    let header_len = usize::from(version_ihl & 0x0f) * 4;
    let total_len = usize::from(u16::from_be_bytes([len0, len1]));
    if header_len < IP_HEADER || header_len > packet.len() {
        return Err(Malformed::HeaderLength { len: header_len });
    }
    let whole = packet
        .get(..total_len)
        .ok_or(Malformed::TotalLength { len: total_len })?;
    let (header, body) = whole
        .split_at_checked(header_len)
        .ok_or(Malformed::TotalLength { len: total_len })?;
    if u16::from_be_bytes([frag0, frag1]) & MORE_FRAGMENTS_OR_OFFSET != 0 {
        return Err(Malformed::Fragment);
    }
    if protocol != PROTOCOL_UDP {
        return Err(Malformed::Protocol { protocol });
    }
    let mut sum = Sum::default();
    sum.add(header);
    if sum.complement() != 0 {
        return Err(Malformed::HeaderChecksum);
    }

    let source = Ipv4Addr::new(s0, s1, s2, s3);
    let destination = Ipv4Addr::new(d0, d1, d2, d3);
    let (udp, _) = body.split_first_chunk::<UDP_HEADER>().ok_or(short)?;
    let [sp0, sp1, dp0, dp1, ul0, ul1, c0, c1] = *udp;
    let udp_len = u16::from_be_bytes([ul0, ul1]);
    let wrong_length = Malformed::UdpLength {
        len: usize::from(udp_len),
    };
    let udp_whole = body.get(..usize::from(udp_len)).ok_or(wrong_length)?;
    let payload = udp_whole.get(UDP_HEADER..).ok_or(wrong_length)?;
    if checksum == Checksum::Judge && [c0, c1] != [0, 0] {
        let mut sum = pseudo_header(source, destination, udp_len);
        sum.add(udp_whole);
        if sum.complement() != 0 {
            return Err(Malformed::UdpChecksum);
        }
    }
    Ok(Datagram {
        source: SocketAddrV4::new(source, u16::from_be_bytes([sp0, sp1])),
        destination: SocketAddrV4::new(destination, u16::from_be_bytes([dp0, dp1])),
        payload,
    })
}

/// RFC 768: the addresses, protocol and length that the UDP checksum covers too.
fn pseudo_header(source: Ipv4Addr, destination: Ipv4Addr, udp_len: u16) -> Sum {
    let mut sum = Sum::default();
    sum.add(&source.octets());
    sum.add(&destination.octets());
    sum.add(&[0, PROTOCOL_UDP]);
    sum.add(&udp_len.to_be_bytes());
    sum
}

/// The one's complement sum of RFC 1071. Only the last part added may have an odd length.
#[derive(Default)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let (pairs, odd) = bytes.as_chunks::<2>();
        for pair in pairs {
            self.0 += u64::from(u16::from_be_bytes(*pair));
        }
        for byte in odd {
            self.0 += u64::from(u16::from_be_bytes([*byte, 0]));
        }
    }

    fn complement(&self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap_or(u16::MAX)
    }
}

const IP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
const PROTOCOL_UDP: u8 = 17;
const TTL: u8 = 64;
/// DSCP CS6, network control: what switches and access points give precedence to.
const TOS_INTERNETWORK_CONTROL: u8 = 0xc0;
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS_OR_OFFSET: u16 = 0x3fff;

#[cfg(test)]
mod tests;
