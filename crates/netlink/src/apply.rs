//! Putting a CNI result on a link: addresses, then routes, then the announcement of the addresses.
//!
//! Every step stands on the one before it. When one fails, what went before is left as it is: the caller is about to
//! remove the link, and all of it goes with the link.

use std::net::IpAddr;

use cni::{AddResult, IpConfig, Route};
use ipnetwork::IpNetwork;
use netns::{Netns, announce};

use crate::link::{Link, LinkChange};
use crate::{Error, Netlink, NewAddress};

mod default_route;
mod detection;
pub mod plan;
mod sysctl;

pub use default_route::{DefaultRoute, Unwanted};
use sysctl::Notify;

/// Puts the addresses of `result` that belong to `link`, and all of its routes, on `link`, and switches it on.
///
/// `netlink` is a connection to `netns`. An address belongs to the link if its `interface` is the place of an interface
/// of that name in the result; those without one are nobody's. Each IPv6 address has passed duplicate address detection
/// when this returns; on a link without carrier that cannot end, and is not waited for. What is there already is left.
///
/// Returns the routes that the kernel refused, as the result has them, each with the reason: whether that is an error
/// depends on who asked for the route.
///
/// # Errors
/// [`Error::DuplicateAddress`] names the address that another host has.
pub fn configure(
    netlink: &mut Netlink,
    netns: &Netns,
    link: &Link,
    result: &AddResult,
) -> Result<Vec<(Route, Error)>, Error> {
    let ips = ips_of(&link.name, result)?;
    let has_ipv6 = ips.iter().any(|ip| ip.address.is_ipv6());
    let notify = sysctl::prepare(netns, &link.name, has_ipv6)?;
    if !link.up {
        netlink.set_link(
            link.index,
            &LinkChange {
                up: Some(true),
                ..LinkChange::default()
            },
        )?;
    }
    add_addresses(netlink, netns, link, &ips)?;
    let refused = add_routes(netlink, link, &ips, result);
    announce(netlink, netns, link, &ips, notify);
    Ok(refused)
}

/// Returns the addresses of the result that belong to the link.
fn ips_of<'a>(ifname: &str, result: &'a AddResult) -> Result<Vec<&'a IpConfig>, Error> {
    let mut ips = Vec::new();
    for (place, ip) in result.ips.iter().enumerate() {
        let Some(index) = ip.interface else { continue };
        if result
            .interfaces
            .get(index)
            .is_none_or(|interface| interface.name != ifname)
        {
            return Err(Error::WrongInterface {
                ip: place,
                index,
                ifname: ifname.to_owned(),
            });
        }
        ips.push(ip);
    }
    Ok(ips)
}

fn add_addresses(
    netlink: &mut Netlink,
    netns: &Netns,
    link: &Link,
    ips: &[&IpConfig],
) -> Result<(), Error> {
    let detected: Vec<_> = ips
        .iter()
        .filter_map(|ip| match ip.address {
            IpNetwork::V6(net) => Some(net.ip()),
            IpNetwork::V4(_) => None,
        })
        .collect();
    // The watch has to begin before there is anything to see.
    let watch = if detected.is_empty() {
        None
    } else {
        Some(detection::Watch::open_in(netns)?)
    };
    for ip in ips {
        netlink.add_address(&NewAddress::new(link.index, ip.address))?;
    }
    match watch {
        Some(watch) => watch.wait(netlink, link.index, detected),
        None => Ok(()),
    }
}

fn add_routes(
    netlink: &mut Netlink,
    link: &Link,
    ips: &[&IpConfig],
    result: &AddResult,
) -> Vec<(Route, Error)> {
    let mut refused = Vec::new();
    for planned in plan::routes(link.index, ips, &result.routes) {
        if let Err(error) = netlink.add_route(&planned.new) {
            refused.push((planned.route.clone(), error));
        }
    }
    refused
}

/// Tells the link about its addresses. Nothing depends on it enough to fail for it.
///
/// The kernel announces all addresses of a link whose MAC is set while its notify sysctls are on, even to the MAC that it
/// has. It does so without a packet socket, whose closing would take ten times as long as all the rest. A physical device
/// might be reset by it, and some drivers refuse.
fn announce(netlink: &mut Netlink, netns: &Netns, link: &Link, ips: &[&IpConfig], notify: Notify) {
    let Some(mac) = link.mac else { return };
    if ips.is_empty() {
        return;
    }
    let change = LinkChange {
        mac: Some(mac),
        ..LinkChange::default()
    };
    let by_kernel = link.kind.is_some() && netlink.set_link(link.index, &change).is_ok();
    let left: Vec<_> = ips
        .iter()
        .map(|ip| ip.address.ip())
        .filter(|ip| {
            !(by_kernel
                && if ip.is_ipv4() {
                    notify.ipv4
                } else {
                    notify.ipv6
                })
        })
        .collect();
    if left.is_empty() {
        return;
    }
    let _ = netns.run(|| {
        for address in left {
            match address {
                IpAddr::V4(address) => {
                    let _ = announce::gratuitous_arp(link.index, mac.octets(), address);
                }
                IpAddr::V6(address) => {
                    let _ = announce::unsolicited_advertisement(link.index, mac.octets(), address);
                }
            }
        }
    });
}
