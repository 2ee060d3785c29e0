//! Packets that were captured or made up, and properties over all of them.

use std::net::{Ipv4Addr, SocketAddrV4};

use proptest::prelude::*;

use super::{Checksum, Datagram, IP_HEADER, Malformed, build, parse};

const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);

fn packet() -> Vec<u8> {
    build(CLIENT, SERVER, b"payload").unwrap()
}

/// Rewrites bytes of the IPv4 header and makes its checksum right again.
fn with_header(edit: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut packet = packet();
    edit(&mut packet);
    repair_header(&mut packet);
    packet
}

fn repair_header(packet: &mut [u8]) {
    let len = (usize::from(packet[0] & 0xf) * 4).clamp(IP_HEADER, packet.len());
    packet[10..12].fill(0);
    let mut sum = super::Sum::default();
    sum.add(&packet[..len]);
    let checksum = sum.complement();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn a_header_known_from_rfc_1071_examples_sums_to_its_checksum() {
    let header = [
        0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x00, 0x00, 0xc0, 0xa8, 0x00,
        0x01, 0xc0, 0xa8, 0x00, 0xc7,
    ];
    let mut sum = super::Sum::default();
    sum.add(&header);
    assert_eq!(sum.complement(), 0xb861);
}

#[test]
fn padding_after_the_packet_is_ignored() {
    let mut packet = packet();
    packet.extend([0; 20]);
    assert_eq!(parse(&packet, Checksum::Judge).unwrap().payload, b"payload");
}

#[test]
fn header_options_are_skipped() {
    let mut packet = packet();
    packet[0] = 0x46;
    let total = u16::try_from(packet.len() + 4).unwrap();
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet.splice(20..20, [1, 1, 1, 0]);
    repair_header(&mut packet);
    assert_eq!(parse(&packet, Checksum::Judge).unwrap().payload, b"payload");
}

#[test]
fn each_wrong_field_is_named() {
    let cases: [(Vec<u8>, Malformed); 10] = [
        (vec![], Malformed::Short { len: 0 }),
        (packet()[..19].to_vec(), Malformed::Short { len: 19 }),
        (
            with_header(|p| p[0] = 0x65),
            Malformed::Version { version: 6 },
        ),
        (
            with_header(|p| p[0] = 0x44),
            Malformed::HeaderLength { len: 16 },
        ),
        (
            with_header(|p| p[0] = 0x4f),
            Malformed::HeaderLength { len: 60 },
        ),
        (
            with_header(|p| p[3] += 1),
            Malformed::TotalLength { len: 36 },
        ),
        (with_header(|p| p[6] = 0x20), Malformed::Fragment),
        (with_header(|p| p[7] = 1), Malformed::Fragment),
        (
            with_header(|p| p[9] = 6),
            Malformed::Protocol { protocol: 6 },
        ),
        (
            {
                let mut p = packet();
                p[12] ^= 1;
                p
            },
            Malformed::HeaderChecksum,
        ),
    ];
    for (packet, expected) in cases {
        assert_eq!(
            parse(&packet, Checksum::Judge),
            Err(expected),
            "{packet:02x?}"
        );
    }
}

#[test]
fn udp_lengths_outside_the_packet_are_refused() {
    for len in [0_u16, 7, 16, 0xffff] {
        let mut packet = packet();
        packet[24..26].copy_from_slice(&len.to_be_bytes());
        assert_eq!(
            parse(&packet, Checksum::Trust),
            Err(Malformed::UdpLength {
                len: usize::from(len)
            })
        );
    }
}

#[test]
fn a_wrong_udp_checksum_counts_only_where_it_was_finished() {
    let mut packet = packet();
    *packet.last_mut().unwrap() ^= 1;
    assert_eq!(parse(&packet, Checksum::Judge), Err(Malformed::UdpChecksum));
    assert!(parse(&packet, Checksum::Trust).is_ok());
    packet[26..28].fill(0);
    assert!(
        parse(&packet, Checksum::Judge).is_ok(),
        "zero means that there is no checksum"
    );
}

#[test]
fn a_payload_too_long_for_a_packet_is_refused() {
    assert!(build(CLIENT, SERVER, &vec![0; 65507]).is_some());
    assert!(build(CLIENT, SERVER, &vec![0; 65508]).is_none());
}

proptest! {
    #[test]
    fn what_was_built_is_parsed_back(
        source in any::<(u32, u16)>(), destination in any::<(u32, u16)>(),
        payload in proptest::collection::vec(any::<u8>(), 0..1500),
    ) {
        let source = SocketAddrV4::new(source.0.into(), source.1);
        let destination = SocketAddrV4::new(destination.0.into(), destination.1);
        let packet = build(source, destination, &payload).unwrap();
        prop_assert_eq!(
            parse(&packet, Checksum::Judge),
            Ok(Datagram { source, destination, payload: &payload })
        );
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, Checksum::Judge);
    }

    #[test]
    fn a_damaged_packet_never_panics(at in 0_usize..35, value in any::<u8>(), cut in 0_usize..36) {
        let mut packet = packet();
        packet[at] = value;
        packet.truncate(cut);
        let _ = parse(&packet, Checksum::Judge);
        if packet.len() >= IP_HEADER {
            repair_header(&mut packet);
            let _ = parse(&packet, Checksum::Trust);
        }
    }
}
