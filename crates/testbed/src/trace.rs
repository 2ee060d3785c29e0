//! A process seen step by step, and killed before any step of it.
//!
//! A step is a system call by which the process changes or learns something outside itself. It is told by what it is
//! done to (`rename /run/cni/dhcp/….json`, `send DHCP 3`), so that the same step is found again in another run.

mod call;

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard};

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use call::{Files, entered, left};

/// A step of a process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    call: &'static str,
    target: String,
    nth: usize,
}

impl Step {
    /// Returns the name of the call.
    #[must_use]
    pub fn call(&self) -> &'static str {
        self.call
    }

    /// Returns how often the call was made to the same target by then, this time included.
    #[must_use]
    pub fn nth(&self) -> usize {
        self.nth
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.call, self.target, self.nth)
    }
}

/// What to do with the steps of a process, from now on.
#[derive(Clone, Debug, Default)]
pub struct Tracing(Arc<Mutex<Orders>>);

#[derive(Debug, Default)]
struct Orders {
    seen: Vec<Step>,
    kill_before: Option<Step>,
}

impl Tracing {
    /// Forgets the steps so far, and counts from one again.
    pub fn begin(&self) {
        self.orders().seen.clear();
    }

    /// Returns the steps since [`Tracing::begin`].
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.orders().seen.clone()
    }

    /// Has the process killed when it is about to take this step, counted from [`Tracing::begin`].
    pub fn kill_before(&self, step: &Step) {
        self.orders().kill_before = Some(step.clone());
    }

    /// Takes note of a step; says whether it is one too many.
    fn note(&self, (call, target): (&'static str, String)) -> bool {
        let mut orders = self.orders();
        let same = |step: &&Step| step.call == call && step.target == target;
        let nth = orders.seen.iter().filter(same).count() + 1;
        let step = Step { call, target, nth };
        let fatal = orders.kill_before.as_ref() == Some(&step);
        orders.seen.push(step);
        fatal
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.0
            .lock()
            .expect("nobody panics holding a tracer's orders")
    }
}

/// Follows a process to its end. `ending` is called when it has ended and is not reaped yet.
pub(crate) fn follow(pid: Pid, tracing: &Tracing, ending: impl FnOnce()) -> Option<ExitStatus> {
    let traced = ptrace::seize(pid, ptrace::Options::PTRACE_O_TRACESYSGOOD)
        .and_then(|()| ptrace::interrupt(pid));
    match traced {
        // One that has ended, or is about to, is only reaped.
        Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => {}
        Err(error) => panic!("trace {pid}: {error}"),
    }
    let mut files = Files::default();
    loop {
        let next = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).ok()?;
        let ended = match next {
            WaitStatus::Exited(_, code) => Some(code << 8),
            WaitStatus::Signaled(_, signal, _) => Some(signal as i32),
            WaitStatus::Stopped(..)
            | WaitStatus::PtraceEvent(..)
            | WaitStatus::PtraceSyscall(_)
            | WaitStatus::Continued(_)
            | WaitStatus::StillAlive => None,
        };
        if let Some(status) = ended {
            ending();
            waitpid(pid, None).ok()?;
            return Some(ExitStatus::from_raw(status));
        }
        let mut signal = None;
        let stop = waitpid(pid, None).ok()?;
        if let WaitStatus::Stopped(_, sent) = stop {
            signal = Some(sent);
        } else if let WaitStatus::PtraceSyscall(_) = stop {
            if entered(pid, &files).is_some_and(|step| tracing.note(step)) {
                let _ = kill(pid, Signal::SIGKILL);
                continue;
            }
            left(pid, &mut files);
        }
        // One that was killed meanwhile is reaped in the next turn.
        let _ = ptrace::syscall(pid, signal);
    }
}
