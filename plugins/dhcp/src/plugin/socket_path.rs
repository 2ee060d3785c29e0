//! Which sockets a network definition may send this plugin to.
//!
//! The plugin runs as root, the definition may be a tenant's. So the socket has to lie where only
//! root can have put it: under /run, in directories that root alone can change, owned by root.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The directory that holds every socket a definition may name.
const ROOT: &str = "/run";

/// Returns `path` without symlinks, if the plugin may connect to it.
pub(crate) fn admit(path: &str) -> Result<PathBuf, Error> {
    let refuse = |why| Error::Refused {
        path: path.to_owned(),
        why,
    };
    let given = Path::new(path);
    if !given.is_absolute() {
        return Err(refuse(Refusal::Relative));
    }
    if !given.starts_with(ROOT) && !given.starts_with("/var/run") {
        return Err(refuse(Refusal::Outside));
    }
    let socket = fs::canonicalize(given).map_err(failure(path))?;
    if !socket.starts_with(ROOT) {
        return Err(refuse(Refusal::Outside));
    }
    let found = fs::symlink_metadata(&socket).map_err(failure(path))?;
    if !found.file_type().is_socket() {
        return Err(refuse(Refusal::NotASocket));
    }
    if found.uid() != 0 {
        return Err(refuse(Refusal::NotRoots));
    }
    match socket.parent() {
        Some(directory) => roots_alone(directory, path)?,
        None => return Err(refuse(Refusal::Outside)),
    }
    Ok(socket)
}

/// Returns `directory` without symlinks, if the plugin may change what is in it.
pub(crate) fn admit_directory(directory: &Path) -> Result<PathBuf, Error> {
    let path = directory.display().to_string();
    let found = fs::canonicalize(directory).map_err(failure(&path))?;
    if !found.starts_with(ROOT) {
        return Err(Error::Refused {
            path,
            why: Refusal::Outside,
        });
    }
    roots_alone(&found, &path)?;
    Ok(found)
}

/// Makes sure that nobody but root can change what `path` leads to.
fn roots_alone(directory: &Path, path: &str) -> Result<(), Error> {
    for directory in directory
        .ancestors()
        .take_while(|dir| dir.starts_with(ROOT))
    {
        let found = fs::symlink_metadata(directory).map_err(failure(path))?;
        if found.uid() != 0 || is_shared(found.mode(), found.gid()) {
            return Err(Error::Refused {
                path: path.to_owned(),
                why: Refusal::SharedDirectory,
            });
        }
    }
    Ok(())
}

/// Whether others than root can replace what root has put into a directory of this mode and group. In
/// a sticky one, such as a tmpfs mounted without options, they can only add to it.
fn is_shared(mode: u32, gid: u32) -> bool {
    let by_others = mode & 0o002 != 0;
    let by_group = mode & 0o020 != 0 && gid != 0;
    (by_others || by_group) && mode & 0o1000 == 0
}

fn failure(path: &str) -> impl Fn(io::Error) -> Error {
    move |source| {
        if source.kind() == io::ErrorKind::NotFound {
            Error::Missing {
                path: path.to_owned(),
            }
        } else {
            Error::Io {
                path: path.to_owned(),
                source,
            }
        }
    }
}

/// Why there is no socket to connect to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is nothing there: the daemon is not running.
    #[error("{path:?} does not exist")]
    Missing { path: String },
    #[error("{path:?} is not allowed: {why}")]
    Refused { path: String, why: Refusal },
    #[error("cannot examine {path:?}: {source}")]
    Io { path: String, source: io::Error },
}

/// Why a path is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it is not absolute")]
    Relative,
    #[error("it is not under /run or /var/run")]
    Outside,
    #[error("it is no socket")]
    NotASocket,
    #[error("root does not own it")]
    NotRoots,
    #[error("others than root can change a directory on the way")]
    SharedDirectory,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &str) -> Option<Refusal> {
        match admit(path) {
            Err(Error::Refused { why, .. }) => Some(why),
            Err(Error::Missing { .. } | Error::Io { .. }) | Ok(_) => None,
        }
    }

    #[test]
    fn paths_outside_run_are_refused_before_they_are_looked_at() {
        for (path, why) in [
            ("run/cni/dhcp.sock", Refusal::Relative),
            ("", Refusal::Relative),
            ("/tmp/dhcp.sock", Refusal::Outside),
            ("/runaway/dhcp.sock", Refusal::Outside),
            ("/run/../etc/passwd", Refusal::Outside),
            ("/var/run/../../etc/passwd", Refusal::Outside),
        ] {
            assert_eq!(refusal(path), Some(why), "{path}");
        }
    }

    #[test]
    fn a_missing_socket_is_told_from_a_refused_one() {
        assert!(matches!(
            admit("/run/no such daemon.sock"),
            Err(Error::Missing { .. })
        ));
    }

    #[test]
    fn a_directory_is_shared_when_others_can_replace_what_root_put_there() {
        for (mode, gid, shared) in [
            (0o755, 0, false),
            (0o755, 7, false),
            (0o775, 0, false),
            (0o775, 7, true),
            (0o777, 0, true),
            (0o1777, 0, false),
            (0o1775, 7, false),
        ] {
            assert_eq!(is_shared(mode, gid), shared, "{mode:o} of group {gid}");
        }
    }

    #[test]
    fn a_directory_is_no_socket() {
        assert_eq!(refusal("/run/."), Some(Refusal::NotASocket));
    }
}
