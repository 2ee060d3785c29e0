//! The sockets of one exchange with a server.
//!
//! The packet socket hears every answer, by unicast and by broadcast. While there is an address to
//! renew, a UDP socket sends from it; nothing is read there, but without it the kernel would refuse
//! the server's answers with ICMP errors.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

use netns::ip::{self, Datagram};
use netns::packet::{BROADCAST, DhcpFilter, PacketSocket};
use netns::udp::{self, CLIENT_PORT, SERVER_PORT};

use super::link::{self, PodLink, Visit};
use super::node::{Node, Socket};

/// The open sockets.
pub(crate) struct Exchange {
    packets: PacketSocket,
    udp: Option<UdpSocket>,
}

/// A DHCP message, and the station it came from.
pub(crate) struct Answer {
    pub(crate) payload: Vec<u8>,
    pub(crate) from: Option<[u8; 6]>,
}

impl Exchange {
    /// Opens the packet socket inside the pod and has the event loop watch it for holder `id`.
    pub(crate) fn open(id: u64, link: &PodLink, node: &Node) -> Result<Self, link::Error> {
        let Visit { namespace, .. } = link.open(&node.root)?;
        let filter = DhcpFilter {
            chaddr: link.mac().octets(),
        };
        let packets = namespace.run(|| PacketSocket::open(link.index(), &filter))??;
        if let Err(error) = node.arrivals.watch(&packets, Socket::Dhcp.numbered(id)) {
            node.closer.close(packets);
            return Err(error.into());
        }
        Ok(Self { packets, udp: None })
    }

    /// Closes the sockets, without waiting for it.
    pub(crate) fn close(self, node: &Node) {
        node.discard(self.packets);
    }

    /// Sends to every server on the LAN.
    pub(crate) fn broadcast(&self, message: &[u8]) -> Result<(), link::Error> {
        let (from, to) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
        self.send_frame(BROADCAST, from, to, message)
    }

    /// Sends from a leased address to a server whose station is known.
    pub(crate) fn send_frame(
        &self,
        station: [u8; 6],
        from: Ipv4Addr,
        to: Ipv4Addr,
        message: &[u8],
    ) -> Result<(), link::Error> {
        let from = SocketAddrV4::new(from, CLIENT_PORT);
        let to = SocketAddrV4::new(to, SERVER_PORT);
        // A message too long for a packet is one that the client never makes.
        if let Some(packet) = ip::build(from, to, message) {
            let _lost_or_not = self.packets.send(station, &packet)?;
        }
        Ok(())
    }

    /// Sends from a leased address to a server, as any program of the pod would.
    pub(crate) fn unicast(
        &mut self,
        link: &PodLink,
        node: &Node,
        from: Ipv4Addr,
        to: Ipv4Addr,
        message: &[u8],
    ) -> Result<(), link::Error> {
        let socket = if let Some(socket) = &self.udp {
            socket
        } else {
            let Visit { namespace, .. } = link.open(&node.root)?;
            let ifname = link.ifname().as_str();
            self.udp
                .insert(namespace.run(|| udp::open_client(ifname, from))??)
        };
        let sent = socket.send_to(message, (to, SERVER_PORT));
        sent.map(drop)
            .map_err(|source| link::Error::Unsendable { server: to, source })
    }

    /// Takes the next answer, if one is there. What is no DHCP message for a client is dropped.
    pub(crate) fn receive(&self) -> Result<Option<Answer>, link::Error> {
        let mut buffer = [0; LONGEST_PACKET];
        for _ in 0..MOST_DROPPED {
            let Some(received) = self.packets.recv(&mut buffer)? else {
                return Ok(None);
            };
            let packet = buffer.get(..received.len).unwrap_or_default();
            match ip::parse(packet, received.checksum) {
                Ok(Datagram {
                    destination,
                    payload,
                    ..
                }) if destination.port() == CLIENT_PORT => {
                    let payload = payload.to_vec();
                    return Ok(Some(Answer {
                        payload,
                        from: received.source_mac,
                    }));
                }
                Ok(_) => {}
                Err(error) => tracing::debug!("dropped a packet: {error}"),
            }
        }
        Ok(None)
    }
}

/// Sends on link `index` of the node itself, on behalf of a pod that is gone.
pub(crate) fn send_on(
    index: u32,
    station: [u8; 6],
    from: Ipv4Addr,
    to: Ipv4Addr,
    message: &[u8],
    node: &Node,
) -> Result<(), link::Error> {
    // Nothing is to be received: no station has this address.
    let packets = PacketSocket::open(index, &DhcpFilter { chaddr: BROADCAST })?;
    let exchange = Exchange { packets, udp: None };
    let sent = exchange.send_frame(station, from, to, message);
    node.closer.close(exchange.packets);
    sent
}

/// An Ethernet link's largest packet; a client never asks for more.
const LONGEST_PACKET: usize = 1500;

/// Packets dropped in one go before everything else gets its turn.
const MOST_DROPPED: usize = 32;
