//! Where the record of a lease is, which plugin and daemon have to agree on.

use std::path::{Path, PathBuf};

use cni::Attachment;

use crate::identity::fnv1a;

/// How a record's name ends.
pub(crate) const SUFFIX: &str = ".json";

/// How a record's name ends once DEL has come for it and no daemon was there to release the lease.
pub(crate) const DELETED: &str = ".json.deleted";

/// The directory in which the daemon that listens on `socket` keeps its records, unless told otherwise.
pub(crate) fn directory_of(socket: &Path) -> PathBuf {
    match socket.extension() {
        Some(_) => socket.with_extension(""),
        None => socket.with_extension("state"),
    }
}

/// The record of an attachment, with a name that tells people which attachment it is, and by its hash
/// no two attachments share.
pub(crate) fn path_of(directory: &Path, attachment: &Attachment, suffix: &str) -> PathBuf {
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
    directory.join(format!(
        "{}.{}.{}.{:016x}{suffix}",
        readable(attachment.network.as_str()),
        readable(attachment.container_id.as_str()),
        readable(attachment.ifname.as_str()),
        fnv1a(attachment.to_string().as_bytes()),
    ))
}

/// Characters of each name that a file's name shows.
const READABLE: usize = 48;
