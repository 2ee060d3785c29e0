//! Reading the request configuration.

use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::AsFd as _;

use cni::{Code, Error};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd;
use serde::de::IgnoredAny;

/// Reads all of stdin.
pub(crate) fn read() -> Result<Vec<u8>, Error> {
    let mut raw = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_LEN + 1)
        .read_to_end(&mut raw)
        .map_err(|error| Error::new(Code::Io, format!("cannot read stdin: {error}")))?;
    if u64::try_from(raw.len()).is_ok_and(|len| len <= MAX_LEN) {
        Ok(raw)
    } else {
        Err(Error::new(
            Code::Io,
            format!("stdin is longer than {MAX_LEN} bytes"),
        ))
    }
}

/// Reads what a caller of VERSION has to say, which may be nothing, without an end, or from a terminal.
pub(crate) fn read_if_any() -> Vec<u8> {
    let stdin = io::stdin();
    let mut raw = Vec::new();
    let mut chunk = [0; 4096];
    while !stdin.is_terminal() && raw.len() < VERSION_MAX_LEN {
        let mut awaited = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        let Ok(1..) = poll(&mut awaited, PollTimeout::from(PATIENCE_MS)) else {
            break;
        };
        let Ok(len @ 1..) = unistd::read(stdin.as_fd(), &mut chunk) else {
            break;
        };
        raw.extend_from_slice(chunk.get(..len).unwrap_or_default());
        if serde_json::from_slice::<IgnoredAny>(&raw).is_ok() {
            break;
        }
    }
    raw
}

/// The longest configuration that is read, in bytes: real ones are a few KiB, the list of a GC some hundred.
const MAX_LEN: u64 = 1 << 20;

/// The longest text read with VERSION, in bytes: it needs to say no more than its `cniVersion`.
const VERSION_MAX_LEN: usize = 64 << 10;

/// How long a caller of VERSION may keep silent, in milliseconds, before it has nothing to say.
const PATIENCE_MS: u16 = 1000;
