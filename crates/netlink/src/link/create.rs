//! Making a macvlan in one message, where it is to live and as it is to be.

use std::os::fd::AsFd as _;
use std::os::fd::AsRawFd as _;

use cni::MacAddr;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL};
use netlink_packet_route::link::{InfoMacVlan, LinkAttribute, MacVlanMode};
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use netns::Netns;
use nix::errno::Errno;
use nix::libc;
use rtnetlink::LinkMacVlan;

use super::{Link, MacvlanMode, take_link};
use crate::decode::{attributes, number};
use crate::error::Attempt;
use crate::{Error, Netlink};

/// A macvlan to be created.
#[derive(Clone, Copy, Debug)]
pub struct NewMacvlan<'a> {
    /// Its name.
    pub name: &'a str,
    /// The index of its parent.
    pub parent: u32,
    /// The namespace of the parent; nothing when it is that of the connection, where the macvlan is created.
    pub parent_netns: Option<&'a Netns>,
    /// How it shares the parent.
    pub mode: MacvlanMode,
    /// Its MTU; nothing or 0 for that of the parent.
    pub mtu: Option<u32>,
    /// Its MAC; nothing for one that the kernel makes up.
    pub mac: Option<MacAddr>,
    /// The broadcast queue length to ask for; nothing or 0 for the kernel's default.
    pub bc_queue_len: Option<u32>,
}

impl Netlink {
    /// Creates a macvlan in the namespace of this connection, switched on, and returns it.
    ///
    /// The request goes to the namespace that the macvlan is to live in, and names the parent by that namespace's number
    /// for the parent's. The final name is then looked up where it matters by every kernel: one before Linux 6.14 would
    /// refuse a name that exists in the sender's namespace only. Nor is the link ever seen under another name, or in
    /// another namespace.
    ///
    /// # Errors
    /// [`Error::LinkExists`] when the name is taken; [`Error::ParentBusy`] when something holds the parent that does not
    /// share it; [`Error::Kernel`] with `ENODEV` when the parent is gone, with `EINVAL` for a mode that does not go with
    /// the macvlans that the parent has, with `EADDRINUSE` when the parent has a macvlan of that MAC.
    pub fn create_macvlan(&mut self, new: &NewMacvlan<'_>) -> Result<Link, Error> {
        let mut message = LinkMacVlan::new(new.name, new.parent, kernel_mode(new.mode)).up();
        if let Some(netns) = new.parent_netns {
            let nsid = self.nsid(netns)?;
            message = message.append_extra_attribute(LinkAttribute::LinkNetNsId(nsid));
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
        let mut created = None;
        let flags = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO;
        self.request(
            libc::RTM_NEWLINK,
            flags,
            &message.build(),
            attempt,
            |kind, payload| take_link(&mut created, kind, payload),
        )
        .map_err(|error| match error.errno() {
            Some(Errno::EEXIST) => Error::LinkExists {
                name: new.name.to_owned(),
            },
            Some(Errno::EBUSY) => self.parent_busy(new).unwrap_or(error),
            Some(_) | None => error,
        })?;
        match created {
            Some(link) => Ok(link),
            // Linux before 6.2 does not echo a new link.
            None => self.link(new.name),
        }
    }

    /// Returns the number that the namespace of this connection has for `other`; makes one if there is none.
    fn nsid(&mut self, other: &Netns) -> Result<i32, Error> {
        let attempt = Attempt {
            operation: "number",
            object: &"a network namespace",
        };
        let fd = u32::try_from(other.as_fd().as_raw_fd()).map_err(|_| attempt.malformed())?;
        let mut message = NsidMessage::default();
        message.attributes = vec![NsidAttribute::Fd(fd), NsidAttribute::Id(UNASSIGNED)];
        match self.request(libc::RTM_NEWNSID, 0, &message, attempt, |_, _| Ok(())) {
            Err(error) if error.errno() != Some(Errno::EEXIST) => return Err(error),
            Ok(()) | Err(_) => {}
        }
        message.attributes.truncate(1);
        let mut id = None;
        self.request(libc::RTM_GETNSID, 0, &message, attempt, |_, payload| {
            // struct rtgenmsg, padded to four bytes.
            let rest = payload.get(4..).unwrap_or_default();
            let found = attributes(rest).find(|(kind, _)| *kind == NETNSA_NSID);
            id = found
                .and_then(|(_, value)| number(value))
                .map(u32::cast_signed);
            Ok(())
        })?;
        id.filter(|id| *id != UNASSIGNED)
            .ok_or_else(|| attempt.malformed())
    }

    /// Finds out who holds the parent of a macvlan that could not be created; nothing when the parent cannot be looked at.
    fn parent_busy(&mut self, new: &NewMacvlan<'_>) -> Option<Error> {
        let links = match new.parent_netns {
            Some(netns) => Self::open_in(netns).and_then(|mut there| there.links()),
            None => self.links(),
        };
        let links = links.ok()?;
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
/// `NETNSA_NSID_NOT_ASSIGNED`.
const UNASSIGNED: i32 = -1;
const NETNSA_NSID: u16 = 1;
