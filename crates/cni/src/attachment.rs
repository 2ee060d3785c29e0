//! The identity of one interface of one container on one network.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::{ContainerId, IfName, NetworkName};

/// One interface of one container on one network: what ADD makes and DEL takes away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attachment {
    /// The network.
    pub network: NetworkName,
    /// The container.
    pub container_id: ContainerId,
    /// The interface inside the container.
    pub ifname: IfName,
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.network, self.container_id, self.ifname)
    }
}
