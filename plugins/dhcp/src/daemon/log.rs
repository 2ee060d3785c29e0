//! The daemon's log, on stderr.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts logging from INFO on, or what `RUST_LOG` asks for.
pub(crate) fn start() {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
}

/// The error with its causes, on one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        // Some say their cause themselves.
        if !text.ends_with(&reason) {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {reason}");
        }
        cause = error.source();
    }
    text
}
