//! The CNI plugin `loopback`: the link `lo` of a container, switched on (SPEC.md §2–5).

mod error;
mod plugin;
mod promise;

use std::process::ExitCode;

fn main() -> ExitCode {
    cni_plugin::main(&plugin::Loopback)
}
