//! The reservations of one network: a directory with one file per address, in the reference's
//! format, so that its executable and this one can serve the same network at the same time.
//!
//! `lock` is the file that whoever changes anything holds, and `last_reserved_ip.N` names the
//! address reserved last for range set N. Names that are no IP address are not ours to touch.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use crate::error::Error;
use crate::owner::Owner;
use crate::reservations::Reservations;

mod lock;

/// The directory of one network.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

/// The directory while this process holds its lock.
#[derive(Debug)]
pub(crate) struct LockedDirectory<'a> {
    path: &'a Path,
    _lock: File,
}

impl Directory {
    /// Names the directory of a network, whether it exists or not.
    pub(crate) fn of(data_dir: &Path, network: &cni::NetworkName) -> Directory {
        Directory {
            path: data_dir.join(network.as_str()),
        }
    }

    /// Returns where the directory is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock, making the directory first where it is missing.
    pub(crate) fn lock_or_create(&self) -> Result<LockedDirectory<'_>, Error> {
        if let Some(locked) = self.lock_existing()? {
            return Ok(locked);
        }
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&self.path);
        made.map_err(|source| Error::DirectoryNotMade {
            path: self.path.clone(),
            source,
        })?;
        self.lock_existing()?
            .ok_or_else(|| Error::DirectoryNotMade {
                path: self.path.clone(),
                source: io::ErrorKind::NotFound.into(),
            })
    }

    /// Takes the lock; `None` if there is no such directory.
    pub(crate) fn lock_existing(&self) -> Result<Option<LockedDirectory<'_>>, Error> {
        let lock = lock::acquire(&self.path.join(LOCK_FILE))?;
        Ok(lock.map(|lock| LockedDirectory {
            path: &self.path,
            _lock: lock,
        }))
    }

    /// Makes sure that a file can be written here, as far as that shows without writing one.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        let path = self
            .path
            .ancestors()
            .find(|path| path.exists())
            .unwrap_or(Path::new("."));
        let not_writable = |errno: Errno| Error::NotWritable {
            path: path.to_owned(),
            source: errno.into(),
        };
        if !path.is_dir() {
            return Err(not_writable(Errno::ENOTDIR));
        }
        access(path, AccessFlags::W_OK | AccessFlags::X_OK).map_err(not_writable)?;
        let usage = statvfs(path).map_err(not_writable)?;
        // A file system without a fixed number of inodes reports that it has none at all.
        let no_inodes = usage.files() > 0 && usage.files_free() == 0;
        if usage.blocks_free() == 0 || no_inodes {
            return Err(Error::FileSystemFull {
                path: path.to_owned(),
            });
        }
        Ok(())
    }

    /// Reads the reservations as they are at this moment; none if there is no such directory.
    ///
    /// A file that is being written by the reference may count as reserved for an unknown owner.
    pub(crate) fn reservations(&self) -> Result<Reservations, Error> {
        let mut reservations = Reservations::default();
        for_each_reservation(&self.path, |address, _, owner| {
            reservations.insert(address, owner.unwrap_or(Owner::Unknown));
        })?;
        Ok(reservations)
    }
}

impl LockedDirectory<'_> {
    /// Reads the reservations, clearing away what crashed writers left.
    ///
    /// Every writer holds the lock from creating a file until it is complete, so that an empty
    /// reservation seen under the lock has no living writer. A write that never reached the disk
    /// before the power went looks the same, which is why no write here waits for the disk.
    pub(crate) fn reservations(&self) -> Result<Reservations, Error> {
        let mut reservations = Reservations::default();
        let mut leftovers = Vec::new();
        for_each_reservation(self.path, |address, path, owner| match owner {
            Some(owner) => reservations.insert(address, owner),
            None => leftovers.push((address, path.to_owned())),
        })?;
        for (address, path) in leftovers {
            if remove(&path).is_err() {
                reservations.insert(address, Owner::Unknown);
            }
        }
        Ok(reservations)
    }

    /// Returns the address that was reserved last for a range set, if that is known.
    pub(crate) fn last_reserved(&self, set: usize) -> Option<IpAddr> {
        let mut text = String::new();
        let file = open_unfollowed(&self.last_reserved_path(set)).ok()?;
        file.take(LONGEST_ADDRESS).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }

    /// Reserves an address that has no reservation, with its file complete from the first moment.
    pub(crate) fn reserve(&self, address: IpAddr, owner: &Owner) -> Result<(), Error> {
        let new = self.path.join(NEW_FILE);
        let written = write(&new, owner.contents().as_bytes())
            .and_then(|()| fs::rename(&new, self.reservation_path(address)));
        written.map_err(|source| {
            // It takes up space that may be what is lacking; one that stays is written over.
            drop(remove(&new));
            Error::NotReserved { path: new, source }
        })
    }

    /// Records an address as the last one reserved for a range set.
    ///
    /// In place: one that a crash leaves half written at worst has the next round start elsewhere.
    pub(crate) fn set_last_reserved(&self, set: usize, address: IpAddr) -> Result<(), Error> {
        let path = self.last_reserved_path(set);
        write(&path, address.to_string().as_bytes())
            .map_err(|source| Error::NotReserved { path, source })
    }

    /// Removes the reservation of an address, if there is one.
    pub(crate) fn release(&self, address: IpAddr) -> Result<(), Error> {
        let path = self.reservation_path(address);
        remove(&path).map_err(|source| Error::NotReleased { path, source })
    }

    fn reservation_path(&self, address: IpAddr) -> PathBuf {
        self.path.join(address.to_string())
    }

    fn last_reserved_path(&self, set: usize) -> PathBuf {
        self.path.join(format!("{LAST_RESERVED_PREFIX}{set}"))
    }
}

fn for_each_reservation(
    directory: &Path,
    mut found: impl FnMut(IpAddr, &Path, Option<Owner>),
) -> Result<(), Error> {
    let unreadable = |source| Error::DirectoryNotRead {
        path: directory.to_owned(),
        source,
    };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(unreadable)?,
    };
    let mut buffer = vec![0; READ_AT_ONCE];
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        let Some(address) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let path = directory.join(&name);
        match read_owner(&path, &mut buffer) {
            Ok(owner) => found(address, &path, owner),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => found(address, &path, Some(Owner::Unknown)),
        }
    }
    Ok(())
}

/// Reads a reservation with one `read`: a regular file gives all it has.
fn read_owner(path: &Path, buffer: &mut Vec<u8>) -> io::Result<Option<Owner>> {
    let mut file = open_unfollowed(path)?;
    let mut length = file.read(buffer)?;
    while length == buffer.len() && length < LONGEST_RESERVATION {
        buffer.resize(length * 2, 0);
        length += file.read(buffer.get_mut(length..).unwrap_or_default())?;
    }
    Ok(buffer.get(..length).and_then(Owner::parse))
}

/// Opens what ought to be a regular file without waiting on a pipe or following a link.
fn open_unfollowed(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
}

/// Writes a file over what is there. It is neither replaced nor cut to nothing first, since ext4
/// then sends the new contents to the disk at once (`auto_da_alloc`).
fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)?;
    file.write_all(contents)?;
    let length = contents.len() as u64;
    if file.metadata()?.len() > length {
        file.set_len(length)?;
    }
    // Some file systems report a full disk only when the file is closed.
    Ok(nix::unistd::close(file)?)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

const LOCK_FILE: &str = "lock";
const LAST_RESERVED_PREFIX: &str = "last_reserved_ip.";
/// One name is enough: whoever writes holds the lock.
const NEW_FILE: &str = ".reservation.new";

/// Room for any IPv6 address in text, and a line break.
const LONGEST_ADDRESS: u64 = 64;
/// Container IDs of the known runtimes have 64 characters, ifnames at most 15.
const READ_AT_ONCE: usize = 512;
/// Twice what one environment variable can hold.
const LONGEST_RESERVATION: usize = 256 * 1024;
