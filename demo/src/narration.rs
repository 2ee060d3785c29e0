//! What the demonstration prints: numbered steps, and below each one what was seen.

use std::io::{self, Write};

use serde_json::Value;
use testbed::Deadline;

/// The numbering and the clock of the steps.
#[derive(Debug)]
pub(crate) struct Narration {
    step: usize,
    patience: Deadline,
}

impl Narration {
    /// Starts the clock.
    pub(crate) fn begin() -> Self {
        Self {
            step: 0,
            patience: Deadline::secs(PATIENCE),
        }
    }

    /// Announces the next step.
    pub(crate) fn step(&mut self, title: &str) {
        self.step += 1;
        print(&format!("\n{}. {title}", self.step));
    }

    /// Shows something that was seen.
    #[expect(
        clippy::unused_self,
        reason = "only a narration that has begun has something to show"
    )]
    pub(crate) fn show(&self, text: &str) {
        for line in text.lines() {
            print(&format!("   {line}"));
        }
    }

    /// Shows a command line, or what stands for one.
    pub(crate) fn command(&self, text: &str) {
        self.show(&format!("$ {text}"));
    }

    /// Shows a JSON value.
    pub(crate) fn json(&self, value: &Value) {
        self.show(&format!("{value:#}"));
    }

    /// Says how long it took.
    pub(crate) fn end(&self, text: &str) {
        let seconds = PATIENCE.saturating_sub(self.patience.remaining().as_secs());
        print(&format!("\n{text} ({} steps, {seconds} s)", self.step));
    }

    /// Returns the moment by which everything must have happened.
    pub(crate) fn patience(&self) -> Deadline {
        self.patience
    }

    /// Says what went wrong.
    pub(crate) fn complain(text: &str) {
        let _ = writeln!(io::stderr(), "\nThe demonstration failed: {text}");
    }
}

/// Whoever stops reading does not stop the steps.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// In seconds.
const PATIENCE: u64 = 60;
