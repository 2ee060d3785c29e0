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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_is_made_and_held_until_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = acquire(&path).unwrap().unwrap();
        let error = acquire_within(&path, Duration::from_millis(20)).unwrap_err();
        assert!(matches!(error, Error::LockHeld { .. }), "{error}");
        drop(held);
        assert!(acquire(&path).unwrap().is_some());
    }

    #[test]
    fn who_waits_gets_the_lock_as_soon_as_it_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = acquire(&path).unwrap().unwrap();
        let waiting = {
            let path = path.clone();
            thread::spawn(move || acquire_within(&path, Duration::from_mins(1)).map(|_| ()))
        };
        drop(held);
        assert!(waiting.join().unwrap().is_ok());
    }

    #[test]
    fn without_the_directory_there_is_no_lock_and_none_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        assert!(acquire(&missing.join("lock")).unwrap().is_none());
        assert!(!missing.exists());
    }

    #[test]
    fn a_link_in_place_of_the_lock_file_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &path).unwrap();
        assert!(matches!(acquire(&path), Err(Error::LockUnusable { .. })));
        assert!(!dir.path().join("elsewhere").exists());
    }
}
