//! Lines that a process or server wrote, which can be waited for.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use crate::deadline::Deadline;

/// A growing list of lines, shared by whoever writes them and whoever waits for them.
#[derive(Clone, Debug, Default)]
pub struct Log {
    shared: Arc<(Mutex<Lines>, Condvar)>,
}

/// A place in a [`Log`]: the end, when it was taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark(usize);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    /// Returns a log of what `source` delivers until it ends.
    pub(crate) fn of(source: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let writer = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                writer.push(String::from_utf8_lossy(&line).into_owned());
            }
            writer.end();
        });
        log
    }

    pub(crate) fn push(&self, line: String) {
        self.lock().lines.push(line);
        self.shared.1.notify_all();
    }

    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.shared.1.notify_all();
    }

    /// Returns all lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// Counts the lines so far that `wanted` accepts.
    #[must_use]
    pub fn count(&self, wanted: impl Fn(&str) -> bool) -> usize {
        self.lock().lines.iter().filter(|line| wanted(line)).count()
    }

    /// Returns the current end, to wait for what comes after it.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.lock().lines.len())
    }

    /// Waits for a line that `wanted` accepts, from the beginning of the log, and returns it.
    #[track_caller]
    pub fn wait_for(&self, wanted: impl Fn(&str) -> bool, deadline: Deadline) -> String {
        self.wait_after(Mark(0), wanted, deadline)
    }

    /// Waits for a line after `mark` that `wanted` accepts, and returns it.
    #[track_caller]
    pub fn wait_after(
        &self,
        mark: Mark,
        wanted: impl Fn(&str) -> bool,
        deadline: Deadline,
    ) -> String {
        match self.await_line(mark, wanted, deadline) {
            Ok(line) => line,
            Err(why) => panic!("{why}; the log:\n{self}"),
        }
    }

    /// Waits until all lines together are as `wanted`; says whether they are.
    #[must_use]
    pub fn wait_until(&self, wanted: impl Fn(&[String]) -> bool, deadline: Deadline) -> bool {
        let mut lines = self.lock();
        while !wanted(&lines.lines) {
            if deadline.passed() {
                return false;
            }
            lines = self
                .shared
                .1
                .wait_timeout(lines, deadline.remaining())
                .expect("the log's writer is alive")
                .0;
        }
        true
    }

    /// Waits for a line after `mark`; says why there was none.
    pub(crate) fn await_line(
        &self,
        mark: Mark,
        wanted: impl Fn(&str) -> bool,
        deadline: Deadline,
    ) -> Result<String, &'static str> {
        let mut lines = self.lock();
        let mut next = mark.0;
        loop {
            if let Some(line) = lines.lines[next..].iter().find(|line| wanted(line)) {
                return Ok(line.clone());
            }
            next = lines.lines.len();
            if lines.ended {
                return Err("the log ended without the expected line");
            }
            if deadline.passed() {
                return Err("the expected line did not come in time");
            }
            lines = self
                .shared
                .1
                .wait_timeout(lines, deadline.remaining())
                .expect("the log's writer is alive")
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.shared.0.lock().expect("nobody panics holding a log")
    }
}

impl std::fmt::Display for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.lock()
            .lines
            .iter()
            .try_for_each(|line| writeln!(f, "  {line}"))
    }
}
