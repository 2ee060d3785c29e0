//! The pod's link: what the runtime put there at ADD, kept in line with the lease from then on.

use std::time::Duration;

use dhcp_client::{Instant, Lease};

use super::Holder;
use crate::daemon::apply::{self, Found};
use crate::daemon::node::Node;
use crate::daemon::result;
use crate::lease_config::OnAddressChange;

impl Holder {
    /// Has the address looked for soon: the runtime sets it after ADD has been answered.
    pub(super) fn look_for_address(&mut self, now: Instant) {
        if self.config.on_address_change == OnAddressChange::Apply {
            self.look = Some((now + FIRST_LOOK, FIRST_LOOK));
        }
    }

    /// Looks whether the leased address has arrived on the pod's link.
    pub(super) fn look_at_pod(&mut self, now: Instant, node: &Node) {
        let Some((_, waited)) = self.look.take() else {
            return;
        };
        let Some(lease) = self.client.lease().cloned() else {
            return;
        };
        self.refresh_pod(&lease, now, node);
        if self.seen {
            self.save_or_log(node);
        } else if waited < LAST_LOOK {
            self.look = Some((now + waited * 2, waited * 2));
        } else {
            tracing::info!(
                "{} is not on the pod's link; leaving the link alone",
                lease.network()
            );
        }
    }

    /// Gives the address on the pod's link the time that the lease has, and puts back what was there
    /// and is not any more.
    pub(super) fn refresh_pod(&mut self, lease: &Lease, now: Instant, node: &Node) {
        if self.config.on_address_change == OnAddressChange::Keep {
            return;
        }
        let lifetime = lifetime(lease, now);
        match apply::refresh(&self.link, lease.network(), lifetime, node) {
            Ok(Found::Present) => self.seen = true,
            Ok(Found::Absent) if self.seen => {
                tracing::warn!(
                    "{} was taken off the pod's link; putting it back",
                    lease.network()
                );
                self.in_pod = None;
                self.change_pod(Some(lease), now, node);
            }
            Ok(Found::Absent) => {}
            Err(error) => self.fail(&error, now, node),
        }
    }

    /// Puts the lease's address back on the pod's link, if it was there once. Returns whether it is
    /// there now.
    pub(super) fn put_back(&mut self, now: Instant, node: &Node) -> bool {
        let lost = self.client.lease().filter(|_| self.seen).cloned();
        if let Some(lease) = lost {
            self.refresh_pod(&lease, now, node);
            return !self.gone && self.in_pod.is_some();
        }
        false
    }

    /// Makes the pod's link have what `new` says instead of what it had.
    pub(super) fn change_pod(&mut self, new: Option<&Lease>, now: Instant, node: &Node) {
        if self.config.on_address_change == OnAddressChange::Keep {
            tracing::warn!("the pod's link stays as it is: onAddressChange is \"keep\"");
            return;
        }
        let change = apply::Change {
            old: self
                .in_pod
                .as_ref()
                .map(|lease| result::of_lease(lease, &self.config)),
            new: new.map(|lease| result::of_lease(lease, &self.config)),
            lifetime: new.and_then(|lease| lifetime(lease, now)),
            is_ours: self.seen,
        };
        match apply::change(&self.link, &change, node) {
            Ok(Found::Present) => {
                self.seen = true;
                self.in_pod = new.cloned();
            }
            Ok(Found::Absent) => {
                tracing::info!(
                    "the pod's link does not have the lease's address; leaving it alone"
                );
            }
            Err(error) => self.fail(&error, now, node),
        }
    }
}

/// How long the kernel may leave the address in place; none for ever.
fn lifetime(lease: &Lease, now: Instant) -> Option<Duration> {
    lease.expiry().map(|expiry| expiry.duration_since(now))
}

const FIRST_LOOK: Duration = Duration::from_secs(1);

/// After this pause the address is not looked for again: somebody else uses the lease, such as a
/// virtual machine behind the link.
const LAST_LOOK: Duration = Duration::from_secs(64);
