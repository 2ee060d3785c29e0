//! `make bench`: these plugins and the Go plugins, run by turns in fresh pods of one LAN.
//!
//! Times are from exec to the end of the process; CPU is that of the process and its reaped children. What DEL leaves to
//! the kernel to finish is in neither, and the daemon's CPU is a figure of its own.

mod contender;
mod measure;
mod network;
mod options;
mod report;
mod statistics;

use std::io::{self, Write};
use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => return fail(&why),
    };
    if let Err(why) = testbed::become_root() {
        return fail(&why);
    }
    let measured = network::ALL
        .iter()
        .map(|network| measure::network(network, &options))
        .collect::<Result<Vec<_>, _>>();
    match measured {
        Ok(measured) => {
            let _ = io::stdout().write_all(report::render(&measured, &options).as_bytes());
            ExitCode::SUCCESS
        }
        Err(why) => fail(&why),
    }
}

fn fail(why: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "bench: {why}");
    ExitCode::FAILURE
}
