//! The verbs of the executable, each handed to its module.

use std::path::Path;

use cni::{AddResult, Attachment, ContainerId, Error, IfName};
use cni_plugin::{Call, Plugin};

use crate::{add, release, verify};

/// The IPAM plugin `host-local`.
pub(crate) struct HostLocal;

impl Plugin for HostLocal {
    fn name(&self) -> &'static str {
        "host-local"
    }

    fn add(&self, call: &Call, attachment: &Attachment, _: &Path) -> Result<AddResult, Error> {
        Ok(add::add(&call.config, &call.args, attachment)?)
    }

    fn del(&self, call: &Call, attachment: &Attachment, _: Option<&Path>) -> Result<(), Error> {
        release::del(&call.config, attachment)
    }

    fn check(&self, call: &Call, attachment: &Attachment, _: &Path) -> Result<(), Error> {
        Ok(verify::check(&call.config, attachment)?)
    }

    fn status(&self, call: &Call) -> Result<(), Error> {
        verify::status(&call.config)
    }

    fn gc(&self, call: &Call, valid: &[(ContainerId, IfName)]) -> Result<(), Error> {
        release::gc(&call.config, valid)
    }
}
