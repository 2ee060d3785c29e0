//! The CNI IPAM plugin `dhcp`, and with `daemon` as its first argument the daemon that holds the leases.

mod config;
mod daemon;
mod duration;
mod identity;
mod lease_config;
mod plugin;
mod protocol;
mod record_file;

use std::env;
use std::process::ExitCode;

/// Where the daemon listens unless told otherwise.
const DEFAULT_SOCKET: &str = "/run/cni/dhcp.sock";

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    if args.next().is_some_and(|first| first == "daemon") {
        daemon::main(args)
    } else {
        cni_plugin::main(&plugin::Dhcp)
    }
}
