//! Network namespaces: opened by path or descriptor, told apart by device and inode, entered for the length of a call
//! (`setns(2)`, `namespaces(7)`, `ioctl_ns(2)`).
#![expect(
    unsafe_code,
    reason = "nix has no NS_GET_NSTYPE, and its ioctl macros make unsafe functions"
)]

use std::io::Write as _;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::{Mode, fstat};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};

use crate::Error;

/// A network namespace, kept alive for as long as the value lives.
#[derive(Debug)]
pub struct Netns {
    fd: OwnedFd,
}

/// The identity of a namespace: two descriptors are of the same namespace exactly when these are equal.
///
/// The kernel may give the inode of a dead namespace to a new one, so the identity means nothing without a
/// descriptor that is still open, or other evidence that the namespace has lived on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetnsId {
    /// The device of the nsfs file system.
    pub dev: u64,
    /// The inode of the namespace in it.
    pub ino: u64,
}

impl Netns {
    /// Opens the namespace at `path`: a bind mount such as `/run/netns/x`, or `/proc/PID/ns/net`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing is there, [`Error::NotANamespace`] when what is there is a plain file (a bind
    /// mount that has gone leaves one behind) or a namespace of another type.
    pub fn open(path: &Path) -> Result<Self, Error> {
        // Without O_NONBLOCK a FIFO at the path would hang the call.
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let fd = open(path, flags, Mode::empty()).map_err(|errno| {
            let path = path.to_owned();
            // ESRCH: the process of a /proc/PID path has been reaped between the look-up and the open.
            if [Errno::ENOENT, Errno::ENOTDIR, Errno::ESRCH].contains(&errno) {
                Error::NotFound { path }
            } else if errno == Errno::ENXIO {
                Error::NotANamespace { path }
            } else {
                Error::Open { path, errno }
            }
        })?;
        if is_network_namespace(&fd) {
            Ok(Self { fd })
        } else {
            Err(Error::NotANamespace {
                path: path.to_owned(),
            })
        }
    }

    /// Opens the namespace that the calling thread is in.
    pub fn current() -> Result<Self, Error> {
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// Takes a descriptor that came from elsewhere, after a check that it is a network namespace.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, Error> {
        if is_network_namespace(&fd) {
            Ok(Self { fd })
        } else {
            Err(Error::NotANamespaceDescriptor)
        }
    }

    /// Returns the identity of the namespace.
    pub fn id(&self) -> Result<NetnsId, Error> {
        let stat =
            fstat(&self.fd).map_err(Error::system("read the identity of a network namespace"))?;
        Ok(NetnsId {
            dev: stat.st_dev,
            ino: stat.st_ino,
        })
    }

    /// Returns a second descriptor of the same namespace.
    pub fn try_clone(&self) -> Result<Self, Error> {
        let fd = self.fd.try_clone().map_err(|error| Error::System {
            operation: "duplicate the descriptor of a network namespace",
            errno: Errno::from_raw(error.raw_os_error().unwrap_or(0)),
        })?;
        Ok(Self { fd })
    }

    /// Runs `work` with the calling thread inside the namespace.
    ///
    /// Only this thread is moved, so `work` must not rely on other threads to be inside. Sockets made inside stay
    /// inside. The thread is back in its own namespace when this returns or unwinds; should the kernel refuse the way
    /// back, the process is aborted, because nothing that it did afterwards could be trusted to happen in the right
    /// place.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> Result<T, Error> {
        let home = Home(Self::current()?);
        setns(&self.fd, CloneFlags::CLONE_NEWNET)
            .map_err(Error::system("enter the network namespace"))?;
        let result = work();
        drop(home);
        Ok(result)
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The way back out of a namespace.
struct Home(Netns);

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(errno) = setns(&self.0.fd, CloneFlags::CLONE_NEWNET) {
            let _ = writeln!(
                std::io::stderr(),
                "cannot leave the network namespace: {errno}; aborting"
            );
            std::process::abort();
        }
    }
}

fn is_network_namespace(fd: &OwnedFd) -> bool {
    // The file system comes first: the ioctl's number may mean something else to the device behind another file.
    if !fstatfs(fd).is_ok_and(|stat| stat.filesystem_type() == NSFS_MAGIC) {
        return false;
    }
    // SAFETY: NS_GET_NSTYPE takes no argument and touches no memory of ours; the descriptor is open for the call.
    let kind = unsafe { ioctl::ns_get_nstype(fd.as_raw_fd()) };
    kind == Ok(libc::CLONE_NEWNET)
}

mod ioctl {
    // <linux/nsfs.h>: NS_GET_NSTYPE is _IO(0xb7, 0x3).
    nix::ioctl_none!(
        /// Returns the type of a namespace as its `CLONE_NEW*` flag.
        ns_get_nstype,
        0xb7,
        3
    );
}

#[cfg(test)]
mod tests;
