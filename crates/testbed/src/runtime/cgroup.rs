//! A cgroup for everything that a runtime starts, so that all of it can be ended and nothing of it stays.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, poll};

use crate::deadline::Deadline;
use crate::node::Node;
use crate::space::Space;

/// A child of this process's cgroup. When it is dropped, what is in it is killed and it is removed; a test that is
/// killed itself leaves it behind, empty.
#[derive(Debug)]
pub(super) struct Cgroup {
    space: Arc<Space>,
    path: PathBuf,
}

impl Cgroup {
    /// Makes the cgroup; `None` where this process may not, as without root. A runtime then goes on without.
    pub(super) fn make(node: &Node) -> Option<Self> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let own = fs::read_to_string("/proc/self/cgroup").expect("read the process's cgroup");
        let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let name = format!("lanyard-test-{}-{number}", std::process::id());
        node.enter(|| {
            fs::create_dir_all(MOUNT_POINT).expect("make a mount point");
            let kind = Some("cgroup2");
            let mounted = mount(kind, MOUNT_POINT, kind, MsFlags::empty(), None::<&str>);
            // The node may have another runtime, with this mount.
            if !matches!(mounted, Ok(()) | Err(Errno::EBUSY)) {
                return None;
            }
            let path = Path::new(MOUNT_POINT).join(own).join(name);
            match fs::create_dir(&path) {
                Ok(()) => Some(path),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                    ) =>
                {
                    None
                }
                Err(error) => panic!("make the cgroup {}: {error}", path.display()),
            }
        })
        .map(|path| Self {
            space: node.space(),
            path,
        })
    }

    /// Returns where the cgroup is on the node.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Ends everything in the cgroup, and waits for the end.
    fn clear(&self) -> Result<(), String> {
        let wrong = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
        fs::write(self.path.join("cgroup.kill"), "1").map_err(|error| wrong("kill", &error))?;
        let deadline = Deadline::secs(10);
        let file = File::open(self.path.join("cgroup.events"));
        let file = file.map_err(|error| wrong("open its events", &error))?;
        loop {
            // A notice is given to whoever has read through the same file.
            let mut text = [0; 128];
            let length = file
                .read_at(&mut text, 0)
                .map_err(|error| wrong("read", &error))?;
            if text[..length].starts_with(b"populated 0") {
                return remove(&self.path).map_err(|error| wrong("remove", &error));
            }
            let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLPRI)];
            match poll(&mut fds, deadline.poll_timeout()) {
                Ok(0) => return Err("its processes do not end".to_owned()),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(wrong("poll", &error)),
            }
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Err(error) = self.space.enter(|| self.clear()) {
            eprintln!("cannot clear the cgroup {}: {error}", self.path.display());
        }
    }
}

/// Removes a cgroup and those in it, which only rmdir(2) does.
fn remove(path: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(path)?.flatten() {
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(path)
}

const MOUNT_POINT: &str = "/run/cgroup2";
