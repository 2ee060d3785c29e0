//! The directory of records, one file for each attachment.
//!
//! A file is written beside its place and renamed into it, so that a crash leaves the old one or the
//! new one. It is not synced to disk: a crash of the node takes the pods along.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use cni::Attachment;
use serde::Deserialize;

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

    /// Removes the record of an attachment, if there is one.
    pub(crate) fn remove(&self, attachment: &Attachment) -> Result<(), Error> {
        remove(&self.path_of(attachment))?;
        remove(&self.deleted_path_of(attachment))
    }

    /// Reads the records of this boot. Those of an earlier one are removed, those that make no sense
    /// set aside, those of a newer format left alone.
    pub(crate) fn load(&self) -> Result<Records, Error> {
        let error = |source| Error {
            path: self.directory.clone(),
            source,
        };
        let mut records = Records::default();
        for entry in fs::read_dir(&self.directory).map_err(error)? {
            let path = entry.map_err(error)?.path();
            let name = path.file_name().unwrap_or_default();
            if ends_with(name, TEMPORARY) {
                remove(&path)?;
            } else if ends_with(name, SUFFIX) {
                records.live.extend(self.read(&path, SUFFIX)?);
            } else if ends_with(name, DELETED) {
                records.deleted.extend(self.read(&path, DELETED)?);
            }
        }
        Ok(records)
    }

    fn read(&self, path: &Path, suffix: &str) -> Result<Option<Record>, Error> {
        let unreadable = |why: &dyn std::fmt::Display| {
            tracing::error!("setting the lease record {} aside: {why}", path.display());
            let mut aside = path.as_os_str().to_owned();
            aside.push(ASIDE);
            fs::rename(path, aside)
                .map(|()| None)
                .map_err(|source| Error {
                    path: path.to_owned(),
                    source,
                })
        };
        let mut json = Vec::new();
        let file = fs::File::open(path);
        let read = file.and_then(|file| file.take(LONGEST).read_to_end(&mut json));
        read.map_err(|source| Error {
            path: path.to_owned(),
            source,
        })?;
        let head: Head = match serde_json::from_slice(&json) {
            Ok(head) => head,
            Err(error) => return unreadable(&error),
        };
        if head.boot_id != self.boot_id {
            tracing::info!(
                "dropping the lease record {} of an earlier boot",
                path.display()
            );
            remove(path)?;
            return Ok(None);
        }
        if head.version != VERSION {
            let version = head.version;
            tracing::error!(
                "leaving the lease record {} of version {version} alone",
                path.display()
            );
            return Ok(None);
        }
        match serde_json::from_slice::<Record>(&json) {
            Ok(record)
                if record_file::path_of(&self.directory, &record.attachment, suffix) == path =>
            {
                Ok(Some(record))
            }
            Ok(record) => unreadable(&format_args!("it is about {}", record.attachment)),
            Err(error) => unreadable(&error),
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
const ASIDE: &str = ".unreadable";

/// Far beyond any record.
const LONGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests;
