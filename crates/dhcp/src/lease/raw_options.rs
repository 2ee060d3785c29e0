//! The options of a lease in one piece of memory: a node has a thousand leases, and keeps them long.

use std::collections::BTreeMap;
use std::fmt;
use std::iter;

use serde::{Deserialize, Serialize};

/// Options by their codes, each once. Serialises as a map from codes to bytes.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<u8, Vec<u8>>", into = "BTreeMap<u8, Vec<u8>>")]
pub struct RawOptions {
    /// For each option, in the order of the codes: code, length in two bytes, value.
    bytes: Box<[u8]>,
}

impl RawOptions {
    /// Returns the value of the option of this code.
    #[must_use]
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        self.iter()
            .find_map(|(found, value)| (found == code).then_some(value))
    }

    /// Returns all options, in the order of their codes.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let mut rest = &*self.bytes;
        iter::from_fn(move || {
            let ([code, high, low], after) = rest.split_first_chunk()?;
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (value, after) = after.split_at_checked(length)?;
            rest = after;
            Some((*code, value))
        })
    }
}

impl From<BTreeMap<u8, Vec<u8>>> for RawOptions {
    /// A value too long for any message is cut off.
    fn from(options: BTreeMap<u8, Vec<u8>>) -> Self {
        let mut bytes = Vec::new();
        for (code, value) in options {
            let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
            let value = value.get(..usize::from(length)).unwrap_or_default();
            bytes.push(code);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(value);
        }
        Self {
            bytes: bytes.into_boxed_slice(),
        }
    }
}

impl From<RawOptions> for BTreeMap<u8, Vec<u8>> {
    fn from(options: RawOptions) -> Self {
        let owned = |(code, value): (u8, &[u8])| (code, value.to_vec());
        options.iter().map(owned).collect()
    }
}

impl fmt::Debug for RawOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            map: BTreeMap<u8, Vec<u8>>,
            code: u8,
        ) {
            let options = RawOptions::from(map.clone());
            prop_assert_eq!(options.get(code), map.get(&code).map(Vec::as_slice));
            let json = serde_json::to_string(&options).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&map).unwrap());
            prop_assert_eq!(serde_json::from_str::<RawOptions>(&json).unwrap(), options.clone());
            prop_assert_eq!(BTreeMap::from(options), map);
        }
    }

    #[test]
    fn a_value_that_no_message_can_hold_is_cut_off() {
        let map = BTreeMap::from([(43, vec![7; 70_000]), (44, vec![8])]);
        let options = RawOptions::from(map);
        assert_eq!(options.get(43).unwrap().len(), 65_535);
        assert_eq!(options.get(44), Some(&[8][..]));
    }
}
