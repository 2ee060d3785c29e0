//! A pair of namespaces that the calling thread can step into and back out of.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace, and the mount namespace that belongs to it where it has one of its own.
#[derive(Debug)]
pub struct Space {
    net: OwnedFd,
    mnt: Option<OwnedFd>,
}

impl Space {
    /// Returns the namespaces that the calling thread is in.
    #[must_use]
    pub fn current() -> Self {
        Self {
            net: open("/proc/thread-self/ns/net"),
            mnt: Some(open("/proc/thread-self/ns/mnt")),
        }
    }

    /// Makes a network namespace, with loopback up, that shares the caller's mounts.
    #[must_use]
    pub fn new_net() -> Self {
        let home = Self::current();
        unshare(CloneFlags::CLONE_NEWNET).expect("unshare a network namespace");
        crate::wiring::set_up("lo");
        let made = Self {
            net: open("/proc/thread-self/ns/net"),
            mnt: None,
        };
        home.step_into();
        made
    }

    /// Makes network and mount namespaces, runs `furnish` in them, and returns them.
    pub(crate) fn new_net_and_mounts(furnish: impl FnOnce()) -> Self {
        let home = Home(Self::current());
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
            .expect("unshare network and mount namespaces");
        crate::wiring::set_up("lo");
        furnish();
        let made = Self::current();
        drop(home);
        made
    }

    /// Opens the network namespace that the file at `path` is.
    #[track_caller]
    pub(crate) fn open_net(path: &Path) -> Self {
        let file = File::open(path);
        let file = file.unwrap_or_else(|error| panic!("open {}: {error}", path.display()));
        Self::from_net(file.into())
    }

    /// Wraps an open network namespace.
    pub(crate) fn from_net(net: OwnedFd) -> Self {
        Self { net, mnt: None }
    }

    /// Returns the network namespace alone.
    pub(crate) fn net_only(&self) -> Self {
        Self::from_net(self.net.try_clone().expect("duplicate a namespace's file"))
    }

    /// Runs `work` on this thread in these namespaces, and comes back even if it panics.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let home = Home(Self::current());
        self.step_into();
        let result = work();
        drop(home);
        result
    }

    /// Moves the thread for good.
    fn step_into(&self) {
        self.try_step_into().expect("enter namespaces");
    }

    /// Moves the thread for good.
    pub(crate) fn try_step_into(&self) -> nix::Result<()> {
        if let Some(mnt) = &self.mnt {
            // A thread shares its root and working directory with its creator, and such a thread may not change mounts.
            unshare(CloneFlags::CLONE_FS)?;
            setns(mnt, CloneFlags::CLONE_NEWNS)?;
        }
        setns(&self.net, CloneFlags::CLONE_NEWNET)
    }

    /// Returns the network namespace, for handing links to it.
    #[must_use]
    pub fn net(&self) -> BorrowedFd<'_> {
        self.net.as_fd()
    }
}

/// Brings the thread back when it goes out of scope.
struct Home(Space);

impl Drop for Home {
    fn drop(&mut self) {
        self.0.step_into();
    }
}

fn open(path: &str) -> OwnedFd {
    File::open(path)
        .unwrap_or_else(|error| panic!("open {path}: {error}"))
        .into()
}
