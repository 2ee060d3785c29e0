//! A second reading of the options of a message, by position.

use std::collections::BTreeMap;
use std::ops::Range;

/// The options of a message.
pub(super) struct Options {
    /// Values by code, the parts of each put together.
    pub(super) values: BTreeMap<u8, Vec<u8>>,
    /// Codes that stand there once, each in one piece, with code and length before the value.
    pub(super) single: BTreeMap<u8, Vec<u8>>,
    /// The options field ends with an end option.
    pub(super) ended: bool,
}

pub(super) fn contents(message: &[u8]) -> Options {
    let (mut pieces, ended) = pieces(message, super::OPTIONS..message.len());
    let overload: Vec<u8> = values_of(52, &pieces, message);
    if let [fields] = overload[..] {
        for (bit, field) in [(1, FILE), (2, SNAME)] {
            if fields & bit != 0 {
                pieces.extend(self::pieces(message, field).0);
            }
        }
    }
    let mut values = BTreeMap::new();
    let mut single = BTreeMap::new();
    for (code, place) in &pieces {
        values.insert(*code, values_of(*code, &pieces, message));
        if pieces.iter().filter(|(other, _)| other == code).count() == 1 {
            single.insert(*code, message[place.start - 2..place.end].to_vec());
        }
    }
    Options {
        values,
        single,
        ended,
    }
}

/// Where the values stand in `field`, and whether an end option was found.
fn pieces(message: &[u8], field: Range<usize>) -> (Vec<(u8, Range<usize>)>, bool) {
    let mut found = Vec::new();
    let mut at = field.start;
    while at < field.end {
        match message[at] {
            255 => return (found, true),
            0 => at += 1,
            code => {
                let start = at + 2;
                if start > field.end {
                    break;
                }
                at = start + usize::from(message[start - 1]);
                if at > field.end {
                    break;
                }
                found.push((code, start..at));
            }
        }
    }
    (found, false)
}

fn values_of(code: u8, pieces: &[(u8, Range<usize>)], message: &[u8]) -> Vec<u8> {
    let parts = pieces.iter().filter(|(other, _)| *other == code);
    parts
        .flat_map(|(_, place)| message[place.clone()].to_vec())
        .collect()
}

const SNAME: Range<usize> = 44..108;
const FILE: Range<usize> = 108..236;
