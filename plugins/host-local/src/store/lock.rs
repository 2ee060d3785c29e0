//! The lock of a network's directory: an exclusive flock on the file `lock`, as the reference
//! takes it, but not waited for without end.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::fcntl::OFlag;

use crate::error::Error;

/// Opens the lock file, making it where it is missing, and locks it; `None` if its directory
/// does not exist. The lock is held until the file is dropped.
pub(super) fn acquire(path: &Path) -> Result<Option<File>, Error> {
    acquire_within(path, PATIENCE)
}

fn acquire_within(path: &Path, patience: Duration) -> Result<Option<File>, Error> {
    let unusable = |source| Error::LockUnusable {
        path: path.to_owned(),
        source,
    };
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .mode(0o750)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => wait_for(file, path, patience).map(Some),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

/// Waits on a thread of its own, since flock knows no time limit; past the limit the thread goes
/// with the process, which has nothing left to do then but report.
fn wait_for(file: File, path: &Path, patience: Duration) -> Result<File, Error> {
    let (sender, receiver) = mpsc::channel();
    let spawned = thread::Builder::new().spawn(move || {
        let locked = file.lock();
        drop(sender.send(locked.map(|()| file)));
    });
    let unusable = |source| Error::LockUnusable {
        path: path.to_owned(),
        source,
    };
    spawned.map_err(unusable)?;
    match receiver.recv_timeout(patience) {
        Ok(locked) => locked.map_err(unusable),
        Err(_) => Err(Error::LockHeld {
            path: path.to_owned(),
            waited: patience,
        }),
    }
}

/// Less than the time that kubelet and the runtimes allow a plugin, and far more than any number
/// of pods starting at once needs: an allocation takes a millisecond.
const PATIENCE: Duration = Duration::from_secs(20);
