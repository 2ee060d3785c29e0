//! Where the programs are that tests run beside the plugins.

use std::path::{Path, PathBuf};

use crate::suite::workspace;

/// Returns the path of a program: of those unpacked for the tests, or else of the machine's.
#[track_caller]
pub(crate) fn program(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| panic!("{name} is not installed: run `make packages`"))
}

fn find(name: &str) -> Option<PathBuf> {
    let unpacked = unpacked();
    let roots = [unpacked.as_path(), Path::new("/"), Path::new("/usr/local")];
    roots.iter().find_map(|root| {
        let directories = ["usr/sbin", "usr/bin", "sbin", "bin"];
        let mut paths = directories.iter().map(|bin| root.join(bin).join(name));
        paths.find(|path| path.is_file())
    })
}

/// Returns the directory into which `make packages` unpacks what would start a service if it were installed.
pub(crate) fn unpacked() -> PathBuf {
    workspace().join("target/test-servers")
}
