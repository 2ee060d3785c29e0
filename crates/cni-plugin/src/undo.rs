//! Taking back the steps of an ADD that does not complete.

use std::fmt::Display;

use crate::log::warn;

/// The steps that take back what has been done so far.
///
/// They run in reverse when the list is dropped, unless it is [committed](Undo::commit). A step that fails is reported
/// on stderr and the others run regardless.
#[derive(Default)]
#[must_use = "a list that is dropped at once undoes nothing later"]
pub struct Undo<'a> {
    steps: Vec<(&'static str, Step<'a>)>,
}

type Step<'a> = Box<dyn FnOnce() -> Result<(), String> + 'a>;

impl<'a> Undo<'a> {
    /// Returns an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the step that takes back what has just been done; `name` reads like "remove the link".
    pub fn push<E: Display>(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> Result<(), E> + 'a,
    ) {
        self.steps
            .push((name, Box::new(|| step().map_err(|error| error.to_string()))));
    }

    /// Keeps everything that has been done.
    pub fn commit(mut self) {
        self.steps.clear();
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        while let Some((name, step)) = self.steps.pop() {
            if let Err(error) = step() {
                warn(format_args!("cannot {name} after a failure: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn steps(commit: bool) -> Vec<u8> {
        let done = RefCell::new(Vec::new());
        let mut undo = Undo::new();
        for number in 1..=3 {
            let done = &done;
            undo.push("count", move || {
                done.borrow_mut().push(number);
                if number == 2 { Err("no") } else { Ok(()) }
            });
        }
        if commit {
            undo.commit();
        } else {
            drop(undo);
        }
        done.into_inner()
    }

    #[test]
    fn steps_run_in_reverse_whether_or_not_they_fail() {
        assert_eq!(steps(false), [3, 2, 1]);
    }

    #[test]
    fn a_committed_list_undoes_nothing() {
        assert_eq!(steps(true), [0u8; 0]);
    }
}
