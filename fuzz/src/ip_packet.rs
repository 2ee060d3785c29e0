//! IPv4 and UDP headers: what is read was there, what is written is read back, and damage is noticed.

use std::net::SocketAddrV4;
use std::ops::Range;

use netns::ip::{Checksum, Datagram, build, parse};

use crate::tape::Tape;

/// Reads the input as a packet, then as the parts of one.
pub fn ip_packet(data: &[u8]) {
    read(data);
    write(data);
}

fn read(packet: &[u8]) {
    let trusted = parse(packet, Checksum::Trust);
    match parse(packet, Checksum::Judge) {
        Ok(datagram) => {
            assert_eq!(trusted, Ok(datagram));
            is_in(&datagram, packet);
            again(&datagram);
        }
        Err(fault) => {
            assert!(!fault.to_string().is_empty());
            if let Ok(datagram) = trusted {
                assert_eq!(fault, netns::ip::Malformed::UdpChecksum);
                is_in(&datagram, packet);
            }
        }
    }
}

/// Every field stands where RFC 791 and RFC 768 have it.
fn is_in(datagram: &Datagram<'_>, packet: &[u8]) {
    assert_eq!(packet[0] >> 4, 4);
    assert_eq!(packet[9], 17);
    let udp = usize::from(packet[0] & 0xf) * 4;
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let end = udp + usize::from(u16::from_be_bytes([packet[udp + 4], packet[udp + 5]]));
    assert!(udp >= 20 && udp + 8 <= end && end <= total && total <= packet.len());
    assert_eq!(packet[udp + 8..end], *datagram.payload);
    assert_eq!(packet[12..16], datagram.source.ip().octets());
    assert_eq!(packet[16..20], datagram.destination.ip().octets());
    assert_eq!(packet[udp..udp + 2], datagram.source.port().to_be_bytes());
    assert_eq!(
        packet[udp + 2..udp + 4],
        datagram.destination.port().to_be_bytes()
    );
}

fn again(datagram: &Datagram<'_>) -> Vec<u8> {
    let packet = build(datagram.source, datagram.destination, datagram.payload)
        .expect("it came in a packet");
    assert_eq!(parse(&packet, Checksum::Judge), Ok(*datagram));
    packet
}

fn write(data: &[u8]) {
    let mut tape = Tape::new(data);
    let (at, change) = (usize::from(tape.u16()), tape.byte());
    let mut end = || SocketAddrV4::new(tape.address(), tape.u16());
    let (source, destination) = (end(), end());
    let payload = tape.take(usize::MAX);
    if build(source, destination, payload).is_none() {
        assert!(payload.len() > usize::from(u16::MAX) - 28);
        return;
    }
    let datagram = Datagram {
        source,
        destination,
        payload,
    };
    let mut packet = again(&datagram);
    let at = at % packet.len();
    if change == 0 || MOVES_THE_SUM.contains(&at) {
        return;
    }
    packet[at] ^= change;
    let unsummed = packet[UDP_CHECKSUM] == [0, 0];
    let noticed = parse(&packet, Checksum::Judge).is_err();
    assert!(noticed || unsummed, "byte {at} changed by {change:#x}");
    read(&packet);
}

/// The lengths, which say what is summed up: a wrong one can be right by chance.
const MOVES_THE_SUM: [usize; 3] = [0, 24, 25];

/// Zero says that there is no checksum.
const UDP_CHECKSUM: Range<usize> = 26..28;
