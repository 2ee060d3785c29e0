//! CHECK: whether the attachment is still what ADD said it is.

mod difference;

use std::path::Path;

use cni::{AddResult, Attachment};
use cni_plugin::{Call, Delegate};
use netlink::{Link, Netlink};
use netns::Netns;

use crate::config::{Config, Place};
use crate::error::Error;
use crate::parent;

pub(crate) use difference::Difference;

/// Asks the IPAM, then compares the link and its parent, addresses and routes with the configuration and the result of
/// ADD. What others have added is no difference.
pub(crate) fn check(call: &Call, attachment: &Attachment, netns: &Path) -> Result<(), Error> {
    let config = Config::parse(&call.config, &call.args)?;
    let promised = call.config.required_prev_result()?;
    let pod = open(netns)?;
    if let Some(ipam) = &call.config.ipam_type {
        Delegate::find(call, ipam)?.check()?;
    }
    let ifname = attachment.ifname.as_str();
    check_sandbox(promised, ifname, netns, &pod)?;
    let mut inside = Netlink::open_in(&pod)?;
    match inside.link(ifname) {
        // That it is gone is for the comparison to tell.
        Err(netlink::Error::LinkNotFound { .. }) => {}
        link => check_link(&link?, &config, &mut inside)?,
    }
    Ok(netlink::compare::result_with_link(
        &mut inside,
        ifname,
        promised,
    )?)
}

/// Opens the netns of the attachment. One that is gone differs from what ADD said; it does not make the container
/// unknown (code 3), for the runtime still has to DEL.
fn open(netns: &Path) -> Result<Netns, Error> {
    match Netns::open(netns) {
        Err(netns::Error::NotFound { .. } | netns::Error::NotANamespace { .. }) => {
            Err(Difference::NetnsGone {
                netns: netns.to_owned(),
            }
            .into())
        }
        opened => Ok(opened?),
    }
}

/// Tells whether ADD made an interface of this name in this netns, by whatever path.
fn check_sandbox(
    promised: &AddResult,
    ifname: &str,
    netns: &Path,
    pod: &Netns,
) -> Result<(), Error> {
    let mut elsewhere = None;
    for interface in promised
        .interfaces
        .iter()
        .filter(|interface| interface.name == ifname)
    {
        let Some(sandbox) = interface.sandbox.as_deref().filter(|path| !path.is_empty()) else {
            continue;
        };
        let same = match Netns::open(Path::new(sandbox)) {
            Ok(other) => other.id()? == pod.id()?,
            // A path that leads nowhere from here may be the runtime's own name for the netns.
            Err(_) => Path::new(sandbox) == netns,
        };
        if same {
            return Ok(());
        }
        elsewhere = Some(sandbox.to_owned());
    }
    let ifname = ifname.to_owned();
    Err(match elsewhere {
        Some(sandbox) => Difference::OtherNetns {
            ifname,
            sandbox,
            netns: netns.to_owned(),
        },
        None => Difference::NotPromised { ifname },
    }
    .into())
}

/// Compares what is particular to a macvlan with the configuration.
fn check_link(link: &Link, config: &Config, inside: &mut Netlink) -> Result<(), Error> {
    let ifname = link.name.clone();
    let Some(macvlan) = &link.macvlan else {
        let kind = link.kind.clone();
        return Err(Difference::Kind { ifname, kind }.into());
    };
    if macvlan.mode != Some(config.mode) {
        let (found, promised) = (macvlan.mode, config.mode);
        return Err(Difference::Mode {
            ifname,
            found,
            promised,
        }
        .into());
    }
    check_parent(link, config, inside)
}

/// Compares the parent, where the configuration names one: the default route may have moved since ADD.
fn check_parent(link: &Link, config: &Config, inside: &mut Netlink) -> Result<(), Error> {
    if config.master.is_none() {
        return Ok(());
    }
    let mut host;
    let netlink = match config.place {
        Place::Container => inside,
        Place::Host => {
            host = Netlink::open()?;
            &mut host
        }
    };
    let parent = parent::find(netlink, config)?;
    // Linux makes a macvlan of a macvlan one on the latter's parent.
    let (index, nsid) = match &parent.macvlan {
        Some(_) => (parent.parent, parent.parent_nsid),
        None => (Some(parent.index), None),
    };
    // Numbers of other namespaces mean something in the pod's only.
    let same_netns = config.place == Place::Host || link.parent_nsid == nsid;
    if link.parent == index && same_netns {
        return Ok(());
    }
    Err(Difference::Parent {
        ifname: link.name.clone(),
        promised: parent.name,
    }
    .into())
}
