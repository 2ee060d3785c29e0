//! Domain names from a server (RFC 2132 §3.17, RFC 3397).
//!
//! They end up in a resolver's configuration, so that only what is a host or domain name (RFC 1123,
//! with the underscore that service names have) gets through.

/// Returns the name that `text` is (option 15), without a final dot or NULs.
pub(crate) fn domain(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.trim_end_matches('\0');
    let name = text.strip_suffix('.').unwrap_or(text);
    let valid = name.len() <= MAX_NAME && name.split('.').all(|label| is_label(label.as_bytes()));
    valid.then(|| name.to_owned())
}

/// Returns the valid names of a search list (option 119), `None` if the list is malformed.
pub(crate) fn search_list(value: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut position = 0;
    while position < value.len() {
        let (name, next) = read(value, position)?;
        if let Some(name) = name
            && names.len() < MAX_SEARCH
            && !names.contains(&name)
        {
            names.push(name);
        }
        position = next;
    }
    Some(names)
}

/// Reads the name at `start`; returns it if it is valid, and where the next one starts.
///
/// A pointer (RFC 1035 §4.1.4) must lead further back than all before it, so that no chain of them
/// can go round.
fn read(value: &[u8], start: usize) -> Option<(Option<String>, usize)> {
    let mut name = String::new();
    let mut valid = true;
    let mut next = None;
    let mut earliest = start;
    let mut position = start;
    loop {
        let length = *value.get(position)?;
        position += 1;
        match length & KIND {
            _ if length == 0 => break,
            LABEL => {
                let label = value.get(position..position + usize::from(length))?;
                position += label.len();
                valid = valid && is_label(label) && name.len() + label.len() < MAX_NAME;
                if valid {
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.extend(label.iter().copied().map(char::from));
                }
            }
            POINTER => {
                let low = *value.get(position)?;
                next.get_or_insert(position + 1);
                let target = usize::from(u16::from_be_bytes([length & !KIND, low]));
                if target >= earliest {
                    return None;
                }
                earliest = target;
                position = target;
            }
            _ => return None,
        }
    }
    let valid = valid && !name.is_empty();
    Some((valid.then_some(name), next.unwrap_or(position)))
}

fn is_label(label: &[u8]) -> bool {
    let allowed = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    (1..=MAX_LABEL).contains(&label.len())
        && label.iter().all(allowed)
        && !label.starts_with(b"-")
        && !label.ends_with(b"-")
}

const MAX_LABEL: usize = 63;
/// RFC 1035 §2.3.4: 255 bytes with a length before each label and the root's after the last.
const MAX_NAME: usize = 253;
/// The most that resolvers take.
const MAX_SEARCH: usize = 32;

/// The two high bits of a length tell labels from pointers.
const KIND: u8 = 0xc0;
const LABEL: u8 = 0;
const POINTER: u8 = 0xc0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_domain_names_are_taken_as_the_domain() {
        let long = "a.".repeat(126) + "a";
        let good = [
            ("lan", "lan"),
            ("example.org.", "example.org"),
            ("example.org\0\0", "example.org"),
            ("_tcp.x-1.example", "_tcp.x-1.example"),
            (&long, &long),
        ];
        for (text, expected) in good {
            assert_eq!(
                domain(text.as_bytes()).as_deref(),
                Some(expected),
                "{text:?}"
            );
        }
        let too_long = "a.".repeat(127) + "a";
        let label = "a".repeat(64);
        let bad = [
            "",
            ".",
            "\0",
            "a..b",
            ".a",
            "a b",
            "a\nb",
            "a\0b",
            "-a",
            "a-",
            "é.example",
            "a/b",
            "nameserver 192.0.2.1\nsearch evil",
            &too_long,
            &label,
        ];
        for text in bad {
            assert_eq!(domain(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(domain(&[0xff, b'a']), None);
    }

    #[test]
    fn a_search_list_is_read_with_its_pointers() {
        let value = b"\x03eng\x05apple\x03com\0\x09marketing\xc0\x04\xc0\x04";
        assert_eq!(
            search_list(value).unwrap(),
            ["eng.apple.com", "marketing.apple.com", "apple.com"]
        );
    }

    #[test]
    fn a_search_list_that_is_malformed_is_dropped() {
        let bad: [&[u8]; 8] = [
            b"\x03en",
            b"\x03eng",
            b"\xc0\x00",
            b"\x01a\xc0\x00",
            b"\x01a\0\xc0",
            b"\x01a\0\x01b\xc0\x05",
            b"\xc0\x02\xc0\x00",
            b"\x41a\0",
        ];
        for value in bad {
            assert_eq!(search_list(value), None, "{value:?}");
        }
    }

    #[test]
    fn names_in_a_search_list_that_are_no_names_are_left_out() {
        let value = b"\x03a b\0\0\x01a\0\x01a\0\x02-x\0\x01b\0";
        assert_eq!(search_list(value).unwrap(), ["a", "b"]);
        assert_eq!(search_list(&[]).unwrap(), [""; 0]);
        let too_long = [&b"\x01a".repeat(127)[..], b"\0\x01b\0"].concat();
        assert_eq!(
            search_list(&too_long).unwrap().last().map(String::as_str),
            Some("b")
        );
    }

    #[test]
    fn a_long_search_list_is_cut() {
        let value: Vec<u8> = (0..100_u8)
            .flat_map(|n| [2, b'a' + n / 26, b'a' + n % 26, 0])
            .collect();
        assert_eq!(search_list(&value).unwrap().len(), MAX_SEARCH);
    }
}
