//! The daemon's socket: inherited from systemd, or made here.
//!
//! A socket file left by a killed daemon is taken over. A live daemon's never is: it holds a lock on
//! the file beside the socket, wherever it got its own from, and a daemon without that lock (the
//! reference's) still answers a connection.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::{Mode, umask};

/// A listening socket, and what has to be tidied up after it.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UnixListener,
    own: Option<OwnSocket>,
    _lock: Flock<File>,
}

/// The right to serve a socket, before anybody can connect to it.
#[derive(Debug)]
pub(crate) struct Claim {
    path: PathBuf,
    /// The socket that systemd listens on already.
    passed: Option<UnixListener>,
    lock: Flock<File>,
}

impl Claim {
    /// Claims the socket that systemd passed, or one of our own at `path`.
    ///
    /// The lock is taken for either: a daemon with the other kind of socket would hold the same leases.
    pub(crate) fn stake(mut passed: ListenFd, path: &Path) -> Result<Self, Error> {
        let passed = match passed.len() {
            0 => None,
            1 => passed
                .take_unix_listener(0)
                .map_err(Error::NotAUnixSocket)?,
            count => return Err(Error::TooManySockets { count }),
        };
        if let Some(parent) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)
                .map_err(|source| Error::Io {
                    path: path.to_owned(),
                    source,
                })?;
        }
        let lock = lock(path)?;
        if passed.is_none() {
            remove_stale(path)?;
        }
        Ok(Self {
            path: path.to_owned(),
            passed,
            lock,
        })
    }

    /// Listens.
    pub(crate) fn listen(self) -> Result<Listener, Error> {
        let (socket, own) = if let Some(socket) = self.passed {
            (socket, None)
        } else {
            let (socket, own) = bind(self.path)?;
            (socket, Some(own))
        };
        socket
            .set_nonblocking(true)
            .map_err(Error::NotAUnixSocket)?;
        Ok(Listener {
            socket,
            own,
            _lock: self.lock,
        })
    }
}

impl Listener {
    /// The socket to accept connections on.
    pub(crate) fn socket(&self) -> &UnixListener {
        &self.socket
    }

    /// Whether systemd made the socket.
    pub(crate) fn is_inherited(&self) -> bool {
        self.own.is_none()
    }

    /// Stops listening. A socket made here is unlinked, unless another has taken its place.
    pub(crate) fn close(self) -> Result<(), Error> {
        let Some(own) = &self.own else { return Ok(()) };
        if identity(&own.path).is_ok_and(|found| found == own.identity) {
            fs::remove_file(&own.path).map_err(|source| Error::Io {
                path: own.path.clone(),
                source,
            })?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct OwnSocket {
    path: PathBuf,
    identity: (u64, u64),
}

fn bind(path: PathBuf) -> Result<(UnixListener, OwnSocket), Error> {
    let io = |source| Error::Io {
        path: path.clone(),
        source,
    };
    // The mode has to be right from the moment the file exists.
    let before = umask(Mode::from_bits_truncate(0o177));
    let bound = UnixListener::bind(&path);
    umask(before);
    let socket = bound.map_err(io)?;
    let identity = identity(&path).map_err(io)?;
    Ok((socket, OwnSocket { path, identity }))
}

/// Takes the lock that says a daemon serves `path`. The file stays: unlinking it would let two daemons
/// hold locks on two files of one name.
fn lock(path: &Path) -> Result<Flock<File>, Error> {
    let name = path.with_extension("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .map_err(|source| Error::Io {
            path: name.clone(),
            source,
        })?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
        if errno == Errno::EWOULDBLOCK {
            Error::InUse {
                path: path.to_owned(),
            }
        } else {
            Error::Io {
                path: name,
                source: errno.into(),
            }
        }
    })
}

/// Removes a socket file that nobody listens on.
fn remove_stale(path: &Path) -> Result<(), Error> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
    };
    if !found.file_type().is_socket() {
        return Err(Error::NotASocket {
            path: path.to_owned(),
        });
    }
    match UnixStream::connect(path) {
        Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(_) | Err(_) => {
            return Err(Error::InUse {
                path: path.to_owned(),
            });
        }
    }
    tracing::info!(socket = %path.display(), "taking over the socket of a daemon that is gone");
    fs::remove_file(path).map_err(io)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// Why there is no socket to serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("another dhcp daemon already serves {}", path.display())]
    InUse { path: PathBuf },
    #[error("{} exists and is no socket; remove it or choose another -socketpath", path.display())]
    NotASocket { path: PathBuf },
    #[error("systemd passed {count} sockets; exactly one is expected")]
    TooManySockets { count: usize },
    #[error("the socket that systemd passed is no Unix stream socket")]
    NotAUnixSocket(#[source] io::Error),
    #[error("cannot listen on {}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Mutex;

    use super::*;

    /// The umask is that of the whole process.
    static UMASK: Mutex<()> = Mutex::new(());

    fn at(path: &Path) -> Result<Listener, Error> {
        let _alone = UMASK.lock().unwrap();
        Claim::stake(ListenFd::empty(), path)?.listen()
    }

    #[test]
    fn directory_and_socket_belong_to_the_owner_alone_from_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cni/dhcp.sock");
        let listener = at(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(&path), 0o600);
        assert!(!listener.is_inherited());
    }

    #[test]
    fn a_socket_nobody_listens_on_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dhcp.sock");
        drop(UnixListener::bind(&path).unwrap());
        let _listener = at(&path).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_socket_somebody_listens_on_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dhcp.sock");
        let _reference = UnixListener::bind(&path).unwrap();
        assert!(matches!(at(&path), Err(Error::InUse { .. })));
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_daemon_that_holds_the_lock_is_left_alone_even_without_its_socket_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dhcp.sock");
        let _live = at(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(matches!(at(&path), Err(Error::InUse { .. })));
    }

    #[test]
    fn any_other_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dhcp.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(at(&path), Err(Error::NotASocket { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn closing_unlinks_the_own_socket_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dhcp.sock");
        at(&path).unwrap().close().unwrap();
        assert!(!path.exists());

        let listener = at(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        listener.close().unwrap();
        assert!(path.exists());
    }
}
