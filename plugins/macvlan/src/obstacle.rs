//! Why the kernel refuses a macvlan on a parent that looked fit for one.

use std::fmt;

use cni::MacAddr;
use netlink::MacvlanMode;
use nix::errno::Errno;

use crate::config::Config;

/// What is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Something else receives the parent's frames: a bridge, a bond, an ipvlan.
    Occupant {
        /// By its kind and name, where it can be seen from the parent's netns.
        occupant: Option<String>,
    },
    /// The link would have the parent for itself, and others are there.
    NotAlone,
    /// Another link has the parent for itself.
    TakenByPassthru,
    /// The MAC is in use on the parent.
    Mac {
        /// The one that was asked for.
        mac: Option<MacAddr>,
    },
}

impl Obstacle {
    /// Reads the kernel's answer, which is a bare error number; returns that too.
    ///
    /// Linux `macvlan_common_newlink` answers EINVAL where `passthru` and other macvlans meet, which is all that is left
    /// of its reasons once the parent and the MTU are checked; `macvlan_open` answers EADDRINUSE.
    pub(crate) fn read(error: &netlink::Error, config: &Config) -> Option<(Self, Errno)> {
        let errno = error.errno()?;
        if let netlink::Error::ParentBusy { occupant, .. } = error {
            let occupant = occupant.clone();
            return Some((Self::Occupant { occupant }, errno));
        }
        // Where the kernel uses words, they are better than a guess.
        let bare = matches!(error, netlink::Error::Kernel { extack: None, .. });
        let obstacle = if bare && errno == Errno::EADDRINUSE {
            Self::Mac { mac: config.mac }
        } else if bare && errno == Errno::EINVAL && config.mode == MacvlanMode::Passthru {
            Self::NotAlone
        } else if bare && errno == Errno::EINVAL {
            Self::TakenByPassthru
        } else {
            return None;
        };
        Some((obstacle, errno))
    }

    /// Returns what to do about it.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Occupant { .. } => {
                "set \"master\" to the bridge or bond itself; a parent of ipvlans takes no macvlan, in whatever namespace they are"
            }
            Self::NotAlone => "use a parent without other macvlans, or another \"mode\"",
            Self::TakenByPassthru => {
                "use another parent, or first remove the pod that has this one for itself"
            }
            Self::Mac { .. } => {
                "give the pod another MAC, or wait until the pod that had it is gone"
            }
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Occupant {
                occupant: Some(occupant),
            } => write!(f, "it is in use by {occupant}"),
            Self::Occupant { occupant: None } => {
                f.write_str("it is in use by a bridge, a bond or an ipvlan")
            }
            Self::NotAlone => {
                f.write_str("mode passthru needs it alone, and it has other macvlans")
            }
            Self::TakenByPassthru => f.write_str("a macvlan in mode passthru has it for itself"),
            Self::Mac { mac: Some(mac) } => write!(f, "the MAC {mac} is in use on it"),
            Self::Mac { mac: None } => f.write_str("the MAC that the kernel chose is in use on it"),
        }
    }
}
