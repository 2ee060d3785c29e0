//! Making a macvlan in one message, where it is to live and as it is to be.

use std::os::fd::AsFd as _;
use std::os::fd::AsRawFd as _;

use cni::MacAddr;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::link::{InfoMacVlan, MacVlanMode};
use netns::Netns;
use netns::clock::boot_now;
use nix::errno::Errno;
use nix::libc;
use rtnetlink::LinkMacVlan;

use super::{Link, LinkChange, MacvlanMode};
use crate::error::Attempt;
use crate::{Error, Netlink};

/// A macvlan to be created.
#[derive(Clone, Copy, Debug)]
pub struct NewMacvlan<'a> {
    /// Its name.
    pub name: &'a str,
    /// The index of its parent.
    pub parent: u32,
    /// How it shares the parent.
    pub mode: MacvlanMode,
    /// Its MTU; nothing or 0 for that of the parent.
    pub mtu: Option<u32>,
    /// Its MAC; nothing for one that the kernel makes up.
    pub mac: Option<MacAddr>,
    /// The broadcast queue length to ask for; nothing or 0 for the kernel's default.
    pub bc_queue_len: Option<u32>,
}

/// The side of the parent, where that is in another namespace than the macvlan.
#[derive(Debug)]
pub struct Outside<'a> {
    /// A connection to the namespace of the parent.
    pub netlink: &'a mut Netlink,
    /// The namespace of the macvlan.
    pub target: &'a Netns,
}

impl Netlink {
    /// Creates a macvlan in the namespace of this connection, switched on, and returns it.
    ///
    /// It is one message, and the link is never seen in another namespace. The message goes to the parent's namespace and
    /// names the other as its target. Sent the other way round, with `IFLA_LINK_NETNSID`, every kernel before Linux 6.14
    /// would make the link beside its parent, move it, and leave it switched off.
    ///
    /// # Errors
    /// [`Error::LinkExists`] when the name is taken; [`Error::ParentBusy`] when something holds the parent that does not
    /// share it; [`Error::Kernel`] with `ENODEV` when the parent is gone, with `EINVAL` for a mode that does not go with
    /// the macvlans that the parent has, with `EADDRINUSE` when the parent has a macvlan of that MAC.
    pub fn create_macvlan(
        &mut self,
        new: &NewMacvlan<'_>,
        outside: Option<Outside<'_>>,
    ) -> Result<Link, Error> {
        let Some(outside) = outside else {
            self.new_macvlan(new, None, true)?;
            return self.link(new.name);
        };
        match outside.netlink.new_macvlan(new, Some(outside.target), true) {
            // Before Linux 6.14 the name has to be free in the namespace of the parent too.
            Err(Error::LinkExists { .. }) if self.is_free(new.name)? => {
                self.create_and_rename(new, outside)
            }
            created => created.and_then(|()| self.link(new.name)),
        }
    }

    fn is_free(&mut self, name: &str) -> Result<bool, Error> {
        match self.link(name) {
            Err(Error::LinkNotFound { .. }) => Ok(true),
            found => found.map(|_| false),
        }
    }

    /// Creates the macvlan under a name that nothing has, switched off, since a link that is on cannot be renamed before
    /// Linux 6.2.
    fn create_and_rename(
        &mut self,
        new: &NewMacvlan<'_>,
        Outside { netlink, target }: Outside<'_>,
    ) -> Result<Link, Error> {
        let name = format!("cni{:012x}", boot_now().as_nanos() & 0xffff_ffff_ffff);
        let unnamed = NewMacvlan {
            name: &name,
            ..*new
        };
        netlink.new_macvlan(&unnamed, Some(target), false)?;
        let index = self.link(&name)?.index;
        let change = LinkChange {
            name: Some(new.name.to_owned()),
            up: Some(true),
            ..LinkChange::default()
        };
        match self.set_link(index, &change) {
            Ok(()) => self.link_by_index(index),
            Err(error) => {
                self.delete_link(index)?;
                Err(error)
            }
        }
    }

    /// Sends the message; this connection is to the namespace of the parent.
    fn new_macvlan(
        &mut self,
        new: &NewMacvlan<'_>,
        target: Option<&Netns>,
        up: bool,
    ) -> Result<(), Error> {
        let mut message = LinkMacVlan::new(new.name, new.parent, kernel_mode(new.mode));
        if up {
            message = message.up();
        }
        if let Some(target) = target {
            message = message.setns_by_fd(target.as_fd().as_raw_fd());
        }
        if let Some(mtu) = new.mtu.filter(|mtu| *mtu > 0) {
            message = message.mtu(mtu);
        }
        if let Some(mac) = new.mac {
            message = message.address(mac.octets().to_vec());
        }
        if let Some(length) = new.bc_queue_len.filter(|length| *length > 0) {
            message = message.append_info_data(InfoMacVlan::BcQueueLen(length));
        }
        let attempt = Attempt {
            operation: "create macvlan",
            object: &format_args!("{:?}", new.name),
        };
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.request(
            libc::RTM_NEWLINK,
            flags,
            &message.build(),
            attempt,
            |_, _| Ok(()),
        )
        .map_err(|error| match error.errno() {
            Some(Errno::EEXIST) => Error::LinkExists {
                name: new.name.to_owned(),
            },
            Some(Errno::EBUSY) => self.parent_busy(new).unwrap_or(error),
            Some(_) | None => error,
        })
    }

    /// Finds out who holds the parent of a macvlan that could not be created; nothing when the parent cannot be looked at.
    fn parent_busy(&mut self, new: &NewMacvlan<'_>) -> Option<Error> {
        let links = self.links().ok()?;
        let parent = links.iter().find(|link| link.index == new.parent)?;
        let controller = parent
            .controller
            .and_then(|index| links.iter().find(|link| link.index == index));
        let upper = links.iter().find(|link| {
            link.parent == Some(parent.index)
                && link.parent_nsid.is_none()
                && !SHARES.contains(&link.kind.as_deref())
        });
        let occupant = controller.or(upper).map(|link| match &link.kind {
            Some(kind) => format!("{kind} {:?}", link.name),
            None => format!("{:?}", link.name),
        });
        Some(Error::ParentBusy {
            name: new.name.to_owned(),
            parent: parent.name.clone(),
            occupant,
        })
    }
}

fn kernel_mode(mode: MacvlanMode) -> MacVlanMode {
    match mode {
        MacvlanMode::Private => MacVlanMode::Private,
        MacvlanMode::Vepa => MacVlanMode::Vepa,
        MacvlanMode::Bridge => MacVlanMode::Bridge,
        MacvlanMode::Passthru => MacVlanMode::Passthrough,
        MacvlanMode::Source => MacVlanMode::Source,
    }
}

/// Links that share a parent with macvlans.
const SHARES: [Option<&str>; 3] = [Some("macvlan"), Some("macvtap"), Some("vlan")];

#[cfg(test)]
mod tests;
