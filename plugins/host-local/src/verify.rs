//! CHECK and STATUS: looking at the reservations without changing anything, the lock included.

use cni::{Attachment, Code, RequestConfig};

use crate::config::Config;
use crate::error::Error;
use crate::owner::Owner;
use crate::round_robin::candidates;
use crate::store::Directory;

/// Compares the reservations with what ADD promised.
pub(crate) fn check(request: &RequestConfig, attachment: &Attachment) -> Result<(), Error> {
    let config = Config::read(request)?;
    let directory = Directory::of(&config.data_dir, &attachment.network);
    let reservations = directory.reservations()?;
    let held = reservations.held_by(attachment);
    if held.is_empty() {
        let directory = directory.path().to_owned();
        return Err(Error::NothingReserved {
            attachment: Owner::from(attachment),
            directory,
        });
    }
    let promised = request.prev_result.iter().flat_map(|result| &result.ips);
    let ours = promised.map(|ip| ip.address.ip()).filter(|address| {
        config
            .sets
            .iter()
            .any(|set| set.range_of(*address).is_some())
    });
    for address in ours {
        if !held.contains(&address) {
            let owner = reservations.owner_of(address).cloned();
            return Err(Error::NotHeld { address, owner });
        }
    }
    Ok(())
}

/// Says whether an ADD would find an address in every range set and a place to write it down.
pub(crate) fn status(request: &RequestConfig) -> Result<(), cni::Error> {
    let config = Config::read(request)?;
    let directory = Directory::of(&config.data_dir, &request.name);
    let unavailable = |error: Error| cni::Error::from(error).with_code(Code::NotAvailable);
    directory.check_writable().map_err(unavailable)?;
    let reservations = directory.reservations().map_err(unavailable)?;
    for set in &config.sets {
        let free = |address| reservations.owner_of(address).is_none();
        if !candidates(set, None).any(|(address, _)| free(address)) {
            let (reserved, path) = (reservations.count_in(set), directory.path().to_owned());
            return Err(unavailable(Error::exhausted(
                &request.name,
                set,
                reserved,
                path,
            )));
        }
    }
    Ok(())
}
