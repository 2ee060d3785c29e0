//! The verbs of the executable.

use std::path::Path;

use cni::{AddResult, Attachment, ContainerId, Error, IfName};
use cni_plugin::{Call, Delegate, Plugin};

use crate::{add, check, del, status};

/// The interface plugin `macvlan`.
pub(crate) struct Macvlan;

impl Plugin for Macvlan {
    fn name(&self) -> &'static str {
        "macvlan"
    }

    fn add(&self, call: &Call, attachment: &Attachment, netns: &Path) -> Result<AddResult, Error> {
        Ok(add::add(call, attachment, netns)?)
    }

    fn del(&self, call: &Call, attachment: &Attachment, netns: Option<&Path>) -> Result<(), Error> {
        del::del(call, attachment, netns)
    }

    fn check(&self, call: &Call, attachment: &Attachment, netns: &Path) -> Result<(), Error> {
        Ok(check::check(call, attachment, netns)?)
    }

    fn status(&self, call: &Call) -> Result<(), Error> {
        status::status(call)
    }

    /// Nothing of this plugin's outlives the pod's netns, so only the IPAM has something to free.
    fn gc(&self, call: &Call, _: &[(ContainerId, IfName)]) -> Result<(), Error> {
        match &call.config.ipam_type {
            Some(ipam) => Delegate::find(call, ipam)?.gc(),
            None => Ok(()),
        }
    }
}
