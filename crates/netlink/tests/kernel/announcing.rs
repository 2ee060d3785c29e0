//! What a LAN hears of the addresses that a link gets.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::Duration;

use netlink::apply::configure;
use netns::clock::boot_now;
use netns::packet::Sent;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket, sockopt,
};

use crate::node::{Node, result};

/// Hears every frame on every link of the node.
struct Ear(OwnedFd);

impl Ear {
    fn new() -> Self {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK,
            SockProtocol::EthAll,
        )
        .unwrap();
        setsockopt(&socket, sockopt::RcvBuf, &(1 << 20)).unwrap();
        Self(socket)
    }

    /// Waits for a frame that holds all of these, for at most five seconds.
    fn hears(&self, wanted: &[&[u8]]) -> bool {
        let deadline = boot_now() + Duration::from_secs(5);
        let mut frame = [0; 2048];
        loop {
            while let Ok(length) = recv(self.0.as_raw_fd(), &mut frame, MsgFlags::empty()) {
                let frame = &frame[..length];
                if wanted
                    .iter()
                    .all(|part| frame.windows(part.len()).any(|window| window == *part))
                {
                    return true;
                }
            }
            let left = deadline.saturating_sub(boot_now());
            if left.is_zero() {
                return false;
            }
            let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::try_from(left).unwrap()).unwrap();
        }
    }
}

const BROADCAST: [u8; 6] = [0xff; 6];
const ARP_REQUEST: [u8; 10] = [0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1];
const ALL_NODES: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
/// Type, code; then, after the checksum, the flags: override alone.
const ADVERTISEMENT: [u8; 2] = [136, 0];
const OVERRIDE: [u8; 4] = [0x20, 0, 0, 0];

fn announcement(mac: [u8; 6], address: [u8; 4]) -> Vec<u8> {
    [
        &BROADCAST[..],
        &mac,
        &ARP_REQUEST,
        &mac,
        &address,
        &[0; 6],
        &address,
    ]
    .concat()
}

fn advertised(address: [u8; 16], mac: [u8; 6]) -> Vec<u8> {
    [&OVERRIDE[..], &address, &[2, 1], &mac].concat()
}

#[test]
fn each_address_of_a_result_is_announced_after_it_is_set() {
    let mut node = Node::new();
    let link = node.net1();
    let mac = link.mac.unwrap().octets();
    let ear = Ear::new();
    let result = result(&["192.0.2.5/24", "198.51.100.5/24", "2001:db8::5/64"]);
    configure(&mut node.inside, &node.pod, &link, &result).unwrap();
    assert!(ear.hears(&[&announcement(mac, [192, 0, 2, 5])]));
    assert!(ear.hears(&[&announcement(mac, [198, 51, 100, 5])]));
    let address: std::net::Ipv6Addr = "2001:db8::5".parse().unwrap();
    assert!(ear.hears(&[
        &ALL_NODES,
        &ADVERTISEMENT,
        &advertised(address.octets(), mac)
    ]));
}

#[test]
fn an_address_is_announced_again_on_demand() {
    let mut node = Node::new();
    let link = node.net1();
    let mac = link.mac.unwrap().octets();
    let result = result(&["192.0.2.5/24", "2001:db8::5/64"]);
    configure(&mut node.inside, &node.pod, &link, &result).unwrap();
    let ear = Ear::new();
    let address: std::net::Ipv6Addr = "2001:db8::5".parse().unwrap();
    node.pod
        .run(|| {
            let (sent, _socket) =
                netns::announce::gratuitous_arp(link.index, mac, [192, 0, 2, 5].into()).unwrap();
            assert_eq!(sent, Sent::Whole);
            let sent =
                netns::announce::unsolicited_advertisement(link.index, mac, address).unwrap();
            assert_eq!(sent, Sent::Whole);
        })
        .unwrap();
    assert!(ear.hears(&[&announcement(mac, [192, 0, 2, 5])]));
    assert!(ear.hears(&[
        &ALL_NODES,
        &ADVERTISEMENT,
        &advertised(address.octets(), mac)
    ]));
}
