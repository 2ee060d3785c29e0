//! The private file system of a bed or node: fresh `/run` and `/var/lib/cni`, all else as on the machine.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;

use nix::mount::{MsFlags, mount};

/// Keeps everything mounted from now on from reaching the machine.
pub(crate) fn make_private() {
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .expect("make the mounts private");
}

/// Puts an empty `/run` in place, and lets `/var/run` lead there.
pub(crate) fn fresh_run() {
    fresh("/run");
    let var_run = Path::new("/var/run");
    if var_run.is_dir() && !var_run.is_symlink() {
        mount(
            Some("/run"),
            var_run,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .expect("bind /run onto /var/run");
    }
}

/// Lets mount namespaces that are copied from this one share what is mounted below `/run`, in both directions.
pub(crate) fn share_run() {
    for path in ["/run", "/var/run"] {
        let shared = mount(
            None::<&str>,
            path,
            None::<&str>,
            MsFlags::MS_SHARED,
            None::<&str>,
        );
        // Where /var/run leads to /run, this has been done; where it is no mount point, nothing is mounted there.
        assert!(
            shared.is_ok() || path != "/run",
            "share the mounts below /run: {shared:?}"
        );
    }
}

/// Makes sure that `/var/lib/cni` exists, without making it on the machine.
///
/// Where it does not exist, `/var/lib` becomes a tmpfs in which every entry of the machine's is mounted.
pub(crate) fn provide_var_lib_cni() {
    if Path::new("/var/lib/cni").is_dir() {
        return;
    }
    let machine = fs::File::open("/var/lib").expect("open /var/lib");
    fresh("/var/lib");
    let machine = format!("/proc/self/fd/{}", machine.as_raw_fd());
    for entry in fs::read_dir(&machine).expect("list /var/lib").flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let target = Path::new("/var/lib").join(entry.file_name());
        if kind.is_dir() {
            fs::create_dir(&target).expect("make a mount point in /var/lib");
            mount(
                Some(&entry.path()),
                &target,
                None::<&str>,
                MsFlags::MS_BIND | MsFlags::MS_REC,
                None::<&str>,
            )
            .unwrap_or_else(|error| panic!("mount {} again: {error}", target.display()));
        }
    }
    fs::create_dir("/var/lib/cni").expect("make /var/lib/cni");
}

/// Puts an empty file system in place of what is at `path`.
pub(crate) fn fresh(path: &str) {
    mount(
        Some("tmpfs"),
        path,
        Some("tmpfs"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some("mode=0755"),
    )
    .unwrap_or_else(|error| panic!("mount a tmpfs on {path}: {error}"));
}
