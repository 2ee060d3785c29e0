//! Nodes, LANs and pods in private namespaces, for tests, the benchmark and the demonstration.
//!
//! A [`Bed`] takes the calling thread into a mount and a network namespace of its own, in which it builds one [`Lan`]
//! and one [`Node`]; a [`Pod`] is a namespace file under the node's `/run/netns`. A test can neither see nor disturb
//! the machine or the test beside it. [`Invocation`] and [`Attachment`] run plugins as a runtime would, [`Daemon`]
//! runs the lease daemon, [`server`] has the DHCP servers, [`runtime`] the container runtimes, and [`observe`] reads
//! what the kernel holds.
//!
//! Everything here fails by panicking with the reason, as a test does. Nothing waits for a fixed time: what is waited
//! for is an event, with a [`Deadline`]. Entering a namespace moves the working directory to `/`, so paths are absolute.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a harness reports by failing the test that called it"
)]

pub mod observe;
pub mod runtime;
pub mod server;
pub mod wiring;

mod attachment;
mod bed;
mod carrier;
mod daemon;
mod deadline;
mod echo;
mod invocation;
mod lan;
mod log;
mod mounts;
mod node;
mod pod;
mod process;
mod program;
mod root;
mod sniffer;
mod space;
mod suite;
mod texts;
mod trace;

pub use attachment::Attachment;
pub use bed::Bed;
pub use daemon::Daemon;
pub use deadline::Deadline;
pub use echo::{Echo, echo};
pub use invocation::{Invocation, Outcome, PluginError, Running};
pub use lan::{Lan, LanAddresses};
pub use log::{Log, Mark};
pub use node::Node;
pub use pod::Pod;
pub use process::Process;
pub use root::become_root;
pub use sniffer::{Frame, Sniffer};
pub use space::Space;
pub use suite::{Suite, differs, not_run, suite};
pub use texts::{Text, assert_readable, assert_texts};
pub use trace::{Step, Tracing};
