//! What can be wrong with a value, and where.

use std::fmt::{self, Display, Write as _};

use serde::de::{self, Expected, Unexpected};

use super::quoted;
use crate::error::{Code, Error};

/// A fault found while decoding. Boxed: decoding carries it through every return value.
#[derive(Debug)]
pub(super) struct Fault(Box<Place>);

#[derive(Debug)]
struct Place {
    /// The way to the faulty value, innermost step first.
    path: Vec<Step>,
    kind: Kind,
}

/// One step into a value.
#[derive(Debug)]
pub(super) enum Step {
    /// Into an object.
    Key(String),
    /// Into an array.
    Index(usize),
}

#[derive(Debug)]
enum Kind {
    Type { expected: String, found: String },
    Value { expected: String, found: String },
    Variant { expected: String, found: String },
    Missing,
    Length { expected: String, found: usize },
    Custom(String),
}

impl Fault {
    /// Returns the fault with the step that led to it.
    pub(super) fn after(mut self, step: Step) -> Self {
        self.0.path.push(step);
        self
    }

    /// Returns the error for a plugin's caller.
    pub(super) fn into_error(self, root: &str) -> Error {
        let mut path = root.to_owned();
        for step in self.0.path.iter().rev() {
            step.write(&mut path);
        }
        let error = self.0.kind.into_error();
        if path.is_empty() {
            error
        } else {
            error.at(path)
        }
    }

    fn new(kind: Kind) -> Self {
        Self(Box::new(Place {
            path: Vec::new(),
            kind,
        }))
    }
}

impl Step {
    fn write(&self, path: &mut String) {
        match self {
            Self::Key(key) if is_plain(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
            Self::Key(key) => {
                path.push('[');
                path.push_str(&quoted(key));
                path.push(']');
            }
            Self::Index(index) => {
                // Writing to a String does not fail.
                let _ = write!(path, "[{index}]");
            }
        }
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= 64
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

impl Kind {
    fn into_error(self) -> Error {
        match self {
            Self::Type { expected, found } => {
                Error::new(Code::Decode, format!("expected {expected}, found {found}"))
            }
            Self::Value { expected, found } => Error::new(
                Code::InvalidConfig,
                format!("{found} is not allowed, expected {expected}"),
            ),
            Self::Variant { expected, found } => Error::new(
                Code::UnsupportedField,
                format!("{found} is not supported, expected {expected}"),
            ),
            Self::Missing => Error::new(Code::InvalidConfig, "missing"),
            Self::Length { expected, found } => Error::new(
                Code::InvalidConfig,
                format!("expected {expected}, found {found} elements"),
            ),
            Self::Custom(text) => Error::new(Code::InvalidConfig, text),
        }
    }
}

impl de::Error for Fault {
    fn custom<T: Display>(text: T) -> Self {
        Self::new(Kind::Custom(text.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Kind::Type {
            expected: wanted(expected),
            found: describe(&found),
        })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Kind::Value {
            expected: wanted(expected),
            found: describe(&found),
        })
    }

    fn invalid_length(found: usize, expected: &dyn Expected) -> Self {
        Self::new(Kind::Length {
            expected: wanted(expected),
            found,
        })
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let expected: Vec<String> = expected.iter().map(|name| quoted(name)).collect();
        Self::new(Kind::Variant {
            expected: expected.join(" or "),
            found: quoted(variant),
        })
    }

    fn unknown_field(field: &str, _expected: &'static [&'static str]) -> Self {
        Self::new(Kind::Custom("unknown key".into())).after(Step::Key(field.into()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::Missing).after(Step::Key(field.into()))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(Kind::Custom("given twice".into())).after(Step::Key(field.into()))
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.kind)
    }
}

impl std::error::Error for Fault {}

/// Returns what was found in the words of JSON.
fn describe(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("boolean {value}"),
        Unexpected::Unsigned(value) => format!("number {value}"),
        Unexpected::Signed(value) => format!("number {value}"),
        // With an exponent where it is large, as it was written.
        Unexpected::Float(value) => format!("number {value:?}"),
        Unexpected::Char(value) => format!("string {:?}", value.to_string()),
        Unexpected::Str(value) => format!("string {}", quoted(value)),
        Unexpected::Unit | Unexpected::Option => "null".into(),
        Unexpected::Seq => "an array".into(),
        Unexpected::Map => "an object".into(),
        Unexpected::Bytes(_)
        | Unexpected::NewtypeStruct
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant
        | Unexpected::Other(_) => found.to_string(),
    }
}

/// Returns what was expected in the words of JSON, where serde has Rust's.
fn wanted(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "a boolean" => "true or false".into(),
        "u8" => "a number from 0 to 255".into(),
        "u16" => "a number from 0 to 65535".into(),
        "u32" => "a number from 0 to 4294967295".into(),
        "i32" => "a number from -2147483648 to 2147483647".into(),
        "u64" | "usize" => "a whole number, 0 or more".into(),
        "i64" | "isize" => "a whole number".into(),
        "a sequence" => "an array".into(),
        "a map" => "an object".into(),
        text if text.starts_with("struct ") => "an object".into(),
        "path string" | "string or map" => "a string".into(),
        text if text.starts_with("enum ") => "a string".into(),
        _ => text,
    }
}
