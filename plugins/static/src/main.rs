//! The CNI IPAM plugin `static`: the addresses that the configuration or the caller names.

mod address;
mod config;
mod error;
mod plugin;
mod verify;

use std::process::ExitCode;

fn main() -> ExitCode {
    cni_plugin::main(&plugin::Static)
}
