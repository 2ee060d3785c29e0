//! Packet and UDP sockets on the running kernel: a client's end and a server's end of a veth, in a namespace of each
//! test's own.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd as _;
use std::process::Command;
use std::time::Duration;

use netns::clock::boot_now;
use netns::ip::{self, Checksum, Malformed};
use netns::packet::{BROADCAST, DhcpFilter, PacketSocket, Received, Sent};
use netns::{Error, udp};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};

const CLIENT_MAC: [u8; 6] = [0x02, 0, 0x5e, 0, 0x53, 0x01];
const SERVER_MAC: [u8; 6] = [0x02, 0, 0x5e, 0, 0x53, 0x02];
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 67);
const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::BROADCAST, 68);

/// The client's socket, and one of the server's end that sends whatever it is given.
struct Wire {
    client: PacketSocket,
    server: PacketSocket,
}

impl Wire {
    fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNET)
            .expect("these tests need the privilege to make network namespaces (run as root)");
        run("link add client type veth peer name server");
        run("link set client address 02:00:5e:00:53:01 up");
        run("link set server address 02:00:5e:00:53:02 up");
        run("address add 192.0.2.1/24 dev server");
        Self {
            client: open("client", CLIENT_MAC),
            server: open("server", SERVER_MAC),
        }
    }

    fn send(&self, packet: &[u8]) {
        assert_eq!(self.server.send(BROADCAST, packet).unwrap(), Sent::Whole);
    }
}

fn open(ifname: &str, chaddr: [u8; 6]) -> PacketSocket {
    PacketSocket::open(index(ifname), &DhcpFilter { chaddr }).unwrap()
}

fn index(ifname: &str) -> u32 {
    // /sys shows the links of the namespace that it was mounted in, /proc/net those of the reading thread.
    let links = run(&format!("-o link show {ifname}"));
    links.split(':').next().unwrap().parse().unwrap()
}

fn run(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .expect("these tests need the program `ip` (Debian: iproute2)");
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Waits for a packet for at most five seconds.
fn receive(socket: &PacketSocket) -> Option<(Received, Vec<u8>)> {
    receive_until(socket, boot_now() + Duration::from_secs(5))
}

fn receive_until(socket: &PacketSocket, deadline: Duration) -> Option<(Received, Vec<u8>)> {
    let mut buffer = vec![0; 2048];
    loop {
        if let Some(received) = socket.recv(&mut buffer).unwrap() {
            buffer.truncate(received.len);
            return Some((received, buffer));
        }
        let left = deadline.saturating_sub(boot_now());
        if left.is_zero() {
            return None;
        }
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::try_from(left).unwrap()).unwrap();
    }
}

/// The start of a BOOTP message: op, chaddr, and a mark to know it by.
fn bootp(op: u8, chaddr: [u8; 6], mark: u8) -> Vec<u8> {
    let mut message = vec![0; 240];
    message[0] = op;
    message[28..34].copy_from_slice(&chaddr);
    message[239] = mark;
    message
}

fn reply(mark: u8) -> Vec<u8> {
    ip::build(SERVER, CLIENT, &bootp(2, CLIENT_MAC, mark)).unwrap()
}

#[test]
fn a_reply_arrives_with_the_station_that_sent_it() {
    let wire = Wire::new();
    wire.send(&reply(7));
    let (received, packet) = receive(&wire.client).unwrap();
    assert_eq!(
        (received.source_mac, received.checksum),
        (Some(SERVER_MAC), Checksum::Judge)
    );
    let datagram = ip::parse(&packet, received.checksum).unwrap();
    assert_eq!((datagram.source, datagram.destination), (SERVER, CLIENT));
    assert_eq!(datagram.payload, bootp(2, CLIENT_MAC, 7));
    assert_eq!(wire.client.recv(&mut [0; 64]).unwrap(), None);
}

#[test]
fn a_reply_to_the_station_alone_arrives_too() {
    let wire = Wire::new();
    assert_eq!(
        wire.server.send(CLIENT_MAC, &reply(7)).unwrap(),
        Sent::Whole
    );
    assert!(receive(&wire.client).is_some());
}

#[test]
fn a_header_with_options_passes_the_filter() {
    let wire = Wire::new();
    let mut packet = reply(7);
    packet[0] = 0x46;
    packet.splice(20..20, [1, 1, 1, 0]);
    let length = u16::try_from(packet.len()).unwrap();
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    wire.send(&packet);
    assert_eq!(receive(&wire.client).unwrap().1, packet);
}

#[test]
fn the_filter_keeps_out_all_else() {
    let edited = |at: usize, value: u8| {
        let mut packet = reply(0);
        packet[at] = value;
        packet
    };
    let mut neighbour = CLIENT_MAC;
    let to_neighbours = [0, 3, 4, 5].map(|place| {
        neighbour = CLIENT_MAC;
        neighbour[place] ^= 0x40;
        ip::build(SERVER, CLIENT, &bootp(2, neighbour, 0)).unwrap()
    });
    let mut refused = vec![
        edited(0, 0x65),
        edited(6, 0x20),
        edited(7, 0x01),
        edited(9, 6),
        edited(23, 69),
        edited(22, 1),
        ip::build(SERVER, CLIENT, &bootp(1, CLIENT_MAC, 0)).unwrap(),
        ip::build(SERVER, CLIENT, &bootp(2, CLIENT_MAC, 0)[..33]).unwrap(),
        reply(0)[..20].to_vec(),
    ];
    refused.extend(to_neighbours);
    for packet in refused {
        let wire = Wire::new();
        wire.send(&packet);
        // What is sent later arrives later, so nothing was let through before it.
        wire.send(&reply(7));
        assert_eq!(receive(&wire.client).unwrap().1, reply(7), "{packet:02x?}");
    }
}

#[test]
fn a_checksum_that_was_left_to_hardware_is_not_judged() {
    let wire = Wire::new();
    let server = UdpSocket::bind(SERVER).unwrap();
    server.set_broadcast(true).unwrap();
    server
        .send_to(&bootp(2, CLIENT_MAC, 7), "192.0.2.255:68")
        .unwrap();
    let (received, packet) = receive(&wire.client).unwrap();
    assert_eq!(received.checksum, Checksum::Trust);
    assert!(ip::parse(&packet, received.checksum).is_ok());
    assert_eq!(
        ip::parse(&packet, Checksum::Judge),
        Err(Malformed::UdpChecksum)
    );
}

#[test]
fn a_link_that_goes_down_is_told_and_comes_back() {
    let wire = Wire::new();
    run("link set client down");
    let packet = reply(7);
    assert!(matches!(
        wire.client.recv(&mut [0; 64]),
        Err(Error::LinkDown { .. })
    ));
    assert_eq!(wire.client.recv(&mut [0; 64]).unwrap(), None, "told once");
    assert!(matches!(
        wire.client.send(BROADCAST, &packet),
        Err(Error::LinkDown { .. })
    ));
    run("link set client up");
    // The other end gets its queue back a little after its carrier, so the first packets may be lost.
    let deadline = boot_now() + Duration::from_secs(5);
    let heard = std::iter::from_fn(|| (boot_now() < deadline).then_some(())).any(|()| {
        let _ = wire.server.send(BROADCAST, &packet);
        receive_until(&wire.client, boot_now() + Duration::from_millis(20)).is_some()
    });
    assert!(heard);
}

#[test]
fn a_socket_on_a_missing_link_is_refused() {
    let _wire = Wire::new();
    let error = PacketSocket::open(4711, &DhcpFilter { chaddr: CLIENT_MAC }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot bind a packet socket: ENODEV: No such device"
    );
}

#[test]
fn a_packet_that_finds_no_room_is_lost_and_no_error() {
    let wire = Wire::new();
    // A queue with room for one byte.
    let tc = Command::new("tc")
        .args("qdisc replace dev client root bfifo limit 1".split(' '))
        .output()
        .expect("this test needs the program `tc` (Debian: iproute2)");
    assert!(
        tc.status.success(),
        "{}",
        String::from_utf8_lossy(&tc.stderr)
    );
    assert_eq!(wire.client.send(BROADCAST, &reply(7)).unwrap(), Sent::Lost);
}

#[test]
fn the_socket_of_a_renewal_is_bound_to_address_port_and_link() {
    let _wire = Wire::new();
    run("address add 192.0.2.5/24 dev client");
    let socket = udp::open_client("client", Ipv4Addr::new(192, 0, 2, 5)).unwrap();
    assert_eq!(socket.local_addr().unwrap().to_string(), "192.0.2.5:68");
    let would_block = socket.recv(&mut [0; 16]).unwrap_err();
    assert_eq!(would_block.kind(), std::io::ErrorKind::WouldBlock);
    // A second one, as of another client in the pod, is not in the way.
    udp::open_client("client", Ipv4Addr::new(192, 0, 2, 5)).unwrap();
    let error = udp::open_client("client", Ipv4Addr::new(192, 0, 2, 77)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EADDRNOTAVAIL));
    let error = udp::open_client("nothing", Ipv4Addr::new(192, 0, 2, 5)).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENODEV));
}
