//! The private world of one test.

use std::fs;

use nix::sched::CloneFlags;

use crate::lan::{Lan, LanAddresses};
use crate::node::Node;
use crate::space::Space;
use crate::{mounts, root};

/// One LAN with one node on it, seen only by the thread that made them. All of it is gone when this is dropped.
#[derive(Debug)]
pub struct Bed {
    /// The node: what a runtime would call the host.
    pub node: Node,
    /// The LAN that the node's `eth1` is on.
    pub lan: Lan,
    _home: Return,
}

impl Bed {
    /// Makes a bed whose LAN is `192.168.50.0/24`.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "moving the thread into namespaces is not what a default does"
    )]
    pub fn new() -> Self {
        Self::with_lan(LanAddresses::default())
    }

    /// Makes a bed whose LAN has these addresses.
    #[must_use]
    pub fn with_lan(addresses: LanAddresses) -> Self {
        let home = Return(Space::current());
        root::unshare_or_explain(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET);
        mounts::make_private();
        mounts::fresh_run();
        mounts::provide_var_lib_cni();
        fs::create_dir("/run/lan").expect("make /run/lan");
        let lan = Lan::new(addresses);
        let node = Node::new(&lan);
        Self {
            node,
            lan,
            _home: home,
        }
    }

    /// Adds another node to the LAN.
    #[must_use]
    pub fn add_node(&self) -> Node {
        Node::new(&self.lan)
    }
}

/// Takes the thread back to where it came from, last of all.
#[derive(Debug)]
struct Return(Space);

impl Drop for Return {
    fn drop(&mut self) {
        if let Err(error) = self.0.try_step_into() {
            eprintln!("cannot return to the namespaces from before the bed: {error}");
        }
    }
}
