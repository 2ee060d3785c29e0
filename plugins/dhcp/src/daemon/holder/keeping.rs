//! A holder's record: written when something changes, read by the next daemon.

use std::rc::Rc;

use cni::Attachment;
use dhcp_client::{Client, Instant, Start};

use super::Holder;
use super::stage::{PodSide, Stage};
use crate::daemon::claims::Identity;
use crate::daemon::link::PodLink;
use crate::daemon::node::Node;
use crate::daemon::record::{Record, VERSION};
use crate::daemon::{asked, client_config, log, record_store};

impl Holder {
    /// Goes on with a lease that an earlier daemon held.
    pub(crate) fn adopt(id: u64, record: Record, now: Instant, node: &Node) -> Self {
        let last_address = record.last_address();
        let Record {
            attachment,
            pod,
            link,
            config,
            lease,
            in_pod,
            seen,
            asked,
            server_station,
            ..
        } = record;
        let link = PodLink::of_record(&link);
        let mut client_config = client_config::of(&config, link.mac(), node);
        client_config.start = match (lease.or(asked), last_address) {
            (Some(lease), _) => Start::Resume(lease),
            (None, Some(address)) => Start::Address(address),
            (None, None) => Start::Fresh,
        };
        let identity = Identity::of(&client_config, link.parent());
        let (client, actions) = Client::new(client_config, fastrand::u64(..), now);
        let mut holder = Self {
            id,
            attachment: Rc::new(attachment),
            config,
            link,
            identity,
            client,
            exchange: None,
            listen_until: None,
            probing: None,
            waiting: None,
            only_adder: None,
            stage: Stage::Attached(PodSide {
                has: in_pod,
                seen,
                look: None,
            }),
            server_station,
            recorded: true,
            fault: None,
            gone: false,
            pod,
        };
        let _entered = holder.enter_span();
        if let Some(address) = last_address {
            node.claims.make(identity, address, id);
        }
        match holder.link.open(&node.root) {
            Ok(_) => {
                tracing::info!("going on with the lease of an earlier daemon");
                holder.perform(actions, now, node);
                if !seen {
                    holder.look_for_address(now);
                }
            }
            Err(error) => {
                holder.fail(&error, now, node);
                if !holder.gone {
                    holder.perform(actions, now, node);
                }
            }
        }
        holder
    }

    /// Writes the record.
    pub(super) fn save(&mut self, node: &Node) -> Result<(), record_store::Error> {
        if self.gone {
            return Ok(());
        }
        self.recorded = true;
        let (in_pod, seen, asked) = match &self.stage {
            Stage::Asking { asked } => (None, false, asked.clone()),
            Stage::TakingOver { .. } => (None, false, None),
            Stage::Attached(pod) => (pod.has.clone(), pod.seen, None),
        };
        node.records.save(&Record {
            version: VERSION,
            boot_id: node.records.boot_id().to_owned(),
            attachment: Attachment::clone(&self.attachment),
            pod: self.pod.clone(),
            link: self.link.to_record(),
            config: self.config.clone(),
            lease: self.client.lease().cloned(),
            in_pod,
            seen,
            asked,
            server_station: self.server_station,
        })
    }

    /// Writes down a lease that is about to be asked for.
    pub(super) fn note_request(&mut self, message: &[u8], now: Instant, node: &Node) {
        let Some(lease) = asked::lease_of(message, now) else {
            return;
        };
        node.claims.make(self.identity, lease.address, self.id);
        if let Stage::Asking { asked } = &mut self.stage {
            *asked = Some(lease);
            self.save_or_log(node);
        }
    }

    /// Writes the record; goes on without it if that cannot be done.
    pub(super) fn save_or_log(&mut self, node: &Node) {
        if let Err(error) = self.save(node) {
            tracing::error!(
                "{}; a restart would lose this lease",
                log::with_causes(&error)
            );
        }
    }

    /// Has the next daemon release the lease, should this one not come to it.
    pub(super) fn note_release(&mut self, node: &Node) {
        if self.recorded
            && let Err(error) = node.records.mark_deleted(&self.attachment)
        {
            tracing::error!("cannot mark as deleted: {}", log::with_causes(&error));
        }
    }

    /// Removes the record.
    pub(super) fn forget(&mut self, node: &Node) {
        if !std::mem::take(&mut self.recorded) {
            return;
        }
        if let Err(error) = node.records.remove(&self.attachment) {
            tracing::error!("cannot remove: {}", log::with_causes(&error));
        }
    }
}
