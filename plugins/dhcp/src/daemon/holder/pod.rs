//! The pod's link: what the runtime put there at ADD, kept in line with the lease from then on.

use std::time::Duration;

use dhcp_client::{Instant, Lease, RawOptions};
use ipnetwork::Ipv4Network;

use super::Holder;
use crate::daemon::apply::{self, Found};
use crate::daemon::node::Node;
use crate::daemon::{mtu, result};
use crate::lease_config::OnAddressChange;

impl Holder {
    /// Has the address looked for soon: the runtime sets it after ADD has been answered.
    pub(super) fn look_for_address(&mut self, now: Instant) {
        if self.config.on_address_change == OnAddressChange::Apply
            && let Some(pod) = self.stage.pod_mut()
        {
            pod.look = Some((now + FIRST_LOOK, FIRST_LOOK));
        }
    }

    /// Gives the link the MTU that its first lease says, before the runtime hears of the lease.
    pub(super) fn limit_mtu(&mut self, lease: &Lease, now: Instant, node: &Node) {
        let mtu = mtu::of_link(lease, &self.config, self.link.mtu());
        let Some(mtu) = mtu.filter(|mtu| Some(*mtu) != self.link.mtu()) else {
            return;
        };
        if let Err(error) = apply::set_mtu(&self.link, mtu, node) {
            self.fail(&error, now, node);
        }
    }

    /// When to look for the address.
    pub(super) fn next_look(&self) -> Option<Instant> {
        Some(self.stage.pod()?.look?.0)
    }

    /// Looks whether the leased address has arrived on the pod's link.
    pub(super) fn look_at_pod(&mut self, now: Instant, node: &Node) {
        let Some((_, waited)) = self.stage.pod_mut().and_then(|pod| pod.look.take()) else {
            return;
        };
        let Some(lease) = self.client.lease().cloned() else {
            return;
        };
        self.refresh_pod(&lease, now, node);
        let Some(pod) = self.stage.pod_mut() else {
            return;
        };
        if pod.seen {
            self.save_or_log(node);
        } else if waited < LAST_LOOK {
            pod.look = Some((now + waited * 2, waited * 2));
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
        let Some(pod) = self.stage.pod_mut() else {
            return;
        };
        match apply::refresh(&self.link, lease.network(), lifetime(lease, now), node) {
            Ok(Found::Present) => pod.seen = true,
            Ok(Found::Absent) if pod.seen => {
                tracing::warn!(
                    "{} was taken off the pod's link; putting it back",
                    lease.network()
                );
                pod.has = None;
                self.change_pod(Some(lease), now, node);
            }
            Ok(Found::Absent) => {}
            Err(error) => self.fail(&error, now, node),
        }
    }

    /// Makes sure that the pod's link is still there, and that it has the address that it had.
    pub(crate) fn look_into_pod(&mut self, now: Instant, node: &Node) {
        let _entered = self.enter_span();
        match apply::look(&self.link, self.address_to_find(now), node) {
            Ok(Found::Absent) => {
                self.put_back(now, node);
            }
            Err(error) if error.is_final() => self.fail(&error, now, node),
            // What makes a look fail will make more than that fail, and be told then.
            Ok(Found::Present) | Err(_) => {}
        }
    }

    /// The address that has to be on the link. At the very end of a lease the kernel may have been the
    /// first to remove it.
    fn address_to_find(&self, now: Instant) -> Option<Ipv4Network> {
        let lease = self.client.lease()?;
        let is_ours = self.config.on_address_change == OnAddressChange::Apply
            && self.stage.pod().is_some_and(|pod| pod.seen);
        let lasts = lease
            .expiry()
            .is_none_or(|expiry| now + NEARLY_OVER < expiry);
        (is_ours && lasts).then(|| lease.network())
    }

    /// Puts the lease's address back on the pod's link, if it was there once. Returns whether it is
    /// there now.
    pub(super) fn put_back(&mut self, now: Instant, node: &Node) -> bool {
        let was_there = self.stage.pod().is_some_and(|pod| pod.seen);
        let Some(lease) = self.client.lease().filter(|_| was_there).cloned() else {
            return false;
        };
        self.refresh_pod(&lease, now, node);
        !self.gone && self.stage.pod().is_some_and(|pod| pod.has.is_some())
    }

    /// Makes the pod's link have what `new` says instead of what it had.
    pub(super) fn change_pod(&mut self, new: Option<&Lease>, now: Instant, node: &Node) {
        let Some(pod) = self.stage.pod_mut() else {
            return;
        };
        if self.config.on_address_change == OnAddressChange::Keep {
            tracing::warn!("the pod's link stays as it is: onAddressChange is \"keep\"");
            return;
        }
        let mtu = |lease: &Lease| mtu::of_link(lease, &self.config, self.link.mtu());
        let change = apply::Change {
            old: pod
                .has
                .as_ref()
                .map(|lease| result::of_lease(lease, &self.config)),
            new: new.map(|lease| result::of_lease(lease, &self.config)),
            lifetime: new.and_then(|lease| lifetime(lease, now)),
            mtu: new
                .and_then(mtu)
                .filter(|new| pod.has.as_ref().and_then(mtu) != Some(*new)),
            default_route: self.config.default_route,
            is_ours: pod.seen,
        };
        match apply::change(&self.link, &change, node) {
            Ok(Found::Present) => {
                pod.seen = true;
                pod.has = new.map(without_options);
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

/// What the link needs of a lease.
pub(super) fn without_options(lease: &Lease) -> Lease {
    Lease {
        options: RawOptions::default(),
        ..lease.clone()
    }
}

/// How long the kernel may leave the address in place; none for ever.
fn lifetime(lease: &Lease, now: Instant) -> Option<Duration> {
    lease.expiry().map(|expiry| expiry.duration_since(now))
}

/// The kernel counts in seconds.
const NEARLY_OVER: Duration = Duration::from_secs(2);

const FIRST_LOOK: Duration = Duration::from_secs(1);

/// After this pause the address is not looked for again: somebody else uses the lease, such as a
/// virtual machine behind the link.
const LAST_LOOK: Duration = Duration::from_secs(64);
