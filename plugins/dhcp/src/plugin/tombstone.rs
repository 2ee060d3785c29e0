//! A DEL that finds no daemon: the lease's record is marked, and the next daemon releases the lease.

use std::fs;
use std::io;
use std::path::Path;

use cni::Attachment;

use super::socket_path;
use crate::record_file::{self, DELETED, SUFFIX};

/// Marks the record that the daemon of `socket` left, if there is one. Returns whether there was.
pub(crate) fn leave(socket: &str, attachment: &Attachment) -> Result<bool, socket_path::Error> {
    let directory = record_file::directory_of(Path::new(socket));
    let directory = match socket_path::admit_directory(&directory) {
        Ok(directory) => directory,
        Err(socket_path::Error::Missing { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    let record = record_file::path_of(&directory, attachment, SUFFIX);
    let marked = record_file::path_of(&directory, attachment, DELETED);
    match fs::rename(&record, marked) {
        Ok(()) => Ok(true),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(socket_path::Error::Io {
            path: record.display().to_string(),
            source,
        }),
    }
}
