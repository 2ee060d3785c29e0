//! Where the host's files are for a daemon that runs in a container (`-hostprefix`).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::libc;

/// The directory that is the host's root.
#[derive(Debug, Clone)]
pub(crate) struct HostRoot {
    prefix: Option<PathBuf>,
}

impl HostRoot {
    pub(crate) fn new(prefix: Option<&Path>) -> Self {
        let prefix = prefix.filter(|prefix| !prefix.as_os_str().is_empty());
        Self {
            prefix: prefix.map(Path::to_owned),
        }
    }

    /// Where the host's `path` is here.
    pub(crate) fn path_of(&self, path: &Path) -> PathBuf {
        match &self.prefix {
            Some(prefix) => prefix.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_owned(),
        }
    }

    /// Opens the host's file `path`. Symlinks are followed as the host would.
    pub(crate) fn open(&self, path: &Path) -> io::Result<OwnedFd> {
        let Some(prefix) = &self.prefix else {
            return Ok(read_only(path)?.into());
        };
        let root = read_only(prefix)?;
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        match openat2(&root, path, how) {
            Ok(fd) => Ok(fd),
            // Kernels before 5.6, and the magic links under /proc.
            Err(Errno::ENOSYS | Errno::ELOOP) => Ok(read_only(&self.path_of(path))?.into()),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn read_only(path: &Path) -> io::Result<File> {
    // A path that became a FIFO must not block.
    File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
}
