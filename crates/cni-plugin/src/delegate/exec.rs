//! One run of a delegate.
//!
//! Without a thread and without a dead-lock: the delegate's stdin is a file in memory, so there is nothing to write
//! while it runs, and its stderr is the caller's own, so there is only stdout to read.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use cni::{Code, Error, Verb, quoted};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::memfd::{MFdFlags, memfd_create};
use serde_json::Value;

/// How a run ended.
pub(super) struct Outcome {
    pub(super) status: ExitStatus,
    stdout: Vec<u8>,
}

/// Runs `program` for `verb` and waits for its end.
pub(super) fn run(program: &Path, verb: Verb, stdin: &[u8]) -> Result<Outcome, Error> {
    let cannot = |what: &str, error: io::Error| {
        let too_much = error.kind() == io::ErrorKind::FileTooLarge;
        let code = if too_much { Code::Delegate } else { Code::Io };
        let program = quoted(&program.to_string_lossy());
        Error::new(code, format!("cannot {what} plugin {program}: {error}"))
    };
    let stdin = in_memory(stdin).map_err(|error| cannot("hold the stdin of", error))?;
    let mut child = spawn(program, verb, &stdin).map_err(|error| cannot("run", error))?;
    let stdout = read_stdout(&mut child).map_err(|error| cannot("read the output of", error));
    if stdout.is_err() {
        // It may be dead already.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| cannot("wait for", error))?;
    Ok(Outcome {
        status,
        stdout: stdout?,
    })
}

impl Outcome {
    /// Returns what was printed, if it is one JSON value.
    pub(super) fn value(&self) -> Option<Value> {
        serde_json::from_slice(&self.stdout).ok()
    }

    /// Returns the beginning of what was printed, quoted.
    pub(super) fn excerpt(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.stdout);
        let text = text.trim();
        (!text.is_empty()).then(|| quoted(text))
    }
}

fn in_memory(content: &[u8]) -> io::Result<File> {
    let name = CString::from(c"cni-stdin");
    let mut file = File::from(memfd_create(name.as_c_str(), MFdFlags::MFD_CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}

/// Starts `program`; while its file is open for writing the kernel refuses to (ETXTBSY).
fn spawn(program: &Path, verb: Verb, stdin: &File) -> io::Result<Child> {
    let attempt = || {
        Command::new(program)
            .env("CNI_COMMAND", verb.as_str())
            .stdin(stdin.try_clone()?)
            .stdout(Stdio::piped())
            .spawn()
    };
    for _ in 0..BUSY_WAITS {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                wait_for_writer(program)?;
            }
            outcome @ (Ok(_) | Err(_)) => return outcome,
        }
    }
    attempt()
}

/// Waits until the file is closed by who writes it, or a short time: it may be closed already.
fn wait_for_writer(program: &Path) -> io::Result<()> {
    let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    changes.add_watch(
        program,
        AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_ATTRIB,
    )?;
    poll(
        &mut [PollFd::new(changes.as_fd(), PollFlags::POLLIN)],
        PollTimeout::from(BUSY_WAIT_MS),
    )?;
    Ok(())
}

fn read_stdout(child: &mut Child) -> io::Result<Vec<u8>> {
    let mut stdout = Vec::new();
    let Some(pipe) = child.stdout.take() else {
        return Ok(stdout);
    };
    pipe.take(MAX_LEN + 1).read_to_end(&mut stdout)?;
    if u64::try_from(stdout.len()).is_ok_and(|len| len <= MAX_LEN) {
        Ok(stdout)
    } else {
        Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("more than {MAX_LEN} bytes"),
        ))
    }
}

/// The longest output that is read, in bytes.
const MAX_LEN: u64 = 1 << 20;

/// How often to wait: a new version is being copied into place.
const BUSY_WAITS: u32 = 20;

/// How long each of these waits lasts at most, in milliseconds; it ends when the writer closes the file.
const BUSY_WAIT_MS: u16 = 250;
