//! The CNI IPAM plugin `host-local`: addresses from configured ranges, reserved in files on the
//! node.

mod add;
mod allocation;
mod config;
mod error;
mod owner;
mod plugin;
mod range;
mod release;
mod requested;
mod reservations;
mod resolv_conf;
mod round_robin;
mod store;
mod verify;

use std::process::ExitCode;

fn main() -> ExitCode {
    cni_plugin::main(&plugin::HostLocal)
}
