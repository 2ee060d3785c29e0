//! The link of an attachment: in which namespace it is, and the way back to it.
//!
//! Between two visits nothing of it is held open, since that would keep a dead pod's namespace alive.
//! Each visit finds the namespace by its path and makes sure that it, and the link, are still the same.

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cni::{IfName, MacAddr};
use ipnetwork::{IpNetwork, Ipv4Network};
use netlink::{LinkChange, Netlink};
use netns::{Netns, NetnsId};
use nix::errno::Errno;

use super::host_root::HostRoot;
use super::record::LinkRecord;
use crate::protocol::AddRequest;

/// A link in a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodLink {
    /// The namespace's path as the runtime knows it.
    netns_path: PathBuf,
    netns_id: NetnsId,
    ifname: IfName,
    index: u32,
    mac: MacAddr,
    parent: Option<u32>,
    /// Its MTU before a lease had a say in it; unknown of links that an older daemon found.
    mtu: Option<u32>,
}

impl PodLink {
    /// Finds the link that an ADD is for, and sets it up.
    pub(crate) fn find(
        request: &AddRequest,
        namespace: Option<OwnedFd>,
        root: &HostRoot,
    ) -> Result<Self, Error> {
        let (found, mut netlink, is_up) = Self::locate(request, namespace, root)?;
        if !is_up {
            netlink.set_link(
                found.index,
                &LinkChange {
                    up: Some(true),
                    ..LinkChange::default()
                },
            )?;
        }
        Ok(found)
    }

    /// Finds the link of an attachment that exists, and the first of `promised` that it has.
    pub(crate) fn find_with_address(
        request: &AddRequest,
        namespace: Option<OwnedFd>,
        promised: &[IpNetwork],
        root: &HostRoot,
    ) -> Result<Option<(Self, Ipv4Network)>, Error> {
        let (found, mut netlink, _) = Self::locate(request, namespace, root)?;
        let present = netlink.addresses(found.index)?;
        let address = promised.iter().find_map(|promised| match promised {
            IpNetwork::V4(address) if present.iter().any(|on_link| on_link.net == *promised) => {
                Some(*address)
            }
            IpNetwork::V4(_) | IpNetwork::V6(_) => None,
        });
        Ok(address.map(|address| (found, address)))
    }

    fn locate(
        request: &AddRequest,
        namespace: Option<OwnedFd>,
        root: &HostRoot,
    ) -> Result<(Self, Netlink, bool), Error> {
        let namespace = Netns::from_fd(namespace.ok_or(Error::NoNamespace)?)?;
        let netns_id = namespace.id()?;
        let netns_path = PathBuf::from(&request.netns_path);
        // The path has to lead there from here too: renewals depend on it.
        reopen(root, &netns_path, netns_id)?;
        let ifname = request.attachment.ifname.clone();
        let mut netlink = Netlink::open_in(&namespace)?;
        let link = match netlink.link(ifname.as_str()) {
            Ok(link) => link,
            Err(netlink::Error::LinkNotFound { .. }) => {
                return Err(Error::Missing { ifname, netns_path });
            }
            Err(error) => return Err(error.into()),
        };
        let Some(mac) = link.mac.filter(|mac| !mac.is_zero()) else {
            return Err(Error::NoMac { ifname });
        };
        let found = Self {
            netns_path,
            netns_id,
            ifname,
            index: link.index,
            mac,
            parent: uplink(&link),
            mtu: Some(link.mtu),
        };
        Ok((found, netlink, link.up))
    }

    /// Whether `other` is the same link, whatever its MTU has become and by whichever path it was found.
    pub(crate) fn is(&self, other: &Self) -> bool {
        *self
            == Self {
                netns_path: self.netns_path.clone(),
                mtu: self.mtu,
                ..other.clone()
            }
    }

    /// Opens the namespace again, if it and the link are still what they were.
    pub(crate) fn open(&self, root: &HostRoot) -> Result<Visit, Error> {
        let namespace = reopen(root, &self.netns_path, self.netns_id)?;
        let mut netlink = Netlink::open_in(&namespace)?;
        let missing = || Error::Missing {
            ifname: self.ifname.clone(),
            netns_path: self.netns_path.clone(),
        };
        match netlink.link_by_index(self.index) {
            Ok(link) if link.mac == Some(self.mac) => Ok(Visit {
                namespace,
                netlink,
                mtu: link.mtu,
            }),
            Ok(_) | Err(netlink::Error::LinkNotFound { .. }) => Err(missing()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the namespace's path still leads to it: a glance that opens nothing, and may find
    /// something amiss where there is nothing.
    pub(crate) fn looks_alive(&self, root: &HostRoot) -> bool {
        std::fs::metadata(root.path_of(&self.netns_path)).is_ok_and(|found| {
            let NetnsId { dev, ino } = self.netns_id;
            found.dev() == dev && found.ino() == ino
        })
    }

    /// The link that a record tells of; whether it is still there shows when it is opened.
    pub(crate) fn of_record(record: &LinkRecord) -> Self {
        let LinkRecord {
            netns_path,
            netns_device,
            netns_inode,
            ifname,
            index,
            mac,
            parent,
            mtu,
        } = record;
        Self {
            netns_path: netns_path.clone(),
            netns_id: NetnsId {
                dev: *netns_device,
                ino: *netns_inode,
            },
            ifname: ifname.clone(),
            index: *index,
            mac: MacAddr::from(*mac),
            parent: *parent,
            mtu: *mtu,
        }
    }

    /// What to write down of it.
    pub(crate) fn to_record(&self) -> LinkRecord {
        LinkRecord {
            netns_path: self.netns_path.clone(),
            netns_device: self.netns_id.dev,
            netns_inode: self.netns_id.ino,
            ifname: self.ifname.clone(),
            index: self.index,
            mac: self.mac.octets(),
            parent: self.parent,
            mtu: self.mtu,
        }
    }

    /// The link's parent, if it has one: a link of the node.
    pub(crate) fn parent(&self) -> Option<u32> {
        self.parent
    }

    pub(crate) fn ifname(&self) -> &IfName {
        &self.ifname
    }

    /// The MTU that the link had before a lease had a say in it, if that is known.
    pub(crate) fn mtu(&self) -> Option<u32> {
        self.mtu
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn mac(&self) -> MacAddr {
        self.mac
    }
}

/// The inside of a pod's namespace, for as long as something is done there.
pub(crate) struct Visit {
    pub(crate) namespace: Netns,
    pub(crate) netlink: Netlink,
    /// The link's MTU.
    pub(crate) mtu: u32,
}

/// The link of the node that a pod's link stands on. The other end of a pair is none: it leads into the
/// pod, and not to a LAN.
fn uplink(link: &netlink::Link) -> Option<u32> {
    let is_paired = link
        .kind
        .as_deref()
        .is_some_and(|kind| PAIRED.contains(&kind));
    link.parent
        .filter(|_| link.parent_nsid.is_some() && !is_paired)
}

/// Opens the namespace at `path` and makes sure that it is `id`.
fn reopen(root: &HostRoot, path: &Path, id: NetnsId) -> Result<Netns, Error> {
    let unreachable = |source| Error::Unreachable {
        path: path.to_owned(),
        source,
    };
    let fd = root.open(path).map_err(unreachable)?;
    let namespace = Netns::from_fd(fd).map_err(|_| Error::NotANamespace {
        path: path.to_owned(),
    })?;
    if namespace.id()? == id {
        Ok(namespace)
    } else {
        Err(Error::Replaced {
            path: path.to_owned(),
        })
    }
}

/// Kinds of links whose `IFLA_LINK` is their other end.
const PAIRED: [&str; 3] = ["veth", "netkit", "vxcan"];

/// Why a link cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the request came without the pod's namespace")]
    NoNamespace,
    #[error("{path:?} is no network namespace any more")]
    NotANamespace { path: PathBuf },
    #[error("the dhcp daemon cannot open the namespace path {path:?}")]
    Unreachable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the namespace path {path:?} leads the dhcp daemon to another namespace")]
    Replaced { path: PathBuf },
    #[error("no link {:?} in {netns_path:?}", ifname.as_str())]
    Missing { ifname: IfName, netns_path: PathBuf },
    #[error("link {:?} has no MAC address", ifname.as_str())]
    NoMac { ifname: IfName },
    #[error(transparent)]
    Netns(#[from] netns::Error),
    #[error(transparent)]
    Netlink(#[from] netlink::Error),
    #[error("no socket in the pod's namespace")]
    Socket(#[from] std::io::Error),
    #[error("the pod cannot send to {server}")]
    Unsendable {
        server: Ipv4Addr,
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the leased address is not on the link.
    pub(crate) fn is_address_missing(&self) -> bool {
        matches!(self, Self::Netns(error) if error.errno() == Some(Errno::EADDRNOTAVAIL))
    }

    /// Whether the link is gone for good, rather than out of reach for the moment.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::NotANamespace { .. } | Self::Replaced { .. } | Self::Missing { .. } => true,
            Self::Unreachable { source, .. } => {
                matches!(
                    source.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) || source.raw_os_error() == Some(nix::libc::ESRCH)
            }
            Self::NoNamespace
            | Self::NoMac { .. }
            | Self::Netns(_)
            | Self::Netlink(_)
            | Self::Socket(_)
            | Self::Unsendable { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> LinkRecord {
        LinkRecord {
            netns_path: "/run/netns/a".into(),
            netns_device: 4,
            netns_inode: 4_026_532_001,
            ifname: IfName::parse("net1").unwrap(),
            index: 2,
            mac: [2, 0, 0, 0, 0, 1],
            parent: Some(3),
            mtu: Some(1500),
        }
    }

    #[test]
    fn a_link_is_the_same_by_another_path_and_another_by_anything_else() {
        let of = |change: fn(&mut LinkRecord)| {
            let mut record = link();
            change(&mut record);
            PodLink::of_record(&record).is(&PodLink::of_record(&link()))
        };
        assert!(of(|link| link.netns_path = "/proc/7/ns/net".into()));
        assert!(of(|link| link.mtu = Some(1400)));
        assert!(!of(|link| link.netns_inode += 1));
        assert!(!of(|link| link.index = 3));
        assert!(!of(|link| link.mac[5] = 2));
    }
}
