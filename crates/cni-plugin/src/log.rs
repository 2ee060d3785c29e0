//! Words for people, on stderr.

use std::fmt::Display;
use std::io::Write as _;

/// Writes one line to stderr, where runtimes log it; it does not matter if nobody listens.
pub fn warn(message: impl Display) {
    let _ = writeln!(std::io::stderr(), "{message}");
}
