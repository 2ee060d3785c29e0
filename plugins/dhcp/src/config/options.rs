//! DHCP options as users write them: by name or number, with plain or typed values.

use std::net::Ipv4Addr;

use serde_json::Value;

/// Codes of options (RFC 2132, RFC 3004).
pub(crate) mod code {
    pub(crate) const PAD: u8 = 0;
    pub(crate) const HOST_NAME: u8 = 12;
    pub(crate) const REQUESTED_ADDRESS: u8 = 50;
    pub(crate) const OVERLOAD: u8 = 52;
    pub(crate) const MESSAGE_TYPE: u8 = 53;
    pub(crate) const SERVER_IDENTIFIER: u8 = 54;
    pub(crate) const PARAMETER_REQUEST_LIST: u8 = 55;
    pub(crate) const CLIENT_IDENTIFIER: u8 = 61;
    pub(crate) const END: u8 = 255;
}

/// The options the client itself sets; a user's value would make its messages meaningless.
pub(crate) const RESERVED: [u8; 5] = [
    code::REQUESTED_ADDRESS,
    code::OVERLOAD,
    code::MESSAGE_TYPE,
    code::SERVER_IDENTIFIER,
    code::PARAMETER_REQUEST_LIST,
];

/// The code of an option given as one of the reference's names or in decimal.
pub(crate) fn parse_code(text: &str) -> Option<u8> {
    let named = NAMES
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, code)| *code);
    named
        .or_else(|| text.parse().ok())
        .filter(|code| !matches!(*code, code::PAD | code::END))
}

/// The bytes of a value: text as it is, or with a prefix `hex:`, `ip:`, `u8:`, `u16:`, `u32:`, `text:`.
pub(crate) fn parse_text(value: &str) -> Option<Vec<u8>> {
    let Some((kind, rest)) = value.split_once(':') else {
        return Some(value.as_bytes().to_vec());
    };
    match kind {
        "hex" => parse_hex(rest),
        "ip" => {
            let addresses = rest.split(',').map(|ip| ip.trim().parse::<Ipv4Addr>().ok());
            let octets: Option<Vec<_>> = addresses.map(|ip| ip.map(|ip| ip.octets())).collect();
            octets.map(|octets| octets.concat())
        }
        "u8" => rest.parse::<u8>().ok().map(|n| vec![n]),
        "u16" => rest.parse::<u16>().ok().map(|n| n.to_be_bytes().to_vec()),
        "u32" => rest.parse::<u32>().ok().map(|n| n.to_be_bytes().to_vec()),
        "text" => Some(rest.as_bytes().to_vec()),
        _ => Some(value.as_bytes().to_vec()),
    }
}

/// The bytes of a JSON value: a string by [`parse_text`], a number in the width its option has.
pub(crate) fn parse_value(code: u8, value: &Value) -> Option<Vec<u8>> {
    if let Some(text) = value.as_str() {
        return parse_text(text);
    }
    let number = value.as_u64()?;
    match code {
        19 | 20 | 23 | 27 | 29 | 30 | 31 | 34 | 36 | 37 | 39 | 46 | 116 => {
            u8::try_from(number).ok().map(|n| vec![n])
        }
        13 | 22 | 26 | 57 | 93 => u16::try_from(number).ok().map(|n| n.to_be_bytes().to_vec()),
        2 | 24 | 35 | 38 | 51 | 58 | 59 | 91 | 108 => {
            u32::try_from(number).ok().map(|n| n.to_be_bytes().to_vec())
        }
        _ => None,
    }
}

/// Bytes from hexadecimal digits, with or without colons between them.
pub(crate) fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    let pairs = (0..digits.len())
        .step_by(2)
        .map(|at| digits.get(at..at + 2));
    pairs
        .map(|pair| u8::from_str_radix(pair.filter(|p| !p.starts_with('+'))?, 16).ok())
        .collect()
}

/// The names the reference knows.
const NAMES: [(&str, u8); 6] = [
    ("dhcp-client-identifier", code::CLIENT_IDENTIFIER),
    ("subnet-mask", 1),
    ("routers", 3),
    ("host-name", code::HOST_NAME),
    ("user-class", 77),
    ("vendor-class-identifier", 60),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_the_references_names_and_decimal_codes() {
        assert_eq!(parse_code("host-name"), Some(12));
        assert_eq!(parse_code("dhcp-client-identifier"), Some(61));
        assert_eq!(parse_code("vendor-class-identifier"), Some(60));
        assert_eq!(parse_code("121"), Some(121));
        for text in ["", "hostname", "0", "255", "256", "-1", "0x0c", " 12"] {
            assert_eq!(parse_code(text), None, "{text}");
        }
    }

    #[test]
    fn values_are_text_unless_a_prefix_types_them() {
        for (text, bytes) in [
            ("web", &b"web"[..]),
            ("http://x", b"http://x"),
            ("text:hex:00", b"hex:00"),
            ("hex:0aFF", &[0x0a, 0xff]),
            ("hex:0a:ff", &[0x0a, 0xff]),
            ("ip:192.0.2.1, 192.0.2.2", &[192, 0, 2, 1, 192, 0, 2, 2]),
            ("u8:7", &[7]),
            ("u16:1500", &[5, 220]),
            ("u32:3600", &[0, 0, 14, 16]),
        ] {
            assert_eq!(parse_text(text).as_deref(), Some(bytes), "{text}");
        }
        for text in [
            "hex:", "hex:0", "hex:+1", "hex:é0", "ip:", "ip:1.2.3", "u8:256", "u16:-1",
        ] {
            assert_eq!(parse_text(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_take_the_width_of_their_option() {
        assert_eq!(parse_value(57, &Value::from(1500)), Some(vec![5, 220]));
        assert_eq!(parse_value(51, &Value::from(60)), Some(vec![0, 0, 0, 60]));
        assert_eq!(parse_value(46, &Value::from(8)), Some(vec![8]));
        assert_eq!(parse_value(57, &Value::from(70_000)), None);
        assert_eq!(
            parse_value(60, &Value::from(1)),
            None,
            "a text option has no width"
        );
        assert_eq!(parse_value(57, &Value::from(-1)), None);
        assert_eq!(parse_value(57, &Value::Null), None);
    }
}
