//! Reading the options of a received message (RFC 2131 §4.1, RFC 3396).
//!
//! A walk of its own rather than a decoder of whole messages: what is wrong with one option must not
//! cost those before it or after it.

use std::collections::BTreeMap;
use std::ops::Range;

/// Every option of `message` by its code.
///
/// The options field is followed by `file` and `sname` where option 52 says so; the parts of an
/// option that stands in several places are put together in that order. An option cut off by the
/// end of its field is dropped.
pub(crate) fn options(message: &[u8]) -> BTreeMap<u8, Vec<u8>> {
    let mut found = BTreeMap::new();
    walk(message.get(OPTIONS_START..).unwrap_or_default(), &mut found);
    let overload = match found.get(&OVERLOAD).map(Vec::as_slice) {
        Some([fields]) => *fields,
        Some(_) | None => 0,
    };
    if overload & OVERLOAD_FILE != 0 {
        walk(message.get(FILE).unwrap_or_default(), &mut found);
    }
    if overload & OVERLOAD_SNAME != 0 {
        walk(message.get(SNAME).unwrap_or_default(), &mut found);
    }
    found
}

fn walk(mut field: &[u8], found: &mut BTreeMap<u8, Vec<u8>>) {
    while let Some((&code, rest)) = field.split_first() {
        field = match code {
            PAD => rest,
            END => return,
            _ => {
                let Some((&length, rest)) = rest.split_first() else {
                    return;
                };
                let Some((value, rest)) = rest.split_at_checked(usize::from(length)) else {
                    return;
                };
                found.entry(code).or_default().extend_from_slice(value);
                rest
            }
        };
    }
}

/// The first byte after the header and the cookie.
pub(crate) const OPTIONS_START: usize = 240;

const SNAME: Range<usize> = 44..108;
const FILE: Range<usize> = 108..236;

const PAD: u8 = 0;
const OVERLOAD: u8 = 52;
const END: u8 = 255;

/// RFC 2132 §9.3: 1 is `file`, 2 is `sname`, 3 is both.
const OVERLOAD_FILE: u8 = 1;
const OVERLOAD_SNAME: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// A name, the options field, and the options in it.
    type Case<'a> = (&'a str, &'a [u8], &'a [(u8, &'a [u8])]);

    #[test]
    fn options_are_found_whatever_stands_around_them() {
        let cases: &[Case<'_>] = &[
            ("nothing", &[], &[]),
            ("only an end", &[255], &[]),
            (
                "padding",
                &[0, 0, 53, 1, 2, 0, 51, 1, 9, 255],
                &[(51, &[9]), (53, &[2])],
            ),
            ("no end", &[53, 1, 2], &[(53, &[2])]),
            (
                "garbage after the end",
                &[53, 1, 2, 255, 54, 1, 1],
                &[(53, &[2])],
            ),
            (
                "an empty option",
                &[53, 0, 51, 1, 9, 255],
                &[(51, &[9]), (53, &[])],
            ),
            ("a code without a length", &[53, 1, 2, 51], &[(53, &[2])]),
            ("a value cut off", &[53, 1, 2, 51, 4, 0, 0], &[(53, &[2])]),
            ("parts side by side", &[6, 1, 1, 6, 1, 2], &[(6, &[1, 2])]),
            (
                "parts apart",
                &[6, 1, 1, 53, 1, 2, 6, 1, 2],
                &[(6, &[1, 2]), (53, &[2])],
            ),
        ];
        for (name, field, expected) in cases {
            let mut message = vec![0; OPTIONS_START];
            message.extend_from_slice(field);
            let expected = expected
                .iter()
                .map(|(code, value)| (*code, value.to_vec()))
                .collect();
            assert_eq!(options(&message), expected, "{name}");
        }
    }

    #[test]
    fn overloaded_fields_are_read_after_the_options_and_file_before_sname() {
        let cases: &[(u8, &[u8])] = &[
            (0, &[1]),
            (1, &[1, 2]),
            (2, &[1, 3]),
            (3, &[1, 2, 3]),
            (4, &[1]),
        ];
        for (overload, expected) in cases {
            let mut message = vec![0; OPTIONS_START];
            message[FILE][..4].copy_from_slice(&[0, 6, 1, 2]);
            message[SNAME][..4].copy_from_slice(&[6, 1, 3, 255]);
            message.extend_from_slice(&[52, 1, *overload, 6, 1, 1, 255]);
            assert_eq!(
                options(&message).get(&6).unwrap(),
                expected,
                "overload {overload}"
            );
        }
    }

    #[test]
    fn an_option_in_an_overloaded_field_cannot_reach_beyond_it() {
        let mut message = vec![0; OPTIONS_START];
        message[FILE][126..].copy_from_slice(&[6, 4]);
        message.extend_from_slice(&[52, 1, 1, 255]);
        assert_eq!(options(&message).get(&6), None);
    }

    #[test]
    fn a_message_shorter_than_its_header_has_no_options() {
        for length in 0..OPTIONS_START {
            assert_eq!(options(&vec![1; length]), BTreeMap::new());
        }
    }
}
