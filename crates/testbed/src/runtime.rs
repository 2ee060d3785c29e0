//! Container runtimes as users run them, on a node of a bed: their own files, processes and cgroups, and none of the
//! machine's.

mod cgroup;
mod containerd;
mod cri;
mod image;
mod podman;
mod protobuf;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::program::program;

pub use containerd::Containerd;
pub use cri::{CriError, PodSandbox, SandboxStatus};
pub use podman::Podman;

/// Writes an executable that runs a low-level runtime in the way that this user namespace needs.
fn wrap_runtime(name: &str, wrapper: &Path) {
    // Without the group of terminals in the user namespace, a container's /dev/pts cannot belong to it.
    let edit = if maps_everybody("gid_map") {
        ""
    } else {
        "for at; do [ -f \"$at/config.json\" ] && sed -i 's/,\"gid=5\"//' \"$at/config.json\"; done"
    };
    let script = format!(
        "#!/bin/sh\n{edit}\nexec {} \"$@\"\n",
        program(name).display()
    );
    fs::write(wrapper, script).expect("write a runtime's wrapper");
    fs::set_permissions(wrapper, PermissionsExt::from_mode(0o755)).expect("make it executable");
}

/// Says whether this process's user namespace has all users or groups, as the first one has.
fn maps_everybody(map: &str) -> bool {
    let map = fs::read_to_string(format!("/proc/self/{map}")).expect("read an identity map");
    map.split_whitespace().eq(["0", "0", "4294967295"])
}
