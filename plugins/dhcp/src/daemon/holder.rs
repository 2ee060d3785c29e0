//! One attachment's lease: the client that decides, and what its decisions do.

mod acting;
mod keeping;
mod pod;
mod stage;
mod taking_over;
mod turn;
mod waiting;

use std::rc::Rc;

use cni::{Attachment, Code, Error};
use dhcp_client::{Action, Answer, Client, Config, Event, Instant, ProbeOutcome, State};
use ipnetwork::IpNetwork;
use tracing::span::EnteredSpan;

use super::claims::Identity;
use super::exchange::Exchange;
use super::link::PodLink;
use super::node::Node;
use super::probing::Probing;
use super::{client_config, outcome};
use crate::lease_config::LeaseConfig;
use crate::protocol::AddRequest;

use stage::Stage;
pub(crate) use stage::Then;
pub(crate) use waiting::Adder;
use waiting::Waiting;

/// The holder of one lease, or of the wish for one.
pub(crate) struct Holder {
    id: u64,
    /// Shared with the list of attachments.
    attachment: Rc<Attachment>,
    config: LeaseConfig,
    link: PodLink,
    /// What the server knows the client by.
    identity: Identity,
    client: Client,
    /// Open while an answer may come.
    exchange: Option<Exchange>,
    /// When to close the sockets though no answer has come.
    listen_until: Option<Instant>,
    /// The probe for another user of the address.
    probing: Option<Probing>,
    /// The ADDs that wait for a lease.
    waiting: Option<Waiting>,
    /// The call that brought this holder about, until another ADD has joined it.
    only_adder: Option<u64>,
    stage: Stage,
    /// The station that the last ACK came from: the server, or the relay before it.
    server_station: Option<[u8; 6]>,
    /// Whether the attachment's record is this holder's. A later holder of the same attachment has one
    /// of its own in the same place.
    recorded: bool,
    /// Why the last attempt to reach the network failed on this node.
    fault: Option<String>,
    /// The pod is gone, and nothing more can be done.
    gone: bool,
    pod: Option<String>,
}

impl Holder {
    /// Makes ready to ask for a lease on behalf of `adder`, when it is this holder's turn.
    pub(crate) fn start(
        id: u64,
        request: AddRequest,
        link: PodLink,
        adder: Adder,
        now: Instant,
        node: &Node,
    ) -> Self {
        let within = request.lease.timeout().unwrap_or(node.patience);
        let client_config = client_config::of(&request.lease, link.mac(), node);
        let (mut holder, actions) = Self::new(id, request, link, client_config, now);
        holder.only_adder = Some(adder.call);
        holder.waiting = Some(Waiting::new(adder, now, within));
        let _entered = holder.enter_span();
        tracing::info!(mac = %holder.link.mac(), "asking for a lease");
        holder.perform(actions, now, node);
        holder
    }

    /// A holder that has nothing yet, and what its client says first.
    fn new(
        id: u64,
        request: AddRequest,
        link: PodLink,
        client_config: Config,
        now: Instant,
    ) -> (Self, Vec<Action>) {
        let AddRequest {
            attachment,
            pod,
            lease: config,
            ..
        } = request;
        let identity = Identity::of(&client_config, link.parent());
        let (client, actions) = Client::new(client_config, fastrand::u64(..), now);
        let holder = Self {
            id,
            attachment: Rc::new(attachment),
            config,
            link,
            identity,
            client,
            exchange: None,
            listen_until: None,
            probing: None,
            only_adder: None,
            waiting: None,
            stage: Stage::Asking { asked: None },
            server_station: None,
            recorded: false,
            fault: None,
            gone: false,
            pod,
        };
        (holder, actions)
    }

    pub(crate) fn attachment(&self) -> &Rc<Attachment> {
        &self.attachment
    }

    /// Whether this holder's link is `link`.
    pub(crate) fn is_on(&self, link: &PodLink) -> bool {
        self.link.is(link)
    }

    /// When [`on_time`](Self::on_time) has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let waiting = self.waiting.as_ref().map(Waiting::until);
        let probing = self.probing.as_ref().map(Probing::deadline);
        let deadlines = [
            self.client.deadline(),
            self.listen_until,
            probing,
            self.next_look(),
            waiting,
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Whether the lease is given up, though an answer may still be on its way.
    pub(crate) fn is_leaving(&self) -> bool {
        matches!(self.client.state(), State::Released | State::Stopped)
    }

    /// Whether nothing will happen any more.
    pub(crate) fn is_over(&self) -> bool {
        self.gone || self.client.state() == State::Stopped
    }

    /// Closes what is open.
    pub(crate) fn close(&mut self, node: &Node) {
        if let Some(probing) = self.probing.take() {
            probing.close(node);
        }
        self.stop_listening(node);
    }

    /// Leaves the leases that it has claimed to others.
    pub(crate) fn forget_claims(&self, node: &Node) {
        node.claims.forget(self.identity, self.id);
    }

    fn stop_listening(&mut self, node: &Node) {
        self.listen_until = None;
        if let Some(exchange) = self.exchange.take() {
            exchange.close(node);
        }
    }

    /// Answers another ADD of the same attachment: now if there is a lease, with the first one's
    /// otherwise.
    pub(crate) fn join(&mut self, adder: Adder, now: Instant, node: &Node) {
        self.only_adder = None;
        if let Some(lease) = self.client.lease() {
            adder.answer(self.result(lease));
            return;
        }
        let within = self.config.timeout().unwrap_or(node.patience);
        match &mut self.waiting {
            Some(waiting) => waiting.join(adder),
            None => self.waiting = Some(Waiting::new(adder, now, within)),
        }
    }

    /// Does what was due by now.
    pub(crate) fn on_time(&mut self, now: Instant, node: &Node) {
        let _entered = self.enter_span();
        if self
            .waiting
            .as_ref()
            .is_some_and(|waiting| waiting.until() <= now)
        {
            self.give_up(now, node);
        }
        let probed = self
            .probing
            .as_mut()
            .and_then(|probing| probing.on_time(&self.link, now));
        if let Some(outcome) = probed {
            self.conclude_probe(outcome, now, node);
        }
        if self
            .client
            .deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            self.step(Event::Deadline, now, node);
        }
        if self.next_look().is_some_and(|at| at <= now) {
            self.look_at_pod(now, node);
        }
        if self.listen_until.is_some_and(|until| until <= now) {
            self.stop_listening(node);
        }
    }

    /// Takes the answers that have come.
    pub(crate) fn on_answers(&mut self, now: Instant, node: &Node) {
        let _entered = self.enter_span();
        for _ in 0..MOST_ANSWERS {
            let Some(exchange) = &self.exchange else {
                return;
            };
            match exchange.receive() {
                Ok(Some(answer)) => {
                    let taken_in = self.grants();
                    let event = Event::Received {
                        payload: &answer.payload,
                    };
                    let actions = self.client.step(event, now);
                    if self.grants() != taken_in {
                        self.server_station = answer.from;
                    }
                    self.perform(actions, now, node);
                }
                Ok(None) => return,
                // After DEL the runtime takes the link away.
                Err(_) if self.is_leaving() => return self.close(node),
                Err(error) => return self.fail(&error, now, node),
            }
        }
    }

    /// Takes the ARP messages that have come.
    pub(crate) fn on_arp(&mut self, now: Instant, node: &Node) {
        let _entered = self.enter_span();
        let heard = self
            .probing
            .as_ref()
            .and_then(|probing| probing.hear(&self.link));
        if let Some(outcome) = heard {
            self.conclude_probe(outcome, now, node);
        }
    }

    /// Makes sure that the pod is still there, and lets go of the lease if it is not.
    pub(crate) fn look_for_pod(&mut self, now: Instant, node: &Node) {
        if self.link.looks_alive(&node.root) {
            return;
        }
        let _entered = self.enter_span();
        if let Err(error) = self.link.open(&node.root)
            && error.is_final()
        {
            self.fail(&error, now, node);
        }
    }

    /// Gives the lease back, or stops asking for one.
    pub(crate) fn release(&mut self, now: Instant, node: &Node) {
        let _entered = self.enter_span();
        self.fail_waiting(&outcome::deleted_meanwhile(&self.attachment));
        self.note_release(node);
        self.step(Event::Release, now, node);
        self.forget(node);
    }

    /// Ends an ADD under way with an error.
    pub(crate) fn cancel_add(&mut self, error: &Error, now: Instant, node: &Node) {
        let _entered = self.enter_span();
        if self.waiting.is_some() {
            self.fail_waiting(error);
            self.abandon(now, node);
        }
    }

    /// Whether nobody is left for whom the ADD, begun by call `number` and others, was made.
    pub(crate) fn is_abandoned_by(&mut self, number: u64) -> bool {
        match &mut self.waiting {
            Some(waiting) => waiting.is_forsaken() && !self.stage.is_attached(),
            None => self.only_adder == Some(number),
        }
    }

    /// Compares the lease with what the runtime was told.
    pub(crate) fn check(&self, promised: &[IpNetwork], now: Instant) -> Result<(), Error> {
        let lease = self.client.lease();
        let lease = lease.filter(|lease| lease.expiry().is_none_or(|expiry| now < expiry));
        let lease = lease.ok_or_else(|| outcome::lease_lost(&self.attachment))?;
        if promised.contains(&IpNetwork::V4(lease.network())) {
            Ok(())
        } else {
            Err(outcome::other_address(
                &self.attachment,
                lease.address,
                promised,
            ))
        }
    }

    /// The time of the ADDs is over.
    fn give_up(&mut self, now: Instant, node: &Node) {
        if self.stage.taking_over().is_some() {
            return self.leave_to_the_server(node);
        }
        let Some(waiting) = &self.waiting else {
            return;
        };
        let waited = waiting.until().duration_since(waiting.since());
        let error = match &self.fault {
            Some(fault) => {
                let ifname = self.attachment.ifname.as_str();
                Error::new(
                    Code::TryAgainLater,
                    format!("cannot reach the LAN on {ifname:?}: {fault}"),
                )
            }
            None if self.client.sent().is_empty() => {
                outcome::others_first(&self.attachment, waited)
            }
            None => outcome::no_lease_in_time(&self.attachment, &self.client, waited),
        };
        tracing::warn!("{error}");
        self.fail_waiting(&error);
        self.abandon(now, node);
    }

    /// Stops asking for a lease that no ADD waits for, unless the pod has had one before.
    fn abandon(&mut self, now: Instant, node: &Node) {
        if self.stage.taking_over().is_some() {
            self.gone = true;
            self.close(node);
        } else if !self.stage.is_attached() {
            self.step(Event::Release, now, node);
            self.forget(node);
        }
    }

    fn conclude_probe(&mut self, outcome: ProbeOutcome, now: Instant, node: &Node) {
        let Some(probing) = self.probing.take() else {
            return;
        };
        let address = probing.address();
        probing.close(node);
        self.step(Event::ProbeResult { address, outcome }, now, node);
    }

    /// Has the log say whose lease it is about. Made anew each time: a span that is kept costs memory.
    fn enter_span(&self) -> EnteredSpan {
        let (network, ifname) = (
            self.attachment.network.as_str(),
            self.attachment.ifname.as_str(),
        );
        let container = self.attachment.container_id.as_str();
        let pod = self.pod.as_deref();
        // A pod's name says more than the id of its sandbox.
        let container = pod.is_none().then_some(container);
        tracing::info_span!("lease", pod, container, network, ifname).entered()
    }

    /// How many offers and ACKs the client has taken in.
    fn grants(&self) -> u32 {
        let received = self.client.received();
        [Answer::Offer, Answer::Ack]
            .iter()
            .filter_map(|answer| received.get(answer))
            .sum()
    }

    fn step(&mut self, event: Event<'_>, now: Instant, node: &Node) {
        let actions = self.client.step(event, now);
        self.perform(actions, now, node);
    }
}

/// Packets taken in one go before everything else gets its turn.
const MOST_ANSWERS: usize = 32;
