//! A probe under way for another user of an address (RFC 5227 §2.1.1).

use std::net::Ipv4Addr;
use std::time::Duration;

use dhcp_client::{Instant, Probe, ProbeOutcome};
use netns::arp::ArpSocket;

use super::link::{self, PodLink, Visit};
use super::node::{Node, Socket};

/// One probe, and what is left of it.
pub(crate) struct Probing {
    address: Ipv4Addr,
    /// When to ask, the next one last.
    ask_at: Vec<Instant>,
    conclude_at: Instant,
    /// How long to listen after the last question.
    listen: Duration,
    /// None where it could not be opened: the probe then finds nobody, since a pod without an address
    /// is worse off than one whose address was not probed for.
    socket: Option<ArpSocket>,
}

impl Probing {
    /// Opens the socket inside the pod and has the event loop watch it for holder `id`.
    pub(crate) fn start(id: u64, probe: &Probe, link: &PodLink, now: Instant, node: &Node) -> Self {
        let socket = open(id, link, node)
            .inspect_err(|error| tracing::warn!("cannot probe for {}: {error}", probe.address))
            .ok();
        let conclude_at = if socket.is_some() {
            now + probe.conclude_after
        } else {
            now
        };
        let last_ask = probe.send_at.iter().max().copied().unwrap_or_default();
        let mut ask_at: Vec<_> = probe.send_at.iter().map(|after| now + *after).collect();
        ask_at.sort_by(|a, b| b.cmp(a));
        Self {
            address: probe.address,
            ask_at,
            conclude_at,
            listen: probe.conclude_after.saturating_sub(last_ask),
            socket,
        }
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// When [`on_time`](Self::on_time) has something to do.
    pub(crate) fn deadline(&self) -> Instant {
        self.ask_at
            .last()
            .map_or(self.conclude_at, |ask| self.conclude_at.min(*ask))
    }

    /// Asks if it is time to, and says what has been heard once the probe is over.
    ///
    /// A busy node may come to this late. Nobody is taken for absent who was not asked in good time or whose answer
    /// has not been read.
    pub(crate) fn on_time(&mut self, link: &PodLink, now: Instant) -> Option<ProbeOutcome> {
        while self.ask_at.pop_if(|ask| *ask <= now).is_some() {
            let Some(socket) = &self.socket else { continue };
            match socket.probe(link.mac().octets(), self.address) {
                Ok(_) => self.conclude_at = self.conclude_at.max(now + self.listen),
                Err(error) => tracing::warn!("cannot probe for {}: {error}", self.address),
            }
        }
        (self.conclude_at <= now).then(|| self.hear(link).unwrap_or(ProbeOutcome::Clear))
    }

    /// Looks through what was heard for another user of the address.
    pub(crate) fn hear(&self, link: &PodLink) -> Option<ProbeOutcome> {
        let socket = self.socket.as_ref()?;
        for _ in 0..MOST_HEARD {
            match socket.recv() {
                Ok(Some(arp)) if arp.conflicts_with(self.address, link.mac().octets()) => {
                    return Some(ProbeOutcome::Conflict {
                        with: arp.sender_mac,
                    });
                }
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(error) => {
                    tracing::debug!("{error}");
                    return None;
                }
            }
        }
        None
    }

    /// Closes the socket, without waiting for it.
    pub(crate) fn close(self, node: &Node) {
        if let Some(socket) = self.socket {
            node.discard(socket);
        }
    }
}

fn open(id: u64, link: &PodLink, node: &Node) -> Result<ArpSocket, link::Error> {
    let Visit { namespace, .. } = link.open(&node.root)?;
    let socket = namespace.run(|| ArpSocket::open(link.index()))??;
    match node.arrivals.watch(&socket, Socket::Arp.numbered(id)) {
        Ok(()) => Ok(socket),
        Err(error) => {
            node.closer.close(socket);
            Err(error.into())
        }
    }
}

/// Messages looked at in one go before everything else gets its turn.
const MOST_HEARD: usize = 64;
