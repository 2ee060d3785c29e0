//! What users read of an error, held to its form: in Kubernetes it is one line of an event, without its code.

use crate::invocation::PluginError;
use crate::suite::{collect, suite};

/// Gives each variant of an error type its name, so that a table of texts is known to have them all.
///
/// `variants!(Error { Error::Gone { .. }, Error::Kernel(_) })` defines `variant(&Error) -> &'static str` and the list
/// `VARIANTS` of all its answers. The patterns are one `match` without a catch-all: a new variant does not compile before
/// it is in the list, and [`assert_texts`] fails before the table has it.
#[macro_export]
macro_rules! variants {
    ($of:ty { $($pattern:pat),+ $(,)? }) => {
        fn variant(value: &$of) -> &'static str {
            match value {
                $($pattern => stringify!($pattern),)+
            }
        }
        const VARIANTS: &[&str] = &[$(stringify!($pattern)),+];
    };
}

/// An error as it is read, and what it is expected to say.
#[derive(Clone, Debug)]
pub struct Text {
    /// The name of the variant.
    pub variant: &'static str,
    /// The code, message and details that the plugin prints.
    pub found: (u32, String, String),
    /// What they are expected to be.
    pub expected: (u32, &'static str, &'static str),
}

/// Prints every text; asserts that each is as expected and has the form of a message, and that no variant lacks one.
#[track_caller]
#[expect(
    clippy::print_stdout,
    reason = "the texts are reviewed in a test's output"
)]
pub fn assert_texts(variants: &[&str], table: &[Text]) {
    for Text {
        found: (code, msg, details),
        expected,
        ..
    } in table
    {
        println!("{code}\t{msg}\n\t{details}");
        assert_eq!((*code, msg.as_str(), details.as_str()), *expected);
        assert_form(msg, details);
    }
    for variant in variants {
        assert!(
            table.iter().any(|text| text.variant == *variant),
            "the table has no text of {variant}"
        );
    }
}

/// Keeps the texts of an error that a test has seen, for the report of the run.
#[track_caller]
pub(crate) fn note(error: &PluginError) {
    if suite().is_reference() {
        return;
    }
    let PluginError {
        code, msg, details, ..
    } = error;
    collect("errors", &format!("{code}\t{msg}\t{details}"));
    assert_readable(error);
}

/// Asserts that an error is a line that a user can read: short, without line breaks, with no full stop at its end.
#[track_caller]
pub fn assert_readable(error: &PluginError) {
    assert_form(&error.msg, &error.details);
}

#[track_caller]
fn assert_form(msg: &str, details: &str) {
    assert!(!msg.is_empty(), "no message, only details {details:?}");
    for text in [msg, details] {
        assert!(text.len() < LONGEST, "{} bytes: {text}", text.len());
        assert!(
            !text.contains(char::is_control) && !text.ends_with(['.', ' ', ':']),
            "not a phrase: {text:?}"
        );
    }
}

/// Events and status fields of Kubernetes cut what is much longer.
const LONGEST: usize = 300;

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    enum Fault {
        Gone,
        Late,
    }

    variants!(Fault { Fault::Gone, Fault::Late });

    fn text(fault: &Fault) -> Text {
        Text {
            variant: variant(fault),
            found: (100, "it is gone".to_owned(), String::new()),
            expected: (100, "it is gone", ""),
        }
    }

    #[test]
    fn a_variant_without_a_text_fails_the_table() {
        let gone = text(&Fault::Gone);
        let late = text(&Fault::Late);
        assert_texts(VARIANTS, &[gone.clone(), late]);
        assert!(catch_unwind(|| assert_texts(VARIANTS, &[gone])).is_err());
    }

    #[test]
    fn what_no_line_of_an_event_can_show_is_refused() {
        for msg in ["", "two\nlines", "a sentence.", &"long ".repeat(60)] {
            assert!(catch_unwind(|| assert_form(msg, "")).is_err(), "{msg:?}");
        }
    }
}
