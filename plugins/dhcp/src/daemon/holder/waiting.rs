//! The ADDs that wait for a lease.

use std::time::Duration;

use cni::Error;
use dhcp_client::Instant;
use tokio::sync::oneshot;

use crate::protocol::Reply;

/// Somebody who wants the result of an ADD.
#[derive(Debug)]
pub(crate) struct Adder {
    /// The number of the call.
    pub(crate) call: u64,
    pub(crate) reply: oneshot::Sender<Reply>,
}

impl Adder {
    pub(crate) fn answer(self, reply: Reply) {
        // One that is gone by now is noticed by its connection.
        let _ = self.reply.send(reply);
    }
}

/// Those who wait, at least one, and how long they will.
#[derive(Debug)]
pub(super) struct Waiting {
    since: Instant,
    until: Instant,
    adders: Vec<Adder>,
}

impl Waiting {
    pub(super) fn new(adder: Adder, now: Instant, within: Duration) -> Self {
        Self {
            since: now,
            until: now + within,
            adders: vec![adder],
        }
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    pub(super) fn until(&self) -> Instant {
        self.until
    }

    pub(super) fn join(&mut self, adder: Adder) {
        self.adders.push(adder);
    }

    /// Whether all of them have gone.
    pub(super) fn is_forsaken(&mut self) -> bool {
        self.adders.retain(|adder| !adder.reply.is_closed());
        self.adders.is_empty()
    }

    pub(super) fn answer(self, reply: impl Fn() -> Reply) {
        for adder in self.adders {
            adder.answer(reply());
        }
    }

    pub(super) fn fail(self, error: &Error) {
        self.answer(|| Reply::failed(error));
    }
}
