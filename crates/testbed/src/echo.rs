//! Reachability: ICMP echo (RFC 792) without a ping executable.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recvfrom, sendto, socket,
};

use crate::deadline::Deadline;

/// How an echo went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// The answer came after so long.
    Answered(Duration),
    /// There was no answer in time.
    Silent,
    /// The kernel would not send it.
    Refused(Errno),
}

/// Sends an echo request from the network namespace that the thread is in, again each second, until it is answered.
#[must_use]
pub fn echo(target: Ipv4Addr, patience: Duration) -> Echo {
    let deadline = Deadline::after(patience);
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(
        AddressFamily::Inet,
        SockType::Raw,
        flags,
        SockProtocol::Icmp,
    )
    .expect("open an ICMP socket");
    let address = SockaddrIn::from(SocketAddrV4::new(target, 0));
    for sequence in 0.. {
        let request = request(sequence);
        match sendto(socket.as_raw_fd(), &request, &address, MsgFlags::empty()) {
            // An unreachable host is a next hop that did not answer ARP for the request before.
            Ok(_) | Err(Errno::EHOSTUNREACH) => {}
            Err(error) => return Echo::Refused(error),
        }
        let turn = Deadline::after(deadline.remaining().min(Duration::from_secs(1)));
        while !turn.passed() {
            let _ = poll(
                &mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)],
                turn.poll_timeout(),
            );
            let mut buffer = [0; 256];
            while let Ok((length, Some(source))) =
                recvfrom::<SockaddrIn>(socket.as_raw_fd(), &mut buffer)
            {
                if source.ip() == target && is_answer(&buffer[..length], &request) {
                    let used = patience.saturating_sub(deadline.remaining());
                    return Echo::Answered(used);
                }
            }
        }
        if deadline.passed() {
            break;
        }
    }
    Echo::Silent
}

fn request(sequence: u16) -> Vec<u8> {
    let mut packet = vec![ECHO_REQUEST, 0, 0, 0];
    packet.extend(IDENTIFIER.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    let sum: u32 = packet
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !u16::try_from(folded).expect("four words carry at most once");
    packet[2..4].copy_from_slice(&checksum.to_be_bytes());
    packet
}

/// A raw socket delivers the IPv4 header too.
fn is_answer(packet: &[u8], request: &[u8]) -> bool {
    let header = packet.first().map_or(0, |byte| usize::from(byte & 15) * 4);
    packet.get(header..).is_some_and(|icmp| {
        icmp.first() == Some(&ECHO_REPLY) && icmp.get(4..8) == Some(&request[4..8])
    })
}

const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
const IDENTIFIER: u16 = 0x4c59;
