//! The errors that callers of the daemon get to see.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use cni::{Attachment, Code, Error};
use dhcp_client::{Answer, Client, Intent, Trouble};
use ipnetwork::{IpNetwork, Ipv4Network};

use super::link;

/// No lease came in time.
pub(crate) fn no_lease_in_time(
    attachment: &Attachment,
    client: &Client,
    waited: Duration,
) -> Error {
    let count = |counted: Option<&u32>| counted.copied().unwrap_or(0);
    let discovers = count(client.sent().get(&Intent::Discover));
    let replies: u64 = [Answer::Offer, Answer::Ack, Answer::Nak]
        .iter()
        .map(|answer| u64::from(count(client.received().get(answer))))
        .sum();
    let ignored: u64 = client.ignored().values().copied().map(u64::from).sum();
    let ifname = attachment.ifname.as_str();
    let mut msg = match replies {
        0 => format!("no DHCP server answered on {ifname:?}"),
        _ => format!("no lease from a DHCP server on {ifname:?}"),
    };
    let replies = match replies {
        1 => "1 reply".to_owned(),
        many => format!("{many} replies"),
    };
    let _ = write!(
        msg,
        " within {waited:?} ({discovers} DISCOVER sent, {replies}"
    );
    if ignored > 0 {
        let mut reasons: Vec<_> = client.ignored().iter().collect();
        reasons.sort_by_key(|(_, times)| Reverse(**times));
        let reasons: Vec<_> = reasons.iter().map(|(reason, _)| reason).collect();
        let _ = write!(msg, ", {ignored} ignored: {}", cni::listed(&reasons, ", "));
    }
    msg.push(')');
    if let Some(trouble) = client.trouble() {
        let _ = write!(msg, "; {trouble}");
    }
    let remedy = match client.trouble() {
        None => {
            "check that a DHCP server serves the parent's LAN, that its pool is not exhausted, and \
             that the switch port or hypervisor lets this MAC address through"
        }
        Some(Trouble::Refused { .. }) => {
            "see the server's log for why; where several servers serve the LAN, they must not \
             refuse each other's leases"
        }
        Some(Trouble::Conflict { .. }) => {
            "find the host with that MAC address; where it is a router that answers ARP for every \
             address, set ipam.conflictDetection to \"off\""
        }
    };
    Error::new(Code::TryAgainLater, msg).with_details(remedy)
}

/// So many others were ahead that no server was asked.
pub(crate) fn others_first(attachment: &Attachment, waited: Duration) -> Error {
    let ifname = attachment.ifname.as_str();
    let msg = format!(
        "no lease on {ifname:?} within {waited:?}: too many other pods ask for theirs on the same LAN"
    );
    Error::new(Code::TryAgainLater, msg)
        .with_details("make ipam.timeout longer, or see why the DHCP server answers so slowly")
}

/// DEL came while the ADD was under way.
pub(crate) fn deleted_meanwhile(attachment: &Attachment) -> Error {
    Error::new(
        Code::TryAgainLater,
        format!("{attachment} was deleted while its ADD was under way"),
    )
}

/// The daemon stops, with the ADD unfinished.
pub(crate) fn stopping() -> Error {
    Error::new(Code::TryAgainLater, "the dhcp daemon is stopping")
}

/// CHECK finds no lease.
pub(crate) fn no_lease(attachment: &Attachment) -> Error {
    Error::new(
        Code::NoLease,
        format!("the dhcp daemon holds no lease for {attachment}"),
    )
    .with_details("the pod has to be made anew")
}

/// CHECK finds an address that another daemon leased, and no server lets the pod keep it.
pub(crate) fn not_taken_over(
    attachment: &Attachment,
    address: Ipv4Network,
    client: &Client,
    fault: Option<&str>,
) -> Error {
    let what = format!("cannot take over the lease of {address} for {attachment}");
    match (client.trouble(), fault) {
        (Some(trouble), _) => Error::new(Code::NoLease, format!("{what}: {trouble}"))
            .with_details("the pod has to be made anew"),
        (None, Some(fault)) => Error::new(Code::TryAgainLater, format!("{what}: {fault}"))
            .with_details("see the pod's link"),
        (None, None) => Error::new(
            Code::TryAgainLater,
            format!("{what}: no DHCP server confirmed it"),
        )
        .with_details("check that the server that leased it answers; each CHECK asks again"),
    }
}

/// CHECK finds a lease that is not in use.
pub(crate) fn lease_lost(attachment: &Attachment) -> Error {
    let msg = format!("the lease of {attachment} has ended; a new one is being asked for");
    Error::new(Code::NoLease, msg).with_details("check that the DHCP server answers")
}

/// CHECK finds another address leased than the runtime was told.
pub(crate) fn other_address(
    attachment: &Attachment,
    leased: Ipv4Addr,
    promised: &[IpNetwork],
) -> Error {
    let promised: Vec<_> = promised.iter().map(IpNetwork::ip).collect();
    let promised = cni::listed(&promised, ", ");
    let msg = format!("{attachment} has the lease of {leased}, prevResult has {promised}");
    Error::new(Code::AttachmentDiffers, msg)
        .with_details("the server changed the lease since ADD; make the pod anew")
}

/// The pod's link cannot be used.
pub(crate) fn of_link(error: &link::Error) -> Error {
    let (code, details) = match error {
        link::Error::NoNamespace | link::Error::NotANamespace { .. } => {
            (Code::InvalidEnvironment, "")
        }
        link::Error::Unreachable { .. } | link::Error::Replaced { .. } => (
            Code::InvalidEnvironment,
            "run the daemon in the runtime's mount namespace, or tell it with -hostprefix where \
             the node's root is",
        ),
        link::Error::Missing { .. } | link::Error::NoMac { .. } => (Code::InvalidConfig, ""),
        link::Error::Netns(_)
        | link::Error::Netlink(_)
        | link::Error::Socket(_)
        | link::Error::Unsendable { .. } => (Code::Kernel, ""),
    };
    Error::new(code, super::log::with_causes(error)).with_details(details)
}

#[cfg(test)]
mod tests;
