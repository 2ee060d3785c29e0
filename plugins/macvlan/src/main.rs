//! The CNI plugin `macvlan`: a link on the LAN for a pod, on a parent of the node (SPEC.md §2–5).

mod add;
mod check;
mod config;
mod del;
mod dns;
mod error;
mod obstacle;
mod parent;
mod plugin;
mod routes;
mod status;
mod wireless;

use std::process::ExitCode;

fn main() -> ExitCode {
    cni_plugin::main(&plugin::Macvlan)
}
