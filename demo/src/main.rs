//! The demonstration behind `make demo`: the built executables take two pods through ADD, CHECK and DEL on a LAN with
//! a DHCP server, all of it in namespaces that end with this process. Root is not needed.
//!
//! `--built-in-server` uses the small DHCP server of the testbed though dnsmasq is installed.

mod dhcp_server;
mod narration;
mod pod_view;
mod story;

use std::env;
use std::panic;
use std::process::ExitCode;

use narration::Narration;

fn main() -> ExitCode {
    let narration = Narration::begin();
    panic::set_hook(Box::new(|fault| {
        let text = fault.payload_as_str().unwrap_or("a step failed");
        Narration::complain(text);
    }));
    if let Err(why) = testbed::become_root() {
        Narration::complain(&why);
        return ExitCode::FAILURE;
    }
    let built_in = env::args()
        .skip(1)
        .any(|argument| argument == "--built-in-server");
    match panic::catch_unwind(|| story::tell(narration, built_in)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
