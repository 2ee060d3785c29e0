//! ADD: an address of every range set, all reserved or none.

use cni::{AddResult, Args, Attachment, Dns, RequestConfig};
use cni_plugin::Undo;

use crate::allocation::{Allocation, Demand};
use crate::config::Config;
use crate::error::Error;
use crate::owner::Owner;
use crate::requested;
use crate::resolv_conf;
use crate::store::{Directory, LockedDirectory};

/// Reserves the attachment's addresses under one lock and returns them with routes and name
/// service; what is reserved for the attachment already stays as it is.
pub(crate) fn add(
    request: &RequestConfig,
    args: &Args,
    attachment: &Attachment,
) -> Result<AddResult, Error> {
    let config = Config::read(request)?;
    let requested = requested::read(request, args)?;
    let dns = match &config.resolv_conf {
        Some(path) => resolv_conf::read(path)?,
        None => Dns::default(),
    };

    let directory = Directory::of(&config.data_dir, &attachment.network);
    let locked = directory.lock_or_create()?;
    let reservations = locked.reservations()?;
    let demand = Demand {
        attachment,
        requested: &requested,
        reservations: &reservations,
        directory: directory.path(),
    };
    let allocations = demand.allocate(&config.sets, |set| locked.last_reserved(set))?;
    let ips = allocations
        .iter()
        .map(Allocation::ip_config)
        .collect::<Result<_, _>>()?;
    reserve(&locked, &allocations, &Owner::from(attachment))?;
    Ok(AddResult {
        interfaces: Vec::new(),
        ips,
        routes: config.routes,
        dns,
    })
}

fn reserve(
    locked: &LockedDirectory<'_>,
    allocations: &[Allocation],
    owner: &Owner,
) -> Result<(), Error> {
    let mut undo = Undo::new();
    for allocation in allocations.iter().filter(|allocation| allocation.new) {
        let address = allocation.address;
        locked.reserve(address, owner)?;
        undo.push("release the address", move || locked.release(address));
        locked.set_last_reserved(allocation.set, address)?;
    }
    undo.commit();
    Ok(())
}
