//! Searching the directories of `CNI_PATH` for a plugin.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use cni::{Code, Error, quoted};

/// Returns the first executable file of the name.
pub(super) fn in_path(plugin_type: &str, path: &[PathBuf]) -> Result<PathBuf, Error> {
    if plugin_type.is_empty() || plugin_type.contains(['/', '\0']) {
        return Err(Error::new(
            Code::InvalidConfig,
            format!("{} is not the name of a plugin", quoted(plugin_type)),
        ));
    }
    if path.is_empty() {
        return Err(Error::new(
            Code::InvalidEnvironment,
            format!(
                "CNI_PATH is missing, in which plugin {} would be looked for",
                quoted(plugin_type)
            ),
        ));
    }
    let mut candidates = path.iter().map(|directory| directory.join(plugin_type));
    candidates
        .find(|file| is_executable(file))
        .ok_or_else(|| not_found(plugin_type, path))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn not_found(plugin_type: &str, path: &[PathBuf]) -> Error {
    let directories: Vec<String> = path
        .iter()
        .map(|directory| directory.display().to_string())
        .collect();
    let unusable = path
        .iter()
        .map(|directory| directory.join(plugin_type))
        .find(|file| file.exists());
    let error = Error::new(
        Code::InvalidConfig,
        format!(
            "no plugin {} in CNI_PATH ({})",
            quoted(plugin_type),
            directories.join(", ")
        ),
    );
    match unusable {
        Some(file) => error.with_details(format!("make {} an executable file", file.display())),
        None => error.with_details("install it in one of these directories, or correct the name"),
    }
}
