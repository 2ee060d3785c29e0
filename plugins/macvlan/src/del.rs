//! DEL: the addresses and the link go, as far as they are there.

use std::path::Path;

use cni::{Attachment, Error as CniError};
use cni_plugin::{Call, Delegate, Errors, warn};
use netlink::Netlink;
use netns::Netns;

use crate::error::Error;

/// Gives the addresses back and removes the link; a step that fails does not keep the other from running.
///
/// The keys of the configuration are not read: runtimes may have cut them down, and the link is found by name, which in
/// one container is that of one attachment. The IPAM comes first, since a lease is released through the link.
pub(crate) fn del(
    call: &Call,
    attachment: &Attachment,
    netns: Option<&Path>,
) -> Result<(), CniError> {
    let mut errors = Errors::new();
    if let Some(ipam) = &call.config.ipam_type {
        errors.collect(Delegate::find(call, ipam).and_then(|ipam| ipam.del()));
    }
    if let Some(netns) = netns {
        errors.collect(remove_link(netns, attachment.ifname.as_str()).map_err(CniError::from));
    }
    errors.into_result()
}

/// Removes the link, if the netns is still there and the link is a macvlan.
fn remove_link(netns: &Path, ifname: &str) -> Result<(), Error> {
    let pod = match Netns::open(netns) {
        // An unmounted netns leaves a plain file at its path.
        Err(netns::Error::NotFound { .. } | netns::Error::NotANamespace { .. }) => return Ok(()),
        opened => opened?,
    };
    let mut netlink = Netlink::open_in(&pod)?;
    let link = match netlink.link(ifname) {
        Err(netlink::Error::LinkNotFound { .. }) => return Ok(()),
        found => found?,
    };
    if link.macvlan.is_none() {
        let kind = link.kind.as_deref().unwrap_or("physical");
        warn(format_args!(
            "the link {ifname:?} is not a macvlan ({kind}), so it is left alone"
        ));
        return Ok(());
    }
    // The kernel is through with the name and the MAC 15–35 ms before it answers. To end by then, a child would have to
    // wait in this process' place, and stay a zombie wherever PID 1 does not reap, as in the pod of a Multus daemon.
    netlink.delete_link(link.index)?;
    Ok(())
}
