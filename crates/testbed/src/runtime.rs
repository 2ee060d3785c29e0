//! Container runtimes as users run them, on a node of a bed: their own files, processes and cgroups, and none of the
//! machine's.

mod cgroup;
mod containerd;
mod cri;
mod image;
mod protobuf;

pub use containerd::Containerd;
pub use cri::{CriError, PodSandbox, SandboxStatus};
