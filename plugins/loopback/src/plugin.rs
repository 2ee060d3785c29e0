//! The verbs of the executable. Whatever interface name the runtime gives, the link is `lo`.

use std::path::Path;

use cni::{AddResult, Attachment, ContainerId, Error as CniError, IfName};
use cni_plugin::{Call, Plugin, Undo, warn};
use netlink::{Link, LinkChange, Netlink};
use netns::Netns;

use crate::error::Error;
use crate::promise::{self, LO};

/// The interface plugin `loopback`.
pub(crate) struct Loopback;

impl Plugin for Loopback {
    fn name(&self) -> &'static str {
        "loopback"
    }

    fn add(&self, call: &Call, _: &Attachment, netns: &Path) -> Result<AddResult, CniError> {
        Ok(add(call, netns)?)
    }

    fn del(&self, _: &Call, _: &Attachment, netns: Option<&Path>) -> Result<(), CniError> {
        match netns {
            Some(netns) => Ok(switch_off(netns)?),
            None => Ok(()),
        }
    }

    fn check(&self, call: &Call, _: &Attachment, netns: &Path) -> Result<(), CniError> {
        Ok(check(call, netns)?)
    }

    /// Every node has what this plugin needs.
    fn status(&self, _: &Call) -> Result<(), CniError> {
        Ok(())
    }

    /// What the plugin makes goes with the container's netns.
    fn gc(&self, _: &Call, _: &[(ContainerId, IfName)]) -> Result<(), CniError> {
        Ok(())
    }
}

/// Switches the link on, which gives it its addresses. A result of plugins before this one stays as it is.
fn add(call: &Call, netns: &Path) -> Result<AddResult, Error> {
    let pod = Netns::open(netns)?;
    let mut netlink = Netlink::open_in(&pod)?;
    let link = find(&mut netlink)?;
    let mut undo = Undo::new();
    if !link.up {
        set_up(&mut netlink, link.index, true)?;
        undo.push("switch lo off", || {
            set_up(&mut Netlink::open_in(&pod)?, link.index, false)
        });
    }
    let result = match &call.config.prev_result {
        Some(before) => before.clone(),
        None => own_result(netns, &mut netlink, link.index)?,
    };
    // What the version cannot carry has to be known while there is a way back.
    result.to_json(call.config.version)?;
    undo.commit();
    Ok(result)
}

fn own_result(netns: &Path, netlink: &mut Netlink, index: u32) -> Result<AddResult, Error> {
    let addresses = netlink.addresses(index)?;
    let on_link: Vec<_> = addresses.iter().map(|address| address.net).collect();
    Ok(promise::result(netns, &on_link))
}

/// Switches the link off, if the netns is still there.
fn switch_off(netns: &Path) -> Result<(), Error> {
    let pod = match Netns::open(netns) {
        // An unmounted netns leaves a plain file at its path.
        Err(netns::Error::NotFound { .. } | netns::Error::NotANamespace { .. }) => return Ok(()),
        opened => opened?,
    };
    let mut netlink = Netlink::open_in(&pod)?;
    match find(&mut netlink) {
        Ok(link) if link.up => set_up(&mut netlink, link.index, false)?,
        Ok(_) | Err(Error::Netlink(netlink::Error::LinkNotFound { .. })) => {}
        Err(error @ Error::NotLoopback { .. }) => {
            warn(format_args!("{error}, so it is left alone"));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Compares the link with what ADD said of it. What others have added is no difference.
fn check(call: &Call, netns: &Path) -> Result<(), Error> {
    let pod = match Netns::open(netns) {
        // The runtime still has to DEL, which it does not for a container that is unknown (code 3).
        Err(netns::Error::NotFound { .. } | netns::Error::NotANamespace { .. }) => {
            return Err(Error::NetnsGone {
                netns: netns.to_owned(),
            });
        }
        opened => opened?,
    };
    let mut netlink = Netlink::open_in(&pod)?;
    match find(&mut netlink) {
        // That it is gone is for the comparison to tell.
        Ok(_) | Err(Error::Netlink(netlink::Error::LinkNotFound { .. })) => {}
        Err(error) => return Err(error),
    }
    let promised = promise::of_lo(call.config.prev_result.as_ref(), netns);
    Ok(netlink::compare::result_with_link(
        &mut netlink,
        LO,
        &promised,
    )?)
}

/// Returns the link `lo`, which may not be some other device of that name.
fn find(netlink: &mut Netlink) -> Result<Link, Error> {
    let link = netlink.link(LO)?;
    if link.hardware_type == LOOPBACK {
        Ok(link)
    } else {
        Err(Error::NotLoopback { kind: link.kind })
    }
}

fn set_up(netlink: &mut Netlink, index: u32, up: bool) -> Result<(), netlink::Error> {
    let change = LinkChange {
        up: Some(up),
        ..LinkChange::default()
    };
    netlink.set_link(index, &change)
}

/// `ARPHRD_LOOPBACK`.
const LOOPBACK: u16 = 772;
