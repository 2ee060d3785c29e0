//! Privilege for those who start without it.

use std::fs;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

/// Makes the calling process root, unless it is already: in a user namespace with network and mount namespaces.
///
/// To be called before any thread is started.
///
/// # Errors
/// When the kernel or its settings forbid user namespaces.
pub fn become_root() -> Result<(), String> {
    let (user, group) = (geteuid(), getegid());
    if user.is_root() {
        return Ok(());
    }
    let refused = |what: &str, error: &dyn std::fmt::Display| {
        format!("{what}: {error}; run this as root instead")
    };
    // A process can return only to namespaces that its user namespace owns, hence all three.
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
        .map_err(|error| refused("cannot make a user namespace", &error))?;
    fs::write("/proc/self/setgroups", "deny")
        .map_err(|error| refused("cannot write /proc/self/setgroups", &error))?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))
        .map_err(|error| refused("cannot write /proc/self/uid_map", &error))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
        .map_err(|error| refused("cannot write /proc/self/gid_map", &error))
}

/// Fails with what to do where the thread may not make namespaces.
pub(crate) fn unshare_or_explain(flags: CloneFlags) {
    match unshare(flags) {
        Ok(()) => {}
        Err(Errno::EPERM) => panic!(
            "no privilege to make namespaces: run as root, or through \
             `unshare --user --map-root-user --net --mount -- COMMAND`"
        ),
        Err(error) => panic!("cannot make namespaces: {error}"),
    }
}
