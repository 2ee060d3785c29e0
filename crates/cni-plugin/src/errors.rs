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

    /// Returns success if every step was one, else all errors as one under the first one's code.
    pub fn into_result(self) -> Result<(), Error> {
        let mut all = self.all.into_iter();
        let Some(mut error) = all.next() else {
            return Ok(());
        };
        for other in all {
            append(&mut error.msg, &other.msg);
            if !error.details.contains(&other.details) {
                append(&mut error.details, &other.details);
            }
        }
        Err(error)
    }
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push_str("; ");
    }
    text.push_str(more);
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
}
