//! Reading `RTM_NEWLINK` (`rtnetlink(7)`, `linux/if_link.h`).

use cni::MacAddr;
use nix::libc;

use super::{Link, Macvlan, MacvlanMode};
use crate::connection::Malformed;
use crate::decode::{attributes, number, text};

/// Reads `struct ifinfomsg` and the attributes after it.
pub(super) fn link(payload: &[u8]) -> Result<Link, Malformed> {
    let (header, rest) = payload.split_first_chunk::<16>().ok_or(Malformed)?;
    let [_, _, t0, t1, i0, i1, i2, i3, f0, f1, f2, f3, ..] = *header;
    let flags = u32::from_ne_bytes([f0, f1, f2, f3]);
    let mut link = Link {
        index: u32::from_ne_bytes([i0, i1, i2, i3]),
        name: String::new(),
        kind: None,
        parent: None,
        parent_nsid: None,
        controller: None,
        mac: None,
        mtu: 0,
        up: flags & IFF_UP != 0,
        carrier: flags & IFF_LOWER_UP != 0,
        running: flags & IFF_RUNNING != 0,
        hardware_type: u16::from_ne_bytes([t0, t1]),
        macvlan: None,
        alt_names: Vec::new(),
    };
    for (kind, value) in attributes(rest) {
        match kind {
            libc::IFLA_IFNAME => link.name = text(value),
            libc::IFLA_MTU => link.mtu = number(value).ok_or(Malformed)?,
            libc::IFLA_LINK => link.parent = number(value),
            libc::IFLA_LINK_NETNSID => link.parent_nsid = number(value).map(u32::cast_signed),
            libc::IFLA_MASTER => link.controller = number(value),
            libc::IFLA_ADDRESS => link.mac = <[u8; 6]>::try_from(value).ok().map(MacAddr::new),
            libc::IFLA_LINKINFO => link_info(&mut link, value),
            libc::IFLA_PROP_LIST => link.alt_names = alt_names(value),
            _ => {}
        }
    }
    // A link on top of another one in its own namespace names it; one that is on nothing may name itself or 0.
    if link.parent_nsid.is_none() {
        link.parent = link
            .parent
            .filter(|parent| *parent != 0 && *parent != link.index);
    }
    if link.name.is_empty() {
        Err(Malformed)
    } else {
        Ok(link)
    }
}

fn link_info(link: &mut Link, value: &[u8]) {
    let mut data = None;
    for (kind, value) in attributes(value) {
        match kind {
            IFLA_INFO_KIND => link.kind = Some(text(value)),
            IFLA_INFO_DATA => data = Some(value),
            _ => {}
        }
    }
    if link.kind.as_deref() == Some("macvlan") {
        let mut macvlan = Macvlan {
            mode: None,
            bc_queue_len: None,
        };
        for (kind, value) in attributes(data.unwrap_or_default()) {
            match kind {
                IFLA_MACVLAN_MODE => macvlan.mode = number(value).and_then(mode),
                IFLA_MACVLAN_BC_QUEUE_LEN => macvlan.bc_queue_len = number(value),
                _ => {}
            }
        }
        link.macvlan = Some(macvlan);
    }
}

/// `enum macvlan_mode`.
fn mode(number: u32) -> Option<MacvlanMode> {
    match number {
        1 => Some(MacvlanMode::Private),
        2 => Some(MacvlanMode::Vepa),
        4 => Some(MacvlanMode::Bridge),
        8 => Some(MacvlanMode::Passthru),
        16 => Some(MacvlanMode::Source),
        _ => None,
    }
}

fn alt_names(value: &[u8]) -> Vec<String> {
    attributes(value)
        .filter(|(kind, _)| *kind == libc::IFLA_ALT_IFNAME)
        .map(|(_, value)| text(value))
        .collect()
}

const IFF_UP: u32 = 1;
const IFF_RUNNING: u32 = 1 << 6;
const IFF_LOWER_UP: u32 = 1 << 16;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_MACVLAN_MODE: u16 = 1;
const IFLA_MACVLAN_BC_QUEUE_LEN: u16 = 7;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = super::link(&bytes);
        }
    }
}
