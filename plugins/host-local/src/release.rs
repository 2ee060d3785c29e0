//! DEL and GC: giving addresses back. Both need the directory alone, so that addresses come free
//! even when the rest of the configuration no longer makes sense.

use std::net::IpAddr;

use cni::{Attachment, ContainerId, IfName, RequestConfig};
use cni_plugin::Errors;

use crate::config;
use crate::error::Error;
use crate::owner::Owner;
use crate::store::{Directory, LockedDirectory};

/// Releases every address of the attachment.
pub(crate) fn del(request: &RequestConfig, attachment: &Attachment) -> Result<(), cni::Error> {
    let directory = Directory::of(&config::data_dir(request)?, &attachment.network);
    let Some(locked) = directory.lock_existing()? else {
        return Ok(());
    };
    let held = locked.reservations()?.held_by(attachment);
    release(&locked, held.into_iter())
}

/// Releases every address of the network that none of the valid attachments has.
pub(crate) fn gc(
    request: &RequestConfig,
    valid: &[(ContainerId, IfName)],
) -> Result<(), cni::Error> {
    let directory = Directory::of(&config::data_dir(request)?, &request.name);
    let Some(locked) = directory.lock_existing()? else {
        return Ok(());
    };
    let reservations = locked.reservations()?;
    let stale = reservations
        .iter()
        .filter(|(_, owner)| !is_valid(owner, valid));
    release(&locked, stale.map(|(address, _)| address))
}

fn is_valid(owner: &Owner, valid: &[(ContainerId, IfName)]) -> bool {
    valid.iter().any(|(valid_id, valid_ifname)| match owner {
        Owner::Attachment {
            container_id,
            ifname,
        } => container_id == valid_id.as_str() && ifname == valid_ifname.as_str(),
        Owner::Container { container_id } => container_id == valid_id.as_str(),
        Owner::Unknown => false,
    })
}

fn release(
    locked: &LockedDirectory<'_>,
    addresses: impl Iterator<Item = IpAddr>,
) -> Result<(), cni::Error> {
    let mut errors = Errors::new();
    for address in addresses {
        errors.collect(locked.release(address).map_err(Error::into));
    }
    errors.into_result()
}
