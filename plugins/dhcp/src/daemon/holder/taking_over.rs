//! A lease that another daemon asked for: INIT-REBOOT with the address that the pod has.
//!
//! The reference's daemon writes nothing down, so that its leases end with it. Its client identifiers
//! are known, though, and what the pod was given is in `prevResult`. Only the ACK of a server for that
//! very address makes the lease one of this daemon's. Whatever else happens is told and changes
//! nothing: there is no DISCOVER, DECLINE or RELEASE, and the pod's link stays as it is.

use std::time::Duration;

use cni::Error;
use dhcp_client::{Event, Instant, Start, State};
use ipnetwork::Ipv4Network;

use super::Holder;
use super::stage::{Stage, Then};
use super::waiting::{Adder, Waiting};
use crate::daemon::link::PodLink;
use crate::daemon::node::Node;
use crate::daemon::{client_config, outcome};
use crate::protocol::{AddRequest, Reply};

impl Holder {
    /// Asks the servers whether the pod may keep `address`, on behalf of `adder`.
    pub(crate) fn take_over(
        id: u64,
        request: AddRequest,
        (link, address): (PodLink, Ipv4Network),
        then: Then,
        adder: Adder,
        now: Instant,
        node: &Node,
    ) -> Self {
        let mut client_config = client_config::of(&request.lease, link.mac(), node);
        client_config.start = Start::Address(address.ip());
        // A caller waits for one answer to one question.
        client_config.waits = false;
        let (mut holder, actions) = Self::new(id, request, link, client_config, now);
        holder.stage = Stage::TakingOver { address, then };
        holder.waiting = Some(Waiting::new(adder, now, WITHIN));
        let _entered = holder.enter_span();
        tracing::info!("taking over {address}, which another daemon leased");
        holder.perform(actions, now, node);
        holder
    }

    /// Whether a server is being asked about another daemon's lease.
    pub(crate) fn is_taking_over(&self) -> bool {
        self.stage.taking_over().is_some()
    }

    /// Whether the address cannot be taken over: no server answers, one refuses it, somebody else has it,
    /// or another one is granted.
    pub(super) fn is_denied(&self) -> bool {
        let Some((address, _)) = self.stage.taking_over() else {
            return false;
        };
        match self.client.state() {
            State::Rebooting | State::Probing | State::Released | State::Stopped => false,
            State::Bound => {
                let granted = self.client.lease().map(|lease| lease.address);
                granted != Some(address.ip())
            }
            State::Init
            | State::InitReboot
            | State::Selecting
            | State::Requesting
            | State::Renewing
            | State::Rebinding => true,
        }
    }

    /// Leaves the pod and its server alone, and says why.
    pub(super) fn leave_to_the_server(&mut self, node: &Node) {
        let Some((address, _)) = self.stage.taking_over() else {
            return;
        };
        let fault = self.fault.as_deref();
        let error = outcome::not_taken_over(&self.attachment, address, &self.client, fault);
        tracing::warn!("{error}");
        self.fail_waiting(&error);
        self.gone = true;
        self.close(node);
    }

    /// Gives a lease back that was taken over for that alone.
    pub(super) fn release_for_another(&mut self, now: Instant, node: &Node) {
        let waiting = self.waiting.take();
        self.step(Event::Release, now, node);
        if let Some(waiting) = waiting {
            waiting.answer(|| Reply::Done { result: None });
        }
    }

    /// Tells those who wait of a failure. DEL does not fail over a lease that was never this daemon's.
    pub(super) fn fail_waiting(&mut self, error: &Error) {
        let Some(waiting) = self.waiting.take() else {
            return;
        };
        match self.stage.taking_over() {
            Some((_, Then::Release)) => waiting.answer(|| Reply::Done { result: None }),
            Some((_, Then::Keep)) | None => waiting.fail(error),
        }
    }
}

/// Enough for the client's two attempts, three seconds, and for the longest probe. The plugin waits for ten.
const WITHIN: Duration = Duration::from_secs(9);
