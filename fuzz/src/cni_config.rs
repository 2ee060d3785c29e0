//! Stdin (SPEC §3): any bytes are a configuration or an error that a person can read, and the lenient decoder agrees
//! with serde's own wherever there is nothing to be lenient about.

use std::collections::BTreeMap;

use cni::{Code, Document, Error, RequestConfig, SpecVersion, Verb};
use serde::Deserialize;
use serde_json::Value;

use crate::cni_result::check_result;

/// Reads the input as what a plugin finds on stdin, for every verb.
pub fn cni_config(data: &[u8]) {
    let document = match Document::parse(data.to_vec()) {
        Ok(document) => document,
        Err(error) => return check_error(&error),
    };
    let value: Value = serde_json::from_slice(data).expect("a document is JSON");
    check_decoding(&value);
    for verb in Verb::ALL {
        match RequestConfig::from_document(document.clone(), verb, &SpecVersion::ALL) {
            Ok(config) => check_config(&config, verb, &document, data),
            Err(error) => check_error(&error),
        }
    }
}

fn check_config(config: &RequestConfig, verb: Verb, document: &Document, data: &[u8]) {
    assert_eq!(config.raw, data);
    assert_eq!(document.version(), Some(config.version));
    assert!(config.version.has(verb));
    assert_ne!(config.ipam_type.as_deref(), Some(""));
    assert!(config.prev_result.is_none() || config.prev_result_fault.is_none());
    if let Some(result) = &config.prev_result {
        check_result(result);
    }
    if let Some(fault) = &config.prev_result_fault {
        assert_eq!(verb, Verb::Del, "only DEL goes on without");
        check_error(fault);
    }
    match config.valid_attachments() {
        Ok(valid) => assert!(valid.is_sorted_by(|one, next| one < next)),
        Err(error) => check_error(&error),
    }
    let members = [config.runtime_config(), config.cni_args()];
    assert!(
        members
            .into_iter()
            .flatten()
            .all(|member| !member.is_null())
    );
}

/// An error has one of the specification's codes, and is one line that names things and does not end in a full stop.
pub(crate) fn check_error(error: &Error) {
    assert!(
        matches!(
            error.code,
            Code::IncompatibleVersion | Code::UnsupportedField | Code::Decode | Code::InvalidConfig
        ),
        "{error:?}"
    );
    for text in [&error.msg, &error.details] {
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(!text.ends_with('.'), "{text:?}");
    }
    assert!(
        (1..LONGEST_LINE).contains(&error.msg.chars().count()),
        "{}",
        error.msg
    );
}

/// A bit of everything that the plugins' configurations are made of.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Everything {
    name: String,
    flag: bool,
    small: u8,
    signed: i32,
    large: u64,
    fraction: f64,
    maybe: Option<u16>,
    list: Vec<String>,
    pair: (u8, String),
    map: BTreeMap<String, i64>,
    choice: Choice,
    nested: Option<Nested>,
    many: Vec<Nested>,
    any: Value,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Nested {
    small: u8,
    list: Vec<Option<bool>>,
    choice: Choice,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Choice {
    #[default]
    Bridge,
    Vepa,
    Mode(u8),
    Range {
        start: String,
    },
}

fn check_decoding(value: &Value) {
    let lenient = cni::decode::<Everything>(value);
    if let Err(error) = &lenient {
        check_error(error);
    }
    if nothing_to_forgive(value) {
        let strict = Everything::deserialize(value);
        assert_eq!(
            lenient.as_ref().ok(),
            strict.as_ref().ok(),
            "{lenient:?}, serde: {strict:?}"
        );
    }
}

/// No `null`, and no key that only its case tells from one that is known.
fn nothing_to_forgive(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        Value::Array(items) => items.iter().all(nothing_to_forgive),
        Value::Object(members) => members.iter().all(|(key, member)| {
            !key.contains(|c: char| c.is_ascii_uppercase()) && nothing_to_forgive(member)
        }),
    }
}

/// What fits into a line of a log or a pod's event.
const LONGEST_LINE: usize = 300;
