//! The directory of records, one file for each attachment.
//!
//! A file is written beside its place and renamed into it, so that a crash leaves the old one or the
//! new one. It is not synced to disk: a crash of the node takes the pods along.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use cni::Attachment;
use serde::Deserialize;

use super::record::{Record, VERSION};
use crate::identity::fnv1a;

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
        remove(&self.path_of(attachment))
    }

    /// Reads the records of this boot. Those of an earlier one are removed, those that make no sense
    /// set aside, those of a newer format left alone.
    pub(crate) fn load(&self) -> Result<Vec<Record>, Error> {
        let error = |source| Error {
            path: self.directory.clone(),
            source,
        };
        let mut records = BTreeMap::new();
        for entry in fs::read_dir(&self.directory).map_err(error)? {
            let path = entry.map_err(error)?.path();
            let name = path.file_name().unwrap_or_default();
            if ends_with(name, TEMPORARY) {
                remove(&path)?;
            } else if ends_with(name, SUFFIX)
                && let Some(record) = self.read(&path)?
            {
                records.insert(record.attachment.clone(), record);
            }
        }
        Ok(records.into_values().collect())
    }

    fn read(&self, path: &Path) -> Result<Option<Record>, Error> {
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
            Ok(record) if self.path_of(&record.attachment) == path => Ok(Some(record)),
            Ok(record) => unreadable(&format_args!("it is about {}", record.attachment)),
            Err(error) => unreadable(&error),
        }
    }

    /// A name that tells people which attachment it is, and by its hash no two attachments share.
    fn path_of(&self, attachment: &Attachment) -> PathBuf {
        let identity = attachment.to_string();
        let readable = |text: &str| -> String {
            let safe = |c: char| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            };
            text.chars().take(READABLE).map(safe).collect()
        };
        self.directory.join(format!(
            "{}.{}.{}.{:016x}{SUFFIX}",
            readable(attachment.network.as_str()),
            readable(attachment.container_id.as_str()),
            readable(attachment.ifname.as_str()),
            fnv1a(identity.as_bytes()),
        ))
    }
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
const SUFFIX: &str = ".json";
const TEMPORARY: &str = ".json.new";
const ASIDE: &str = ".unreadable";

/// Characters of each name that a file's name shows.
const READABLE: usize = 48;

/// Far beyond any record.
const LONGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests;
