//! A pod's network namespace, kept alive by a file as runtimes do.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::node::{NETNS_DIR, Node};
use crate::space::Space;
use crate::wiring;

/// A network namespace mounted at `/run/netns/NAME` on its node. Nothing but that file keeps it.
#[derive(Debug)]
pub struct Pod {
    node: Node,
    name: String,
    path: PathBuf,
}

impl Pod {
    pub(crate) fn new(node: &Node, name: &str) -> Self {
        let path = Path::new(NETNS_DIR).join(name);
        node.enter(|| {
            File::create_new(&path)
                .unwrap_or_else(|error| panic!("create {}: {error}", path.display()));
            // `enter` brings the thread back out of the new namespace too.
            unshare(CloneFlags::CLONE_NEWNET).expect("unshare a network namespace");
            wiring::set_up("lo");
            mount(
                Some("/proc/thread-self/ns/net"),
                &path,
                None::<&str>,
                MsFlags::MS_BIND,
                None::<&str>,
            )
            .unwrap_or_else(|error| panic!("mount the namespace at {}: {error}", path.display()));
        });
        Self {
            node: node.clone(),
            name: name.to_owned(),
            path,
        }
    }

    /// Returns the pod's node.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Returns the pod's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of the namespace, as `CNI_NETNS` has it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` on this thread in the pod's network namespace, with the node's files.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        self.node.enter(|| Space::open_net(&self.path).enter(work))
    }

    /// Gives the pod an `eth0` to the node with `10.244.0.2/24` and a default route, as its primary network.
    pub fn add_primary_network(&self) {
        let outside = format!("veth{}", self.name);
        self.node.enter(|| {
            wiring::create_veth(&outside, "eth0", &Space::open_net(&self.path));
        });
        self.enter(|| {
            wiring::add_address("eth0", Ipv4Addr::new(10, 244, 0, 2).into(), 24);
            wiring::add_default_route("eth0", Ipv4Addr::new(10, 244, 0, 1).into());
        });
    }

    /// Ends the namespace and removes its file, as a runtime does that forgets to call DEL.
    pub fn destroy(&self) {
        self.destroy_keep_file();
        self.node
            .enter(|| fs::remove_file(&self.path).expect("remove the namespace file"));
    }

    /// Ends the namespace and leaves its file behind as a plain, empty one.
    pub fn destroy_keep_file(&self) {
        self.node
            .enter(|| umount2(&self.path, MntFlags::MNT_DETACH).expect("unmount the namespace"));
    }
}
