//! STATUS: whether an ADD would find its parent and its IPAM.

use cni::{Args, Code, Error as CniError};
use cni_plugin::{Call, Delegate};
use netlink::Netlink;

use crate::config::{Config, Place};
use crate::error::Error;
use crate::parent;

/// Looks at the parent, then asks the IPAM.
pub(crate) fn status(call: &Call) -> Result<(), CniError> {
    // CNI_ARGS belong to an attachment, and here is none.
    let config = Config::parse(&call.config, &Args::default())?;
    // A parent in a container is there only once the container is.
    if config.place == Place::Host {
        look_at_parent(&config)
            .map_err(|error| CniError::from(error).with_code(Code::NotAvailable))?;
    }
    match &call.config.ipam_type {
        Some(ipam) => Delegate::find(call, ipam)
            .map_err(|error| error.with_code(Code::NotAvailable))?
            .status(),
        None => Ok(()),
    }
}

fn look_at_parent(config: &Config) -> Result<(), Error> {
    let mut netlink = Netlink::open()?;
    let parent = parent::find(&mut netlink, config)?;
    parent::check(&parent, config)?;
    Ok(())
}
