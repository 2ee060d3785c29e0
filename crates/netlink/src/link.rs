//! Links: what they are, how they are found, changed and removed.

use cni::MacAddr;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use nix::errno::Errno;
use nix::libc;
use rtnetlink::LinkUnspec;

use crate::connection::Malformed;
use crate::error::Attempt;
use crate::{Error, Netlink};

mod create;
mod decode;

pub use create::{NewMacvlan, Outside};

/// A network device as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its index, which is its own for as long as it stays in its namespace.
    pub index: u32,
    /// Its main name.
    pub name: String,
    /// The driver's name for its kind (`macvlan`, `veth`), if it is a virtual device.
    pub kind: Option<String>,
    /// The index of the link that it is on top of (`IFLA_LINK`), in the namespace of that link.
    pub parent: Option<u32>,
    /// The namespace of the parent, as this namespace numbers others, if it is not this one.
    pub parent_nsid: Option<i32>,
    /// The bridge, bond or VRF that it is a port of (`IFLA_MASTER`).
    pub controller: Option<u32>,
    /// Its Ethernet address, if it has one.
    pub mac: Option<MacAddr>,
    /// The largest packet that it carries.
    pub mtu: u32,
    /// Whether it was switched on.
    pub up: bool,
    /// Whether it has carrier (`IFF_LOWER_UP`).
    pub carrier: bool,
    /// Whether it is operational: on, with carrier, not dormant (`IFF_RUNNING`).
    pub running: bool,
    /// Its ARP hardware type; 1 is Ethernet.
    pub hardware_type: u16,
    /// What only a macvlan has.
    pub macvlan: Option<Macvlan>,
    /// Its other names.
    pub alt_names: Vec<String>,
}

/// What is particular to a link of kind `macvlan`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macvlan {
    /// How it shares its parent; nothing for a mode that this program does not know.
    pub mode: Option<MacvlanMode>,
    /// The length of the broadcast queue that was asked for, where the kernel tells (Linux 5.11).
    pub bc_queue_len: Option<u32>,
}

/// How a macvlan shares its parent with other macvlans (`ip-link(8)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MacvlanMode {
    /// No traffic between macvlans of one parent.
    Private,
    /// Traffic between them goes out to a switch that reflects it.
    Vepa,
    /// Traffic between them stays on the machine.
    Bridge,
    /// One macvlan has the parent for itself, with its MAC.
    Passthru,
    /// Traffic is chosen by a list of source addresses.
    Source,
}

impl MacvlanMode {
    /// All modes, in the order of their numbers in the kernel.
    pub const ALL: [Self; 5] = [
        Self::Private,
        Self::Vepa,
        Self::Bridge,
        Self::Passthru,
        Self::Source,
    ];

    /// Returns the mode of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    /// Returns the name of the mode.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Vepa => "vepa",
            Self::Bridge => "bridge",
            Self::Passthru => "passthru",
            Self::Source => "source",
        }
    }
}

impl std::fmt::Display for MacvlanMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What to change about a link; nothing is changed where nothing is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkChange {
    /// Switch it on or off.
    pub up: Option<bool>,
    /// Its MTU.
    pub mtu: Option<u32>,
    /// Its Ethernet address. Setting the one that it has makes the kernel announce the link's addresses where the
    /// sysctls `arp_notify` and `ndisc_notify` say so.
    pub mac: Option<MacAddr>,
    /// Its main name.
    pub name: Option<String>,
}

impl Netlink {
    /// Returns the link that has `name` as its main or an alternative name.
    pub fn link(&mut self, name: &str) -> Result<Link, Error> {
        let not_found = || Error::LinkNotFound {
            name: name.to_owned(),
        };
        // The kernel would cut the name off at a NUL and look up what is left.
        if name.is_empty() || name.len() > LONGEST_ALT_NAME || name.contains('\0') {
            return Err(not_found());
        }
        let mut message = LinkMessage::default();
        message.attributes.push(if name.len() > LONGEST_NAME {
            LinkAttribute::Other(netlink_packet_core::DefaultNla::new(
                libc::IFLA_ALT_IFNAME,
                [name.as_bytes(), &[0]].concat(),
            ))
        } else {
            LinkAttribute::IfName(name.to_owned())
        });
        let attempt = Attempt {
            operation: "look up link",
            object: &format_args!("{name:?}"),
        };
        self.one_link(message, attempt).map_err(|error| {
            // EINVAL, ERANGE: an older kernel does not take a name of this length.
            match error.errno() {
                Some(Errno::ENODEV | Errno::EINVAL | Errno::ERANGE) => not_found(),
                Some(_) | None => error,
            }
        })
    }

    /// Returns the link of this index.
    pub fn link_by_index(&mut self, index: u32) -> Result<Link, Error> {
        let attempt = Attempt {
            operation: "look up link",
            object: &format_args!("#{index}"),
        };
        self.one_link(LinkUnspec::new_with_index(index).build(), attempt)
            .map_err(|error| missing_index(error, index))
    }

    /// Returns all links of the namespace.
    pub fn links(&mut self) -> Result<Vec<Link>, Error> {
        let mut message = LinkMessage::default();
        message.attributes.push(without_statistics());
        let attempt = Attempt {
            operation: "list",
            object: &"links",
        };
        self.dump(libc::RTM_GETLINK, &message, attempt, |payload| {
            decode::link(payload).map(Some)
        })
    }

    /// Changes a link.
    pub fn set_link(&mut self, index: u32, change: &LinkChange) -> Result<(), Error> {
        let mut message = LinkUnspec::new_with_index(index);
        message = match change.up {
            Some(true) => message.up(),
            Some(false) => message.down(),
            None => message,
        };
        if let Some(name) = &change.name {
            message = message.name(name.clone());
        }
        if let Some(mac) = change.mac {
            message = message.address(mac.octets().to_vec());
        }
        if let Some(mtu) = change.mtu {
            message = message.mtu(mtu);
        }
        let attempt = Attempt {
            operation: "change link",
            object: &format_args!("#{index}"),
        };
        self.request(libc::RTM_SETLINK, 0, &message.build(), attempt, |_, _| {
            Ok(())
        })
        .map_err(|error| match (&change.name, error.errno()) {
            (Some(name), Some(Errno::EEXIST)) => Error::LinkExists { name: name.clone() },
            (Some(_) | None, Some(_) | None) => missing_index(error, index),
        })
    }

    /// Removes a link and waits until the kernel is through with it, which takes 15–35 ms. Returns whether there was
    /// such a link.
    pub fn delete_link(&mut self, index: u32) -> Result<bool, Error> {
        let message = LinkUnspec::new_with_index(index).build();
        let attempt = Attempt {
            operation: "delete link",
            object: &format_args!("#{index}"),
        };
        match self.request(libc::RTM_DELLINK, 0, &message, attempt, |_, _| Ok(())) {
            Ok(()) => Ok(true),
            Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn one_link(&mut self, mut message: LinkMessage, attempt: Attempt<'_>) -> Result<Link, Error> {
        message.attributes.push(without_statistics());
        let mut found = None;
        self.request(libc::RTM_GETLINK, 0, &message, attempt, |kind, payload| {
            take_link(&mut found, kind, payload)
        })?;
        found.ok_or_else(|| attempt.malformed())
    }
}

/// Keeps the link of an `RTM_NEWLINK` message.
fn take_link(found: &mut Option<Link>, kind: u16, payload: &[u8]) -> Result<(), Malformed> {
    if kind == libc::RTM_NEWLINK {
        *found = Some(decode::link(payload)?);
    }
    Ok(())
}

fn missing_index(error: Error, index: u32) -> Error {
    if error.errno() == Some(Errno::ENODEV) {
        Error::LinkNotFound {
            name: format!("#{index}"),
        }
    } else {
        error
    }
}

/// Statistics are the larger half of a link's description, and costly to gather.
fn without_statistics() -> LinkAttribute {
    LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])
}

/// `IFNAMSIZ` without the NUL.
const LONGEST_NAME: usize = 15;
/// `ALTIFNAMSIZ` without the NUL.
const LONGEST_ALT_NAME: usize = 127;

#[cfg(test)]
mod tests {
    use super::MacvlanMode;

    #[test]
    fn modes_are_parsed_by_their_names() {
        for mode in MacvlanMode::ALL {
            assert_eq!(MacvlanMode::parse(mode.as_str()), Some(mode));
        }
        assert_eq!(MacvlanMode::parse("Bridge"), None);
    }
}
