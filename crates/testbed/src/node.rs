//! The node: what the CNI specification calls the host, in namespaces of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::lan::Lan;
use crate::pod::Pod;
use crate::space::Space;
use crate::{mounts, wiring};

/// A node with `eth1` on the LAN, its own `/run` and its own `/var/lib/cni`.
#[derive(Clone, Debug)]
pub struct Node {
    space: Arc<Space>,
    port: String,
}

impl Node {
    pub(crate) fn new(lan: &Lan) -> Self {
        let space = Space::new_net_and_mounts(|| {
            mounts::make_private();
            mounts::fresh_run();
            mounts::fresh("/var/lib/cni");
            fs::create_dir(NETNS_DIR).expect("make /run/netns");
        });
        let port = lan.plug("eth1", &space);
        Self {
            space: Arc::new(space),
            port,
        }
    }

    /// Runs `work` on this thread in the node's namespaces.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        self.space.enter(work)
    }

    /// Returns the node's namespaces.
    #[must_use]
    pub fn space(&self) -> Arc<Space> {
        Arc::clone(&self.space)
    }

    /// Returns the name of the LAN's port that `eth1` is plugged into.
    #[must_use]
    pub fn port(&self) -> &str {
        &self.port
    }

    /// Makes a pod: an empty network namespace at `/run/netns/NAME`.
    #[must_use]
    pub fn pod(&self, name: &str) -> Pod {
        Pod::new(self, name)
    }

    /// Returns a path at which there never was a namespace.
    #[must_use]
    pub fn vanished_netns(&self) -> PathBuf {
        Path::new(NETNS_DIR).join("vanished")
    }

    /// Leaves a plain file where a namespace would be, as an unmounted one does.
    #[must_use]
    pub fn plain_netns_file(&self, name: &str) -> PathBuf {
        let path = Path::new(NETNS_DIR).join(name);
        self.write(&path, "");
        path
    }

    /// Gives the node an address on the LAN and a default route through `eth1` to the router.
    pub fn add_default_route(&self, lan: &Lan) {
        self.enter(|| {
            wiring::add_address("eth1", lan.address(2).into(), lan.prefix_len());
            wiring::add_default_route("eth1", lan.router().into());
        });
    }

    /// Reads a file of the node; `None` where there is none.
    #[must_use]
    pub fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        self.enter(|| fs::read_to_string(path).ok())
    }

    /// Writes a file of the node, and makes the directories above it.
    pub fn write(&self, path: impl AsRef<Path>, text: &str) {
        let path = path.as_ref();
        self.enter(|| {
            fs::create_dir_all(path.parent().expect("a file is in a directory"))
                .expect("make directories");
            fs::write(path, text)
                .unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
        });
    }

    /// Returns the sorted names in a directory of the node; none where there is no such directory.
    #[must_use]
    pub fn list(&self, directory: impl AsRef<Path>) -> Vec<String> {
        self.enter(|| {
            let Ok(entries) = fs::read_dir(directory) else {
                return Vec::new();
            };
            let mut names: Vec<_> = entries
                .flatten()
                .map(|entry| entry.file_name().display().to_string())
                .collect();
            names.sort();
            names
        })
    }
}

pub(crate) const NETNS_DIR: &str = "/run/netns";
