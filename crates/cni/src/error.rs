//! The error a plugin reports to its caller (SPEC §5 "Error").

use std::fmt;

use serde_json::{Map, Value};

use crate::decode::field;
use crate::version::SpecVersion;

/// What a plugin tells its caller when it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind of failure, for programs.
    pub code: Code,
    /// What failed, on what and why, on one line. That of this project's errors is under 300 bytes; a delegated plugin's
    /// is as it printed it.
    pub msg: String,
    /// What to do about it; empty where that is not known.
    pub details: String,
}

/// The kind of a failure: up to 99 as the specification has it, from 100 this project's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// 1: the configuration's version is not supported, or does not have the verb.
    IncompatibleVersion,
    /// 2: a field has a value that is not supported.
    UnsupportedField,
    /// 3: the container is gone and nothing was created for it; the runtime need not DEL.
    UnknownContainer,
    /// 4: an environment variable is missing or malformed.
    InvalidEnvironment,
    /// 5: reading or writing failed.
    Io,
    /// 6: the JSON does not decode.
    Decode,
    /// 7: the configuration is invalid or contradicts itself.
    InvalidConfig,
    /// 11: a later attempt could succeed.
    TryAgainLater,
    /// 50: the plugin cannot serve ADD.
    NotAvailable,
    /// 51: the plugin cannot serve ADD, and existing attachments may have limited connectivity.
    LimitedConnectivity,
    /// 100: the kernel refused.
    Kernel,
    /// 101: no address is left, or the one asked for is taken.
    AddressesExhausted,
    /// 102: there is no lease.
    NoLease,
    /// 103: a delegated plugin misbehaved.
    Delegate,
    /// 104: the attachment differs from what ADD promised.
    AttachmentDiffers,
    /// 105: another host uses the address.
    DuplicateAddress,
    /// 999: a bug in the plugin.
    Internal,
    /// Any other code, from a delegated plugin.
    Other(u32),
}

impl Error {
    /// Returns an error without details. A message that no line has room for loses its middle: what failed is said at its
    /// beginning, and why at its end.
    pub fn new(code: Code, msg: impl Into<String>) -> Self {
        Self {
            code,
            msg: line(msg.into()),
            details: String::new(),
        }
    }

    /// Returns the error with what to do about it.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }

    /// Returns the error under another code.
    #[must_use]
    pub fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// Returns the error with its message prefixed by the place it concerns: `ipam.subnet: …`.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.msg = line(format!("{place}: {}", self.msg));
        self
    }

    /// Returns the error as the specification's JSON object.
    #[must_use]
    pub fn to_json(&self, version: SpecVersion) -> Value {
        let mut object = Map::new();
        object.insert("cniVersion".into(), version.as_str().into());
        object.insert("code".into(), self.code.number().into());
        object.insert("msg".into(), self.msg.as_str().into());
        if !self.details.is_empty() {
            object.insert("details".into(), self.details.as_str().into());
        }
        Value::Object(object)
    }

    /// Returns the error that a delegated plugin printed, if `value` is one.
    #[must_use]
    pub fn parse(value: &Value) -> Option<Self> {
        let text = |key| {
            field(value, key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let number = field(value, "code")?
            .as_u64()
            .and_then(|code| u32::try_from(code).ok())?;
        Some(Self {
            code: Code::from(number),
            msg: text("msg"),
            details: text("details"),
        })
    }
}

/// Returns the text with line breaks and their like escaped, and without its middle where it is too long.
fn line(text: String) -> String {
    if text.len() <= LONGEST_LINE && !text.contains(char::is_control) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    if escaped.len() <= LONGEST_LINE {
        return escaped;
    }
    let head = escaped.floor_char_boundary(LONGEST_HEAD);
    let tail =
        escaped.ceil_char_boundary(escaped.len() - (LONGEST_LINE - LONGEST_HEAD - CUT.len()));
    let (head, tail) = (escaped.get(..head), escaped.get(tail..));
    [head.unwrap_or_default(), CUT, tail.unwrap_or_default()].concat()
}

const CUT: &str = "…";

/// What Kubernetes shows of a message where it has little room: an event's line.
const LONGEST_LINE: usize = 299;

const LONGEST_HEAD: usize = 180;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.msg)?;
        if self.details.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", self.details)
        }
    }
}

impl std::error::Error for Error {}

impl Code {
    /// Returns the number that stands for the code in JSON.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::IncompatibleVersion => 1,
            Self::UnsupportedField => 2,
            Self::UnknownContainer => 3,
            Self::InvalidEnvironment => 4,
            Self::Io => 5,
            Self::Decode => 6,
            Self::InvalidConfig => 7,
            Self::TryAgainLater => 11,
            Self::NotAvailable => 50,
            Self::LimitedConnectivity => 51,
            Self::Kernel => 100,
            Self::AddressesExhausted => 101,
            Self::NoLease => 102,
            Self::Delegate => 103,
            Self::AttachmentDiffers => 104,
            Self::DuplicateAddress => 105,
            Self::Internal => 999,
            Self::Other(number) => number,
        }
    }
}

impl From<u32> for Code {
    fn from(number: u32) -> Self {
        NAMED
            .into_iter()
            .find(|code| code.number() == number)
            .unwrap_or(Self::Other(number))
    }
}

const NAMED: [Code; 17] = [
    Code::IncompatibleVersion,
    Code::UnsupportedField,
    Code::UnknownContainer,
    Code::InvalidEnvironment,
    Code::Io,
    Code::Decode,
    Code::InvalidConfig,
    Code::TryAgainLater,
    Code::NotAvailable,
    Code::LimitedConnectivity,
    Code::Kernel,
    Code::AddressesExhausted,
    Code::NoLease,
    Code::Delegate,
    Code::AttachmentDiffers,
    Code::DuplicateAddress,
    Code::Internal,
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_it_quotes() {
        let msg = |text: String| Error::new(Code::Io, text).msg;
        assert_eq!(msg("a\nb\u{1b}c".to_owned()), r"a\nb\u{1b}c");
        let fits = "x".repeat(299);
        assert_eq!(msg(fits.clone()), fits);
        for filler in ["x", "é", "…", "\n"] {
            let path = filler.repeat(4000);
            let text = msg(format!(
                "cannot read \"/{path}\": EACCES: Permission denied"
            ));
            assert!(
                text.len() <= 299 && text.len() > 290,
                "{}: {text}",
                text.len()
            );
            assert!(text.starts_with("cannot read \"/"), "{text}");
            assert!(text.ends_with("EACCES: Permission denied"), "{text}");
            assert!(!text.contains(char::is_control));
        }
        let long = Error::new(Code::Io, "why").at("k".repeat(400)).msg;
        assert!(long.len() < 300 && long.ends_with(": why"), "{long}");
    }

    #[test]
    fn what_a_delegate_printed_stays_as_it_is() {
        let long = json!({ "code": 7, "msg": "x\n".repeat(400) });
        let error = Error::parse(&long).expect("an error");
        assert_eq!(error.to_json(SpecVersion::V1_0_0)["msg"], long["msg"]);
    }

    #[test]
    fn every_named_code_is_read_back_from_its_number() {
        for code in NAMED {
            assert_eq!(Code::from(code.number()), code);
        }
        assert_eq!(Code::from(8), Code::Other(8));
    }

    #[test]
    fn an_error_is_read_back_from_its_json() {
        let error = Error::new(Code::Other(107), "no \"luck\"").with_details("try <harder>");
        assert_eq!(
            Error::parse(&error.to_json(SpecVersion::V0_4_0)),
            Some(error)
        );
    }

    #[test]
    fn details_are_left_out_when_there_are_none() {
        let error = Error::new(Code::Io, "cannot read stdin");
        assert_eq!(
            error.to_json(SpecVersion::V1_1_0),
            json!({ "cniVersion": "1.1.0", "code": 5, "msg": "cannot read stdin" })
        );
    }

    #[test]
    fn only_an_object_with_a_number_as_code_is_an_error() {
        for value in [
            json!(null),
            json!({}),
            json!({"code": "5"}),
            json!({"code": -1}),
            json!([5]),
        ] {
            assert_eq!(Error::parse(&value), None, "{value}");
        }
    }
}
