//! What a client's decisions do: packets, answers to ADD, changes to the pod.

use std::mem;

use cni::{Code, Error, SpecVersion};
use dhcp_client::{Action, Destination, Event, Instant, Lease, Probe, Transmit, Unbound};

use super::Holder;
use super::pod::without_options;
use super::stage::{Stage, Then};
use crate::daemon::exchange::{self, Exchange};
use crate::daemon::node::Node;
use crate::daemon::probing::Probing;
use crate::daemon::{asked, link, log, outcome, record_store, result};
use crate::duration;
use crate::protocol::Reply;

impl Holder {
    /// Does what the client says, in its order.
    pub(super) fn perform(&mut self, actions: Vec<Action>, now: Instant, node: &Node) {
        if self.is_denied() {
            return self.leave_to_the_server(node);
        }
        for action in actions {
            match action {
                Action::Send(transmit) => self.send(&transmit, now, node),
                Action::Probe(probe) => self.probe(&probe, now, node),
                Action::Bind(lease) => self.bind(&lease, now, node),
                Action::Renewed(lease) => self.renewed(&lease, now, node),
                Action::Update { old, new } => self.update(&old, &new, now, node),
                Action::Unbind { lease, reason } => self.unbind(&lease, reason, now, node),
            }
        }
        if !self.client.listens() {
            self.stop_listening(node);
        }
        if self.is_over() {
            self.close(node);
        }
    }

    /// Notes that the network is out of reach, and whether that is for good.
    pub(super) fn fail(&mut self, error: &link::Error, now: Instant, node: &Node) {
        self.close(node);
        let text = log::with_causes(error);
        if !error.is_final() {
            tracing::warn!("{text}");
            self.fault = Some(text);
            return;
        }
        if self.gone {
            return;
        }
        tracing::info!("the pod is gone: {text}");
        self.gone = true;
        self.fail_waiting(&outcome::of_link(error));
        self.step(Event::Release, now, node);
        self.forget(node);
    }

    /// The answer to an ADD.
    pub(super) fn result(&self, lease: &Lease) -> Reply {
        match result::of_lease(lease, &self.config).to_json(SpecVersion::LATEST) {
            Ok(result) => Reply::Done {
                result: Some(result),
            },
            Err(error) => Reply::failed(&error),
        }
    }

    fn send(&mut self, transmit: &Transmit, now: Instant, node: &Node) {
        if self.gives_back_anothers(&transmit.message, node) {
            return tracing::info!("not released: the lease has been asked for again since");
        }
        if self.gone {
            return self.send_from_node(transmit, node);
        }
        self.note_request(&transmit.message, now, node);
        let sent = match self.try_send(transmit, node) {
            Err(error) if error.is_address_missing() && self.put_back(now, node) => {
                self.try_send(transmit, node)
            }
            sent => sent,
        };
        match sent.or_else(|error| self.send_frame(transmit, error)) {
            Ok(()) => {
                self.fault = None;
                self.listen_until = Some(now + node.answer_timeout);
            }
            Err(error) => {
                if error.is_final() && self.is_leaving() {
                    self.send_from_node(transmit, node);
                }
                self.fail(&error, now, node);
            }
        }
    }

    fn gives_back_anothers(&self, message: &[u8], node: &Node) -> bool {
        asked::released(message)
            .is_some_and(|(address, _)| node.claims.are_anothers(self.identity, address, self.id))
    }

    fn try_send(&mut self, transmit: &Transmit, node: &Node) -> Result<(), link::Error> {
        // The link may go right after a RELEASE: no time for the kernel to ask who has the server's
        // address, and nobody to send it again. A renewal goes by the pod's routes first, since the
        // server may have moved, and then past them, since they may lead elsewhere.
        let past_routes = self.is_leaving() || transmit.attempt.is_multiple_of(2);
        let station = self.server_station.filter(|_| past_routes);
        let exchange = match &mut self.exchange {
            Some(exchange) => exchange,
            closed @ None => closed.insert(Exchange::open(self.id, &self.link, node)?),
        };
        let Transmit { message, to, .. } = transmit;
        let Destination::Unicast { server, from } = *to else {
            return exchange.broadcast(message);
        };
        match station {
            Some(station) => exchange.send_frame(station, from, server, message),
            None => exchange.unicast(&self.link, node, from, server, message),
        }
    }

    /// Sends what the pod itself may not: its firewall forbids it, or a virtual machine behind the link
    /// has the address.
    fn send_frame(&self, transmit: &Transmit, error: link::Error) -> Result<(), link::Error> {
        let Destination::Unicast { server, from } = transmit.to else {
            return Err(error);
        };
        match (&self.exchange, self.server_station) {
            (Some(exchange), Some(station)) if !error.is_final() => {
                tracing::debug!("{}; sending past it", log::with_causes(&error));
                exchange.send_frame(station, from, server, &transmit.message)
            }
            (Some(_) | None, _) => Err(error),
        }
    }

    /// Sends the last words of a pod that is gone through the parent of its link.
    fn send_from_node(&self, transmit: &Transmit, node: &Node) {
        let Some((from, server)) = asked::released(&transmit.message) else {
            return;
        };
        let Some((parent, station)) = self.link.parent().zip(self.server_station) else {
            return tracing::warn!("no way left to release {from} at {server}");
        };
        match exchange::send_on(parent, station, from, server, &transmit.message, node) {
            Ok(()) => tracing::info!("released {from} at {server} from the node"),
            Err(error) => {
                tracing::warn!("cannot release {from} at {server} from the node: {error}");
            }
        }
    }

    fn probe(&mut self, probe: &Probe, now: Instant, node: &Node) {
        if let Some(former) = self.probing.take() {
            former.close(node);
        }
        let mut probing = Probing::start(self.id, probe, &self.link, now, node);
        // What is due at once is asked at once. Its outcome is looked at with the next deadline.
        let _ = probing.on_time(&self.link, now);
        self.probing = Some(probing);
    }

    fn bind(&mut self, lease: &Lease, now: Instant, node: &Node) {
        node.claims.make(self.identity, lease.address, self.id);
        if let Some((_, Then::Release)) = self.stage.taking_over() {
            return self.release_for_another(now, node);
        }
        if self.stage.is_attached() {
            self.change_pod(Some(lease), now, node);
            self.save_or_log(node);
        } else if let Err(error) = self.attach(lease, now, node) {
            let msg = format!(
                "the lease of {} cannot be kept: {}",
                lease.network(),
                log::with_causes(&error)
            );
            let error = Error::new(Code::Io, msg)
                .with_details("make room in the daemon's state directory, or make it writable");
            tracing::error!("{error}");
            self.cancel_add(&error, now, node);
            return;
        }
        let server = lease.server_id;
        tracing::info!(%server, lasts = %lasting(lease, now), "bound {}", lease.network());
        if let Some(waiting) = self.waiting.take() {
            waiting.answer(|| self.result(lease));
        }
    }

    /// Notes that the pod is about to get its first lease.
    fn attach(
        &mut self,
        lease: &Lease,
        now: Instant,
        node: &Node,
    ) -> Result<(), record_store::Error> {
        let asking = mem::replace(&mut self.stage, Stage::attached(without_options(lease)));
        if let Err(error) = self.save(node) {
            self.stage = asking;
            return Err(error);
        }
        if asking.taking_over().is_none() {
            self.limit_mtu(lease, now, node);
        }
        self.look_for_address(now);
        Ok(())
    }

    fn renewed(&mut self, lease: &Lease, now: Instant, node: &Node) {
        self.refresh_pod(lease, now, node);
        self.save_or_log(node);
        let server = lease.server_id;
        tracing::info!(%server, lasts = %lasting(lease, now), "renewed {}", lease.network());
    }

    fn update(&mut self, old: &Lease, new: &Lease, now: Instant, node: &Node) {
        node.claims.make(self.identity, new.address, self.id);
        self.change_pod(Some(new), now, node);
        self.save_or_log(node);
        let server = new.server_id;
        let lasts = lasting(new, now);
        tracing::info!(%server, %lasts, "the lease of {} is now {}", old.network(), new.network());
    }

    fn unbind(&mut self, lease: &Lease, reason: Unbound, now: Instant, node: &Node) {
        match reason {
            // Whoever asked for it takes the link, and the address with it.
            Unbound::Released => {
                self.forget(node);
                tracing::info!("released {}", lease.network());
            }
            Unbound::Expired | Unbound::Nak | Unbound::Declined => {
                self.change_pod(None, now, node);
                self.save_or_log(node);
                tracing::warn!("lost {}: {reason}", lease.network());
            }
        }
    }
}

/// How long a lease lasts from now on, for people.
fn lasting(lease: &Lease, now: Instant) -> String {
    match lease.expiry() {
        Some(expiry) => duration::readable(expiry.duration_since(now)),
        None => "for ever".to_owned(),
    }
}
