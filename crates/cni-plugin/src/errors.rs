//! What went wrong in an operation that goes on regardless, such as DEL and GC.

use cni::Error;

/// The errors of independent steps, for one report at the end.
#[derive(Debug, Default)]
pub struct Errors {
    all: Vec<Error>,
}

impl Errors {
    /// Returns an empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the error of a step that failed, or returns what the step yielded.
    pub fn collect<T>(&mut self, outcome: Result<T, Error>) -> Option<T> {
        outcome.map_err(|error| self.all.push(error)).ok()
    }

    /// Returns success if every step was one, else the errors as one under the first one's code.
    pub fn into_result(self) -> Result<(), Error> {
        let Some(first) = self.all.first() else {
            return Ok(());
        };
        let mut msgs = Vec::new();
        let mut details = Vec::new();
        for error in &self.all {
            if !msgs.contains(&&error.msg) {
                msgs.push(&error.msg);
            }
            if !error.details.is_empty() && !details.contains(&&error.details) {
                details.push(&error.details);
            }
        }
        Err(Error::new(first.code, cni::listed(&msgs, "; "))
            .with_details(cni::listed(&details, "; ")))
    }
}

#[cfg(test)]
mod tests {
    use cni::Code;

    use super::*;

    #[test]
    fn nothing_wrong_is_success() {
        let mut errors = Errors::new();
        assert_eq!(errors.collect(Ok(7)), Some(7));
        assert_eq!(errors.into_result(), Ok(()));
    }

    #[test]
    fn every_error_is_reported_under_the_first_code() {
        let mut errors = Errors::new();
        for (code, msg, details) in [
            (Code::Kernel, "a", ""),
            (Code::Io, "b", "do this"),
            (Code::Io, "c", "do this"),
        ] {
            assert_eq!(
                errors.collect::<()>(Err(Error::new(code, msg).with_details(details))),
                None
            );
        }
        let expected = Error::new(Code::Kernel, "a; b; c").with_details("do this");
        assert_eq!(errors.into_result(), Err(expected));
    }

    #[test]
    fn of_many_errors_the_first_few_are_told() {
        let mut errors = Errors::new();
        for number in 1..=250 {
            let error = Error::new(Code::Io, format!("cannot remove {number}"));
            errors.collect::<()>(Err(error));
        }
        assert_eq!(
            errors.into_result().map_err(|error| error.msg),
            Err("cannot remove 1; cannot remove 2; cannot remove 3; and 247 more".to_owned())
        );
    }
}
