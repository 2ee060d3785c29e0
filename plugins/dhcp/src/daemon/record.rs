//! What is written down of a lease, so that the next daemon can go on with it.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use cni::{Attachment, IfName};
use dhcp_client::Lease;
use serde::{Deserialize, Serialize};

use crate::lease_config::LeaseConfig;

/// The version of the format. Files of another one are left alone.
pub(crate) const VERSION: u32 = 1;

/// One attachment's lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) version: u32,
    /// The kernel's boot id. Times and namespaces of another boot mean nothing.
    pub(crate) boot_id: String,
    pub(crate) attachment: Attachment,
    pub(crate) pod: Option<String>,
    pub(crate) link: LinkRecord,
    pub(crate) config: LeaseConfig,
    /// The lease in use; none while a new one is asked for.
    pub(crate) lease: Option<Lease>,
    /// What the pod's link has.
    pub(crate) in_pod: Option<Lease>,
    /// Whether the leased address has been seen on the pod's link.
    #[serde(default)]
    pub(crate) seen: bool,
    /// A lease that was asked for, for an ADD that has not been answered.
    #[serde(default)]
    pub(crate) asked: Option<Lease>,
    /// The station the server's answers come from.
    pub(crate) server_station: Option<[u8; 6]>,
}

/// Where a link is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkRecord {
    pub(crate) netns_path: PathBuf,
    pub(crate) netns_device: u64,
    pub(crate) netns_inode: u64,
    pub(crate) ifname: IfName,
    pub(crate) index: u32,
    pub(crate) mac: [u8; 6],
    /// The link's parent in the daemon's own namespace, by which a RELEASE can go out when the pod is
    /// gone.
    pub(crate) parent: Option<u32>,
    /// The link's MTU before a lease had a say in it.
    #[serde(default)]
    pub(crate) mtu: Option<u32>,
}

impl Record {
    /// The address to ask for again.
    pub(crate) fn last_address(&self) -> Option<Ipv4Addr> {
        self.lease
            .as_ref()
            .or(self.in_pod.as_ref())
            .map(|lease| lease.address)
    }
}
