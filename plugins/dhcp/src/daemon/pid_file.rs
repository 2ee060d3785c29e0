//! The file that names the daemon's process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A pid file, removed on drop.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes this process's id, in decimal and without a newline, as the reference does.
    pub(crate) fn write(path: &Path) -> Result<Self, Error> {
        let error = |source| Error {
            path: path.to_owned(),
            source,
        };
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        fs::write(&temporary, std::process::id().to_string()).map_err(error)?;
        fs::rename(&temporary, path).map_err(error)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let own = std::process::id().to_string();
        if fs::read_to_string(&self.path).is_ok_and(|found| found == own)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), "cannot remove the pid file: {error}");
        }
    }
}

/// The pid file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the pid file {}", path.display())]
pub(crate) struct Error {
    path: PathBuf,
    source: io::Error,
}
