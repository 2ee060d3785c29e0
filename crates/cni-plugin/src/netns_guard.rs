//! The guard against a runtime that names the plugin's own network namespace as the container's.
//!
//! SPEC §2 ADD and DEL act inside `CNI_NETNS`; in the node's own namespace they would take its links for the
//! container's. ADD is refused; DEL does what can be done without a namespace, since addresses have to come free.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use cni::{Code, Error};

/// Refuses `netns` if it is the namespace of this process.
///
/// A path that leads nowhere, or to what is no namespace, is not this process' namespace.
pub(crate) fn check(netns: &Path, overridden: bool) -> Result<(), Error> {
    let same = identity(netns).is_some_and(|theirs| identity(Path::new(OWN)) == Some(theirs));
    if overridden || !same {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidEnvironment,
        format!(
            "CNI_NETNS: {} is the network namespace the plugin itself runs in",
            cni::quoted(&netns.to_string_lossy())
        ),
    )
    .with_details("set CNI_NETNS_OVERRIDE=1 if that is meant"))
}

/// Returns device and inode, which together are a namespace's identity.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path)
        .ok()
        .map(|metadata| (metadata.dev(), metadata.ino()))
}

const OWN: &str = "/proc/thread-self/ns/net";
