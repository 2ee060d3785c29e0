//! Hardware addresses of Ethernet links.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};

use crate::decode::quoted;
use crate::error::{Code, Error};

/// A 48-bit hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MacAddr([u8; 6]);

impl MacAddr {
    /// Returns the address made of these octets.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// Reads `00:00:5e:00:53:01`, `00-00-5e-00-53-01` or `0000.5e00.5301`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        read(text).map(Self).ok_or_else(|| {
            Error::new(
                Code::InvalidConfig,
                format!("{} is not a 48-bit MAC address", quoted(text)),
            )
            .with_details("write it as six pairs of hexadecimal digits: 02:00:5e:00:53:01")
        })
    }

    /// Returns the address as octets.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Tells whether the address is one of a group (broadcast included), which no link can have.
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        let [first, ..] = self.0;
        first & 1 == 1
    }

    /// Tells whether the address is all zeros, which the kernel takes for "none".
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == [0; 6]
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for octet in self.0 {
            write!(f, "{separator}{octet:02x}")?;
            separator = ":";
        }
        Ok(())
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl Serialize for MacAddr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MacAddr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| D::Error::custom(error.msg))
    }
}

fn read(text: &str) -> Option<[u8; 6]> {
    let (separator, group) = match text.as_bytes() {
        [_, _, separator @ (b':' | b'-'), ..] => (*separator, 2),
        [_, _, _, _, b'.', ..] => (b'.', 4),
        _ => return None,
    };
    let groups: Vec<&str> = text.split(char::from(separator)).collect();
    if groups.len() * group != 12 || groups.iter().any(|digits| digits.len() != group) {
        return None;
    }
    let digits: Vec<u8> = groups
        .concat()
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let octets: Vec<u8> = digits
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| high << 4 | low)
        .collect();
    octets.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_of_writing_an_address_are_read() {
        for text in ["02:00:5E:00:53:af", "02-00-5e-00-53-AF", "0200.5e00.53af"] {
            let mac = MacAddr::parse(text).expect(text);
            assert_eq!(mac.to_string(), "02:00:5e:00:53:af");
            assert_eq!(mac.octets(), [2, 0, 0x5e, 0, 0x53, 0xaf]);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "02",
            "02:00:5e:00:53",
            "02:00:5e:00:53:af:00:01",
            "02:00-5e:00:53:af",
            "0:0:0:0:0:0",
            "02:00:5e:00:53:a",
            "02:00:5e:00:53:ag",
            "02005e0053af",
            "02:00:5e:00:53:+f",
            "0200.5e00.53a",
            "02:00:5e:00:53:é",
            "::::::",
            "02:00:5e:00:53:af\n",
        ] {
            assert!(MacAddr::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn group_addresses_are_told_apart() {
        assert!(MacAddr::new([1, 0, 0, 0, 0, 0]).is_multicast());
        assert!(MacAddr::new([0xff; 6]).is_multicast());
        assert!(!MacAddr::new([2, 0, 0, 0, 0, 0]).is_multicast());
    }
}
