//! The verbs of the executable. Nothing is kept between them, so that there is nothing to free.

use std::path::Path;

use cni::{AddResult, Attachment, ContainerId, Error, IfName};
use cni_plugin::{Call, Plugin};

use crate::config::Config;
use crate::verify;

/// The IPAM plugin `static`.
pub(crate) struct Static;

impl Plugin for Static {
    fn name(&self) -> &'static str {
        "static"
    }

    fn add(&self, call: &Call, _: &Attachment, _: &Path) -> Result<AddResult, Error> {
        Ok(Config::read(&call.config, &call.args)?.into_result())
    }

    fn del(&self, _: &Call, _: &Attachment, _: Option<&Path>) -> Result<(), Error> {
        Ok(())
    }

    fn check(&self, call: &Call, _: &Attachment, _: &Path) -> Result<(), Error> {
        let config = Config::read(&call.config, &call.args)?;
        let result = call.config.required_prev_result()?;
        Ok(verify::result_has(result, &config.addresses)?)
    }

    fn status(&self, call: &Call) -> Result<(), Error> {
        Config::read(&call.config, &call.args)?;
        Ok(())
    }

    fn gc(&self, _: &Call, _: &[(ContainerId, IfName)]) -> Result<(), Error> {
        Ok(())
    }
}
