//! The one JSON value on stdout.

use std::io::{self, Write as _};
use std::panic::{self, PanicHookInfo};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use cni::{Code, Error, SpecVersion};
use serde_json::Value;

use crate::log::warn;

/// Prints `value`, unless something has been printed before.
pub(crate) fn print(value: &Value) -> Result<(), Error> {
    let mut text = value.to_string();
    if PRINTED.swap(true, Ordering::Relaxed) {
        return Err(Error::new(
            Code::Io,
            format!("stdout is used up; not printed: {text}"),
        ));
    }
    text.push('\n');
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Error::new(Code::Io, format!("cannot write to stdout: {error}")))
}

/// Prints `error` for the caller; to people, where the caller cannot be reached.
pub(crate) fn print_error(error: &Error, version: SpecVersion) {
    if print(&error.to_json(version)).is_err() {
        warn(error);
    }
}

/// Has a panic reported as an error of the specification, with exit status 1.
pub(crate) fn report_panics(plugin: &'static str) {
    panic::set_hook(Box::new(move |panic| {
        let error = bug(plugin, panic);
        warn(&error);
        print_error(&error, SpecVersion::LATEST);
        process::exit(1);
    }));
}

fn bug(plugin: &str, panic: &PanicHookInfo<'_>) -> Error {
    let reason = panic.payload_as_str().unwrap_or("panic");
    let place = panic
        .location()
        .map(|place| format!(" at {place}"))
        .unwrap_or_default();
    Error::new(
        Code::Internal,
        format!("bug in {plugin}: {}{place}", reason.replace('\n', " ")),
    )
    .with_details("this is not your configuration's fault: please report it with the message")
}

/// A caller that finds two values on stdout can read neither.
static PRINTED: AtomicBool = AtomicBool::new(false);
