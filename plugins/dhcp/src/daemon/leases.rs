//! All leases of the node: which attachment has which, and whose turn is when.
//!
//! Everything here runs to its end before the next thing starts, so that the verbs of one attachment
//! follow one another without a lock.

mod rounds;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use cni::{Attachment, ContainerId, IfName, NetworkName};
use dhcp_client::Instant;
use ipnetwork::{IpNetwork, Ipv4Network};

use super::connection::{Call, Message};
use super::holder::{Adder, Holder, Then};
use super::link::PodLink;
use super::node::{Node, Socket};
use super::outcome;
use super::pace::Pace;
use super::record::Record;
use super::record_store::Records;
use crate::protocol::{AddRequest, Foreign, Reply, Request};
use rounds::Rounds;

/// The leases, by a number that is never used again.
pub(crate) struct Leases {
    node: Node,
    /// Boxed, since a map's nodes are half empty.
    holders: BTreeMap<u64, Box<Holder>>,
    /// The holder of each attachment. A released one is not here, though an answer may be on its way.
    attached: BTreeMap<Rc<Attachment>, u64>,
    deadlines: BTreeSet<(Instant, u64)>,
    /// The pace on each LAN, by the node's link to it; one for all whose link to it is not known.
    paces: BTreeMap<Option<u32>, Pace>,
    rounds: Rounds,
    next_id: u64,
}

impl Leases {
    pub(crate) fn new(node: Node) -> Self {
        Self {
            node,
            holders: BTreeMap::new(),
            attached: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            paces: BTreeMap::new(),
            rounds: Rounds::default(),
            next_id: 0,
        }
    }

    /// Goes on with the leases of an earlier daemon. Those that were deleted meanwhile are released, and
    /// so are those whose ADD ended with that daemon.
    pub(crate) fn adopt(&mut self, records: Records, now: Instant) {
        let Records { live, deleted } = records;
        let (live, unfinished): (Vec<_>, Vec<_>) =
            live.into_iter().partition(|record| record.asked.is_none());
        for record in live {
            let id = self.adopt_one(record, now);
            let Some(holder) = self.holders.get(&id) else {
                continue;
            };
            self.attached.insert(Rc::clone(holder.attachment()), id);
            if holder.is_to_ask() {
                self.await_turn(id, now);
            }
        }
        // Those that live on claim their leases first, so that none of them is released.
        for record in deleted.into_iter().chain(unfinished) {
            let id = self.adopt_one(record, now);
            self.with(id, now, |holder, node| holder.release(now, node));
        }
    }

    fn adopt_one(&mut self, record: Record, now: Instant) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let holder = Holder::adopt(id, record, now, &self.node);
        self.holders.insert(id, Box::new(holder));
        self.with(id, now, |_, _| {});
        id
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// The number of attachments with a lease, or on the way to one.
    pub(crate) fn len(&self) -> usize {
        self.attached.len()
    }

    /// When [`on_time`](Self::on_time) has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let first = self.deadlines.first().map(|(deadline, _)| *deadline);
        let round = (!self.holders.is_empty()).then_some(self.rounds.deadline());
        [first, round, self.next_turn()].into_iter().flatten().min()
    }

    /// Does what was due by now.
    pub(crate) fn on_time(&mut self, now: Instant) {
        let due: Vec<u64> = self
            .deadlines
            .range(..=(now, u64::MAX))
            .map(|(_, id)| *id)
            .collect();
        for id in due {
            self.with(id, now, |holder, node| holder.on_time(now, node));
        }
        self.give_turns(now);
        self.make_round(now);
    }

    /// Takes the packets that have come for socket `number`.
    pub(crate) fn on_packets(&mut self, number: u64, now: Instant) {
        let (socket, id) = Socket::of_number(number);
        self.with(id, now, |holder, node| match socket {
            Socket::Dhcp => holder.on_answers(now, node),
            Socket::Arp => holder.on_arp(now, node),
        });
    }

    /// Takes what a caller asks, and answers.
    pub(crate) fn on_message(&mut self, message: Message, now: Instant) {
        let Call {
            number,
            request,
            namespace,
            reply,
        } = match message {
            Message::Call(call) => call,
            Message::CallerGone { attachment, number } => {
                return self.caller_gone(&attachment, number, now);
            }
        };
        let outcome = match request {
            Request::Add(add) => {
                return self.add(
                    *add,
                    namespace,
                    Adder {
                        call: number,
                        reply,
                    },
                    now,
                );
            }
            Request::Del {
                attachment,
                foreign,
            } => {
                let theirs = foreign.filter(|_| !self.attached.contains_key(&attachment));
                let theirs = theirs.and_then(|foreign| self.find_foreign(*foreign, namespace));
                if let Some(theirs) = theirs {
                    let adder = Adder {
                        call: number,
                        reply,
                    };
                    return self.take_over(theirs, Then::Release, adder, now);
                }
                self.release(&attachment, now);
                Ok(())
            }
            Request::Check {
                attachment,
                addresses,
                foreign,
            } => {
                let adder = Adder {
                    call: number,
                    reply,
                };
                let foreign = foreign.map(|foreign| (foreign, namespace));
                return self.check(&attachment, &addresses, foreign, adder, now);
            }
            Request::Gc { network, valid } => {
                self.collect(&network, &valid, now);
                Ok(())
            }
            Request::Status => Ok(()),
        };
        let outcome = match outcome {
            Ok(()) => Reply::Done { result: None },
            Err(error) => Reply::failed(&error),
        };
        // A caller that is gone needs no answer.
        let _ = reply.send(outcome);
    }

    /// Ends every ADD under way. Bound leases are left alone.
    pub(crate) fn stop(&mut self, now: Instant) {
        for id in self.holders.keys().copied().collect::<Vec<_>>() {
            self.with(id, now, |holder, node| {
                holder.cancel_add(&outcome::stopping(), now, node);
            });
        }
    }

    fn add(&mut self, request: AddRequest, namespace: Option<OwnedFd>, adder: Adder, now: Instant) {
        let found = PodLink::find(&request, namespace, &self.node.root);
        let link = match found {
            Ok(link) => link,
            Err(error) => {
                adder.answer(Reply::failed(&outcome::of_link(&error)));
                return;
            }
        };
        if let Some(id) = self.attached.get(&request.attachment).copied() {
            let same = self
                .holders
                .get(&id)
                .is_some_and(|holder| holder.is_on(&link));
            if same {
                self.with(id, now, |holder, node| holder.join(adder, now, node));
                return;
            }
            tracing::warn!(attachment = %request.attachment, "its link was made anew; releasing the old lease");
            self.release(&request.attachment, now);
        }
        let id = self.next_id;
        self.next_id += 1;
        let holder = Holder::start(id, request, link, adder, now, &self.node);
        self.attached.insert(Rc::clone(holder.attachment()), id);
        self.holders.insert(id, Box::new(holder));
        self.with(id, now, |_, _| {});
        self.await_turn(id, now);
    }

    fn release(&mut self, attachment: &Attachment, now: Instant) {
        if let Some(id) = self.attached.remove(attachment) {
            self.with(id, now, |holder, node| holder.release(now, node));
        }
    }

    fn check(
        &mut self,
        attachment: &Attachment,
        promised: &[IpNetwork],
        foreign: Option<(Box<Foreign>, Option<OwnedFd>)>,
        adder: Adder,
        now: Instant,
    ) {
        let known = self.attached.get(attachment).copied();
        let checked = match known.and_then(|id| Some((id, self.holders.get(&id)?))) {
            Some((id, holder)) if holder.is_taking_over() => {
                return self.with(id, now, |holder, node| holder.join(adder, now, node));
            }
            Some((_, holder)) => holder.check(promised, now),
            None => {
                let theirs =
                    foreign.and_then(|(foreign, namespace)| self.find_foreign(*foreign, namespace));
                if let Some(theirs) = theirs {
                    return self.take_over(theirs, Then::Keep, adder, now);
                }
                Err(outcome::no_lease(attachment))
            }
        };
        adder.answer(match checked {
            Ok(()) => Reply::Done { result: None },
            Err(error) => Reply::failed(&error),
        });
    }

    /// Looks for a pod that has an address which another daemon must have leased.
    fn find_foreign(&self, foreign: Foreign, namespace: Option<OwnedFd>) -> Option<Theirs> {
        let Foreign { add, addresses } = foreign;
        let found = PodLink::find_with_address(&add, namespace, &addresses, &self.node.root);
        let (link, address) = found.ok()??;
        Some((add, link, address))
    }

    fn take_over(&mut self, theirs: Theirs, then: Then, adder: Adder, now: Instant) {
        let (request, link, address) = theirs;
        let id = self.next_id;
        self.next_id += 1;
        let on = (link, address);
        let holder = Holder::take_over(id, request, on, then, adder, now, &self.node);
        // One that is to be released is nobody's attachment any more.
        if then == Then::Keep {
            self.attached.insert(Rc::clone(holder.attachment()), id);
        }
        self.holders.insert(id, Box::new(holder));
        self.with(id, now, |_, _| {});
    }

    fn collect(&mut self, network: &NetworkName, valid: &[(ContainerId, IfName)], now: Instant) {
        let dead = self.attached.keys().filter(|attachment| {
            attachment.network == *network
                && !valid.iter().any(|(container_id, ifname)| {
                    *container_id == attachment.container_id && *ifname == attachment.ifname
                })
        });
        for attachment in dead.cloned().collect::<Vec<_>>() {
            tracing::info!(%attachment, "no longer valid; releasing its lease");
            self.release(&attachment, now);
        }
    }

    fn caller_gone(&mut self, attachment: &Attachment, number: u64, now: Instant) {
        let abandoned = self.attached.get(attachment).copied().filter(|id| {
            self.holders
                .get_mut(id)
                .is_some_and(|holder| holder.is_abandoned_by(number))
        });
        if abandoned.is_some() {
            tracing::info!(%attachment, "the caller of ADD is gone; undoing it");
            self.release(attachment, now);
        }
    }

    /// Lets a holder act, then notes its next turn or forgets it.
    fn with(&mut self, id: u64, now: Instant, act: impl FnOnce(&mut Holder, &Node)) {
        let Some(holder) = self.holders.get_mut(&id) else {
            return;
        };
        let (before, traffic_before) = (holder.deadline(), holder.traffic());
        act(holder, &self.node);
        let (after, over) = (holder.deadline(), holder.is_over());
        let (lan, traffic) = (holder.uplink(), holder.traffic().since(traffic_before));
        if let Some(before) = before {
            self.deadlines.remove(&(before, id));
        }
        if (over || holder.is_leaving()) && self.attached.get(holder.attachment()) == Some(&id) {
            self.attached.remove(holder.attachment());
        }
        if over {
            holder.forget_claims(&self.node);
            holder.close(&self.node);
            self.holders.remove(&id);
            if let Some(pace) = self.paces.get_mut(&lan) {
                pace.leave(id);
            }
        } else {
            self.deadlines.extend(after.map(|after| (after, id)));
        }
        self.note(lan, traffic, now);
    }
}

/// An attachment with an address that another daemon leased, and its link.
type Theirs = (AddRequest, PodLink, Ipv4Network);
