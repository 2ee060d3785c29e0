//! In what an attachment differs from the result of its ADD.

use std::path::PathBuf;

use cni::quoted;
use netlink::MacvlanMode;

/// One difference beside those that [`netlink::compare`] finds; CHECK tells the first.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Difference {
    #[error("the network namespace {} is gone", quoted(&netns.to_string_lossy()))]
    NetnsGone { netns: PathBuf },

    #[error("prevResult.interfaces: there is no {} with a sandbox", quoted(ifname))]
    NotPromised { ifname: String },

    #[error(
        "prevResult.interfaces: {} is in the sandbox {}, which is not CNI_NETNS {}",
        quoted(ifname), quoted(sandbox), quoted(&netns.to_string_lossy())
    )]
    OtherNetns {
        ifname: String,
        sandbox: String,
        netns: PathBuf,
    },

    #[error("the link {} is not a macvlan, but {}", quoted(ifname), kind.as_deref().unwrap_or("a device"))]
    Kind {
        ifname: String,
        kind: Option<String>,
    },

    #[error("the link {} has mode {}, expected {}", quoted(ifname), mode(*found), promised)]
    Mode {
        ifname: String,
        found: Option<MacvlanMode>,
        promised: MacvlanMode,
    },

    #[error(
        "the link {} has another parent than {}",
        quoted(ifname),
        quoted(promised)
    )]
    Parent { ifname: String, promised: String },
}

fn mode(mode: Option<MacvlanMode>) -> &'static str {
    mode.map_or("unknown", MacvlanMode::as_str)
}
