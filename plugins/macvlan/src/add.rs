//! ADD: the link, then its addresses, or nothing at all.

use std::path::Path;

use cni::{AddResult, Attachment, Interface, MacAddr};
use cni_plugin::{Call, Delegate, Undo};
use netlink::apply::configure;
use netlink::{Link, LinkChange, Netlink, NewMacvlan, Outside};
use netns::Netns;

use crate::config::{Config, Place};
use crate::error::{Error, MIN_IPV6_MTU};
use crate::obstacle::Obstacle;
use crate::{dns, parent, routes};

/// Makes the attachment, or leaves nothing behind.
pub(crate) fn add(call: &Call, attachment: &Attachment, netns: &Path) -> Result<AddResult, Error> {
    let config = Config::parse(&call.config, &call.args)?;
    let ipam = match &call.config.ipam_type {
        Some(ipam) => Some((ipam, Delegate::find(call, ipam)?)),
        None => None,
    };
    if ipam.is_none() {
        call.config.check_layer_2_representable()?;
    }
    let pod = Netns::open(netns)?;
    let mut inside = Netlink::open_in(&pod)?;

    // The link comes before the IPAM, which may need it: a DHCP lease is asked for through it.
    let created = create(&config, attachment, netns, &pod, &mut inside)?;
    let mut undo = Undo::new();
    undo.push("remove the link", || remove(&pod, created.index));
    let mut link = created.clone();
    let mut result = AddResult::default();
    if let Some((name, ipam)) = &ipam {
        result = ipam.add()?;
        undo.push("give the addresses back", || ipam.del());
        // A DHCP server may have lowered its MTU.
        link = inside.link_by_index(created.index)?;
        accept(&mut result, name, &link)?;
        let unwanted = config.default_route.unwanted(&mut inside, link.index)?;
        result
            .routes
            .retain(|route| !unwanted.has(route.dst, route.table));
    }
    result.interfaces = vec![interface(&link, netns)];
    result.dns = dns::merge(&call.config.dns, result.dns);
    if ipam.is_some() {
        let refused = configure(&mut inside, &pod, &link, &result)?;
        routes::judge(refused, &mut result, &call.config)?;
    }

    // What the version cannot carry has to be known while there is a way back.
    result.to_json(call.config.version)?;
    undo.commit();
    Ok(result)
}

/// Creates the link in one message, after everything that can be checked about it.
fn create(
    config: &Config,
    attachment: &Attachment,
    netns: &Path,
    pod: &Netns,
    inside: &mut Netlink,
) -> Result<Link, Error> {
    let mut host = match config.place {
        Place::Container => None,
        Place::Host => Some(Netlink::open()?),
    };
    let parent = parent::find(host.as_mut().unwrap_or(inside), config)?;
    let ifname = attachment.ifname.as_str();
    let new = NewMacvlan {
        name: ifname,
        parent: parent.index,
        mode: config.mode,
        mtu: parent::check(&parent, config)?,
        mac: config.mac,
        bc_queue_len: config.bc_queue_len,
    };
    let outside = host.as_mut().map(|netlink| Outside {
        netlink,
        target: pod,
    });
    let mut link = inside.create_macvlan(&new, outside).map_err(|error| {
        let ifname = ifname.to_owned();
        let parent = parent.name.clone();
        match (&error, Obstacle::read(&error, config)) {
            (netlink::Error::LinkExists { .. }, _) => {
                let netns = netns.to_string_lossy().into_owned();
                Error::NameTaken { ifname, netns }
            }
            (_, Some((obstacle, errno))) => Error::Obstructed {
                ifname,
                parent,
                obstacle,
                errno,
            },
            (_, None) => error.into(),
        }
    })?;
    // A passthru link has its parent's MAC, whatever the message says. Set afterwards, the MAC is the parent's too until
    // the link goes.
    if let Some(mac) = config.mac.filter(|mac| link.mac != Some(*mac)) {
        set_mac(inside, link.index, mac).map_err(|source| Error::ParentMac {
            parent: parent.name,
            mac,
            source,
        })?;
        link.mac = Some(mac);
    }
    Ok(link)
}

/// Sets the MAC, or removes the link.
fn set_mac(inside: &mut Netlink, index: u32, mac: MacAddr) -> Result<(), netlink::Error> {
    let change = LinkChange {
        mac: Some(mac),
        ..LinkChange::default()
    };
    inside.set_link(index, &change).or_else(|error| {
        inside.delete_link(index)?;
        Err(error)
    })
}

/// Takes the IPAM's addresses for the link, if there are any and the link can have them.
fn accept(result: &mut AddResult, ipam: &str, link: &Link) -> Result<(), Error> {
    if result.ips.is_empty() {
        return Err(Error::NoAddress {
            ipam: ipam.to_owned(),
        });
    }
    for ip in &mut result.ips {
        if ip.address.is_ipv6() && link.mtu < MIN_IPV6_MTU {
            return Err(Error::MtuBelowIpv6 {
                mtu: link.mtu,
                address: ip.address,
            });
        }
        ip.interface = Some(0);
    }
    Ok(())
}

fn interface(link: &Link, netns: &Path) -> Interface {
    Interface {
        name: link.name.clone(),
        mac: link.mac.map(|mac| mac.to_string()),
        mtu: Some(link.mtu),
        sandbox: Some(netns.to_string_lossy().into_owned()),
        ..Interface::default()
    }
}

fn remove(pod: &Netns, index: u32) -> Result<(), netlink::Error> {
    Netlink::open_in(pod)?.delete_link(index).map(drop)
}
