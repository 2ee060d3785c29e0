//! `CNI_ARGS`: arguments a user or runtime gives at invocation time, as `KEY=value;KEY=value`.

use crate::decode::{listed, quoted};
use crate::error::{Code, Error};

/// The pairs of `CNI_ARGS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args {
    pairs: Vec<(String, String)>,
    ignore_unknown: bool,
}

impl Args {
    /// Reads the variable's text; values may be empty and may contain `=`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut args = Self::default();
        for pair in text.split(';').filter(|pair| !pair.trim().is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .filter(|(key, _)| !key.is_empty())
                .ok_or_else(|| invalid(format!("{} is not KEY=value", quoted(pair))))?;
            if key == IGNORE_UNKNOWN {
                args.ignore_unknown = read_flag(value)?;
            }
            args.pairs.push((key.to_owned(), value.to_owned()));
        }
        Ok(args)
    }

    /// Returns the value of `key`, the last one if it is given more than once. It may be empty.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Tells whether the caller wants keys that the plugin does not know to be passed over.
    #[must_use]
    pub fn ignore_unknown(&self) -> bool {
        self.ignore_unknown
    }

    /// Refuses keys other than `known`, unless the caller wants them to be passed over.
    pub fn check_known(&self, known: &[&str]) -> Result<(), Error> {
        let unknown: Vec<String> = self
            .pairs
            .iter()
            .map(|(key, _)| key.as_str())
            .filter(|key| *key != IGNORE_UNKNOWN && !known.contains(key))
            .map(quoted)
            .collect();
        if self.ignore_unknown || unknown.is_empty() {
            return Ok(());
        }
        Err(
            invalid(format!("unknown keys: {}", listed(&unknown, ", "))).with_details(
                "add IgnoreUnknown=1 to have keys passed over that a plugin does not know",
            ),
        )
    }
}

fn read_flag(value: &str) -> Result<bool, Error> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(invalid(format!(
            "{IGNORE_UNKNOWN} is {}, which is neither true nor false",
            quoted(value)
        ))),
    }
}

fn invalid(fault: String) -> Error {
    Error::new(Code::InvalidEnvironment, fault).at("CNI_ARGS")
}

const IGNORE_UNKNOWN: &str = "IgnoreUnknown";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_runtimes_write_them() {
        let args = Args::parse(
            "IgnoreUnknown=true;K8S_POD_NAMESPACE=;K8S_POD_NAME=web-0;IP=10.0.0.2,fd00::2;MAC=",
        )
        .expect("well-formed");
        assert_eq!(args.get("K8S_POD_NAME"), Some("web-0"));
        assert_eq!(args.get("K8S_POD_NAMESPACE"), Some(""));
        assert_eq!(args.get("IP"), Some("10.0.0.2,fd00::2"));
        assert_eq!(args.get("K8S_POD_UID"), None);
        assert_eq!(args.check_known(&["MAC"]), Ok(()));
    }

    #[test]
    fn nothing_at_all_and_stray_separators_are_no_pairs() {
        for text in ["", ";", "A=1;", ";A=1;;"] {
            assert!(Args::parse(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn a_pair_needs_a_key_and_an_equals_sign() {
        for text in ["A", "=1", "A=1;B", "A=1; ;=2"] {
            assert_eq!(
                Args::parse(text).map_err(|error| error.code),
                Err(Code::InvalidEnvironment),
                "{text:?}"
            );
        }
    }

    #[test]
    fn ignore_unknown_is_a_flag_in_any_case() {
        for (text, expected) in [
            ("1", true),
            ("true", true),
            ("TRUE", true),
            ("0", false),
            ("False", false),
        ] {
            let args = Args::parse(&format!("IgnoreUnknown={text}")).expect(text);
            assert_eq!(args.ignore_unknown(), expected, "{text}");
        }
        assert!(Args::parse("IgnoreUnknown=yes").is_err());
    }

    #[test]
    fn keys_are_case_sensitive_and_the_last_one_counts() {
        let args = Args::parse("MAC=a;mac=b;MAC=c").expect("well-formed");
        assert_eq!(args.get("MAC"), Some("c"));
    }

    #[test]
    fn unknown_keys_are_named_as_far_as_a_line_goes() {
        let fault = |text| {
            let error = Args::parse(text).and_then(|args| args.check_known(&["MAC"]));
            error.expect_err("unknown keys").msg
        };
        assert_eq!(
            fault("MAC=a;FOO=1;BAR=2"),
            r#"CNI_ARGS: unknown keys: "FOO", "BAR""#
        );
        assert_eq!(
            fault("A=;B=;C=;D=;E="),
            r#"CNI_ARGS: unknown keys: "A", "B", "C", and 2 more"#
        );
    }
}
