//! Long-running children: ended by their own id, and always reaped.

use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::deadline::Deadline;
use crate::log::Log;
use crate::trace::{self, Tracing};

/// A child process and what it writes. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    log: Log,
    state: Arc<(Mutex<State>, Condvar)>,
}

/// `exited` is set before the process is reaped, so that its id is never used after it may mean another.
#[derive(Debug, Default)]
struct State {
    exited: bool,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts a program in the current namespaces. It ends when the calling thread does.
    pub fn start(program: &str, arguments: &[String]) -> Self {
        let mut command = tied_to_this_thread(program);
        command.args(arguments);
        Self::spawn(command)
    }

    pub(crate) fn spawn(command: Command) -> Self {
        Self::spawn_and(command, reap)
    }

    /// Starts a program whose every step is seen.
    pub(crate) fn spawn_traced(command: Command, tracing: Tracing) -> Self {
        Self::spawn_and(command, move |_, pid, state| {
            let locked = || {
                state
                    .0
                    .lock()
                    .expect("nobody panics holding a process state")
            };
            let status = trace::follow(pid, &tracing, || locked().exited = true);
            let mut ended = locked();
            ended.exited = true;
            ended.status = status;
            drop(ended);
            state.1.notify_all();
        })
    }

    fn spawn_and(
        mut command: Command,
        look_after: impl FnOnce(Child, Pid, &(Mutex<State>, Condvar)) + Send + 'static,
    ) -> Self {
        let (output, writer) = io::pipe().expect("make a pipe");
        let second = writer.try_clone().expect("duplicate a pipe");
        command.stdin(Stdio::null()).stdout(writer).stderr(second);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        // The command holds the pipe's other end, and with it open the log would never end.
        drop(command);
        let log = Log::of(output);
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id is positive"));
        let state = Arc::new((Mutex::default(), Condvar::new()));
        let shared = Arc::clone(&state);
        thread::spawn(move || look_after(child, pid, &shared));
        Self { pid, log, state }
    }

    /// Returns the process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Returns what the process writes to stdout and stderr.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Says whether the process is still there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.lock().exited
    }

    /// Sends a signal, unless the process has ended.
    pub fn signal(&self, signal: Signal) {
        let state = self.lock();
        if !state.exited {
            kill(self.pid, signal)
                .unwrap_or_else(|error| panic!("send {signal} to {}: {error}", self.pid));
        }
    }

    /// Waits for the end of the process; `None` if it outlives the deadline.
    #[must_use]
    pub fn wait(&self, deadline: Deadline) -> Option<ExitStatus> {
        let mut state = self.lock();
        while state.status.is_none() && !deadline.passed() {
            state = self
                .state
                .1
                .wait_timeout(state, deadline.remaining())
                .expect("the reaper is alive")
                .0;
        }
        state.status
    }

    /// Ends the process by SIGTERM and returns how it ended.
    #[track_caller]
    pub fn stop(&self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait(Deadline::secs(10)).unwrap_or_else(|| {
            panic!(
                "process {} ignored SIGTERM for 10 s; its log:\n{}",
                self.pid, self.log
            )
        })
    }

    /// Ends the process by SIGKILL.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
        let _ = self.wait(Deadline::secs(10));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .0
            .lock()
            .expect("nobody panics holding a process state")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let state = self.lock();
        if !state.exited {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
        drop(state);
        let _ = self.wait(Deadline::secs(10));
    }
}

/// Returns a command whose process is killed when the thread that starts it ends, even by being killed itself, where
/// util-linux is installed.
pub(crate) fn tied_to_this_thread(program: &str) -> Command {
    // The standard library cannot set the parent-death signal without unsafe code.
    let Some(setpriv) = ["/usr/bin/setpriv", "/bin/setpriv"]
        .into_iter()
        .find(|path| Path::new(path).is_file())
    else {
        return Command::new(program);
    };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

fn reap(mut child: Child, pid: Pid, state: &(Mutex<State>, Condvar)) {
    let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
    let mut locked = state
        .0
        .lock()
        .expect("nobody panics holding a process state");
    locked.exited = true;
    locked.status = child.wait().ok();
    state.1.notify_all();
}
