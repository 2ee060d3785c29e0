//! The directory of records, one file for each attachment.
//!
//! A file is written beside its place and renamed into it, so that a crash leaves the old one or the
//! new one. It is not synced to disk: a crash of the node takes the pods along.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use cni::Attachment;
use nix::libc;
use serde::Deserialize;

use super::log;
use super::record::{Record, VERSION};
use crate::record_file::{self, DELETED, SUFFIX};

/// The records of this boot.
#[derive(Debug)]
pub(crate) struct RecordStore {
    directory: PathBuf,
    boot_id: String,
}

impl RecordStore {
    /// Opens the directory, and makes it if it is not there.
    pub(crate) fn open(directory: &Path) -> Result<Self, Error> {
        let error = |source| Error {
            path: directory.to_owned(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(error)?;
        let boot_id = fs::read_to_string(BOOT_ID).map_err(|source| Error {
            path: PathBuf::from(BOOT_ID),
            source,
        })?;
        Ok(Self {
            directory: directory.to_owned(),
            boot_id: boot_id.trim().to_owned(),
        })
    }

    /// The id of this boot.
    pub(crate) fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// Writes a record, in place of the attachment's last one.
    pub(crate) fn save(&self, record: &Record) -> Result<(), Error> {
        let path = self.path_of(&record.attachment);
        let mut beside = path.clone().into_os_string();
        beside.push(TEMPORARY);
        let beside = PathBuf::from(beside);
        write(&beside, record)
            .and_then(|()| fs::rename(&beside, &path))
            .map_err(|source| {
                // What is left of it is only in the way.
                let _ = fs::remove_file(&beside);
                Error { path, source }
            })
    }

    /// Marks the record of an attachment, if there is one, as that of a lease to release.
    pub(crate) fn mark_deleted(&self, attachment: &Attachment) -> Result<(), Error> {
        let path = self.path_of(attachment);
        match fs::rename(&path, self.deleted_path_of(attachment)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error { path, source }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Removes the record of an attachment, if there is one.
    pub(crate) fn remove(&self, attachment: &Attachment) -> Result<(), Error> {
        remove(&self.path_of(attachment))?;
        remove(&self.deleted_path_of(attachment))
    }

    /// Reads the records of this boot. Those of an earlier one are removed, those that make no sense
    /// set aside, those of a newer format left alone, and so is what cannot be read: one file must not
    /// keep the daemon from all the others.
    pub(crate) fn load(&self) -> Result<Records, Error> {
        let error = |source| Error {
            path: self.directory.clone(),
            source,
        };
        let mut live = Vec::new();
        let mut marked = BTreeSet::new();
        for entry in fs::read_dir(&self.directory).map_err(error)? {
            let path = entry.map_err(error)?.path();
            let name = path.file_name().unwrap_or_default();
            if ends_with(name, TEMPORARY) {
                log_failure(remove(&path));
            } else if ends_with(name, SUFFIX) {
                match self.read(&path, SUFFIX) {
                    Some(record) => live.push(record),
                    // DEL may have come for it since its name was read.
                    None => drop(marked.insert(path.with_extension(MARKED))),
                }
            } else if ends_with(name, DELETED) {
                marked.insert(path);
            }
        }
        let deleted: Vec<Record> = marked
            .iter()
            .filter_map(|path| self.read(path, DELETED))
            .collect();
        live.retain(|record| {
            let is_of = |deleted: &Record| deleted.attachment == record.attachment;
            !deleted.iter().any(is_of)
        });
        Ok(Records { live, deleted })
    }

    /// Reads a record that can be used; what becomes of one that cannot is only logged.
    fn read(&self, path: &Path, suffix: &str) -> Option<Record> {
        let json = match contents(path) {
            Ok(json) => json,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::error!("cannot read the lease record {}: {error}", path.display());
                return None;
            }
        };
        let head: Head = match serde_json::from_slice(&json) {
            Ok(head) => head,
            Err(error) => return set_aside(path, &error),
        };
        if head.boot_id != self.boot_id {
            tracing::info!(
                "dropping the lease record {} of an earlier boot",
                path.display()
            );
            log_failure(remove(path));
            return None;
        }
        if head.version != VERSION {
            let version = head.version;
            tracing::error!(
                "leaving the lease record {} of version {version} alone",
                path.display()
            );
            return None;
        }
        match serde_json::from_slice::<Record>(&json) {
            Ok(record)
                if record_file::path_of(&self.directory, &record.attachment, suffix) == path =>
            {
                Some(record)
            }
            Ok(record) => set_aside(path, &format_args!("it is about {}", record.attachment)),
            Err(error) => set_aside(path, &error),
        }
    }

    fn path_of(&self, attachment: &Attachment) -> PathBuf {
        record_file::path_of(&self.directory, attachment, SUFFIX)
    }

    fn deleted_path_of(&self, attachment: &Attachment) -> PathBuf {
        record_file::path_of(&self.directory, attachment, DELETED)
    }
}

/// What a directory of records tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    /// Leases to go on with.
    pub(crate) live: Vec<Record>,
    /// Leases to release: DEL has come for them while no daemon was there.
    pub(crate) deleted: Vec<Record>,
}

/// What every version of a record has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    version: u32,
    boot_id: String,
}

fn contents(path: &Path) -> io::Result<Vec<u8>> {
    // A FIFO must not make the daemon wait for who writes to it.
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut json = Vec::new();
    file.take(LONGEST).read_to_end(&mut json)?;
    Ok(json)
}

fn set_aside(path: &Path, why: &dyn Display) -> Option<Record> {
    tracing::error!("setting the lease record {} aside: {why}", path.display());
    let mut aside = path.as_os_str().to_owned();
    aside.push(ASIDE);
    log_failure(fs::rename(path, aside).map_err(|source| Error {
        path: path.to_owned(),
        source,
    }));
    None
}

fn log_failure(outcome: Result<(), Error>) {
    if let Err(error) = outcome {
        tracing::error!("cannot tidy up: {}", log::with_causes(&error));
    }
}

fn write(path: &Path, record: &Record) -> io::Result<()> {
    let json = serde_json::to_vec(record)?;
    let options = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    options?.write_all(&json)
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error {
            path: path.to_owned(),
            source,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn ends_with(name: &OsStr, suffix: &str) -> bool {
    name.to_str().is_some_and(|name| name.ends_with(suffix))
}

/// A record cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("lease record {}", path.display())]
pub(crate) struct Error {
    path: PathBuf,
    source: io::Error,
}

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const TEMPORARY: &str = ".json.new";
/// The extension that makes a name end in [`DELETED`] instead of [`SUFFIX`].
const MARKED: &str = "json.deleted";
const ASIDE: &str = ".unreadable";

/// Far beyond any record.
const LONGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests;
