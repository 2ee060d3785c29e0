//! Decoding a JSON value into a type, as lenient as Go's `encoding/json` and with errors that name the place.
//!
//! Keys of structs match without regard to (ASCII) case, an exact match first; `null` is an absent field; unknown keys
//! are passed over. Values are taken strictly: no number for a string, no text for a number. Structs with
//! `#[serde(flatten)]` do without the lenient keys, since serde then asks for a map.
//!
//! The code of an error says what was wrong: 6 for a value of another type than expected, 2 for a name that is not
//! among an enum's, 7 for all else: a field missing, a number out of range, or whatever a type's own `Deserialize`
//! reports with `Error::custom`.

mod deserializer;
mod fault;

use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use deserializer::Source;

/// Decodes `value`.
pub fn decode<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    decode_at(value, "")
}

/// Decodes `value`, which stands at the place `root` of a greater one.
pub(crate) fn decode_at<T: DeserializeOwned>(value: &Value, root: &str) -> Result<T, Error> {
    T::deserialize(Source::new(value)).map_err(|fault| fault.into_error(root))
}

/// Returns the value of `key` in an object as the decoder would find it; `null` is none.
#[must_use]
pub fn field<'v>(object: &'v Value, key: &str) -> Option<&'v Value> {
    let object = object.as_object()?;
    let value = object.get(key).or_else(|| {
        object
            .iter()
            .rfind(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, value)| value)
    });
    value.filter(|value| !value.is_null())
}

/// Returns what `value` is, for an error message.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => format!("boolean {value}"),
        Value::Number(value) => format!("number {value}"),
        Value::String(value) => format!("string {}", quoted(value)),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// Returns text that a user gave, quoted, escaped, and cut where it is long.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut room = QUOTED_CHARS;
    for (end, c) in text.char_indices() {
        let Some(left) = room.checked_sub(c.escape_debug().count()) else {
            return format!("{:?}…", text.get(..end).unwrap_or_default());
        };
        room = left;
    }
    format!("{text:?}")
}

/// Returns things of which there may be many, the first few by name and the others by number.
#[must_use]
pub fn listed<T: Display>(things: &[T], separator: &str) -> String {
    let (named, others) = things.split_at(things.len().min(NAMED_THINGS));
    let mut named: Vec<String> = named.iter().map(T::to_string).collect();
    if !others.is_empty() {
        named.push(format!("and {} more", others.len()));
    }
    named.join(separator)
}

/// As many things as a message of one line has room for.
const NAMED_THINGS: usize = 3;

/// As many characters of a user's text, escapes included, as a message of one line has room for.
const QUOTED_CHARS: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_short_however_much_there_is_to_escape() {
        assert_eq!(quoted("it is \"so\""), r#""it is \"so\"""#);
        let fits = "x".repeat(QUOTED_CHARS);
        assert_eq!(quoted(&fits), format!("{fits:?}"));
        assert_eq!(quoted(&"x".repeat(QUOTED_CHARS + 1)), format!("{fits:?}…"));
        for c in ['\u{7f}', '\u{10ffff}', '"', '\n', 'é'] {
            let length = quoted(&c.to_string().repeat(1000)).chars().count();
            assert!(length <= QUOTED_CHARS + 3, "{c:?}: {length}");
        }
    }
}
