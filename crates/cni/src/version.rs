//! The versions of the specification, in the order they were published.

use std::fmt;

use crate::verb::Verb;

/// A published version of the CNI specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpecVersion {
    /// 0.1.0
    V0_1_0,
    /// 0.2.0
    V0_2_0,
    /// 0.3.0
    V0_3_0,
    /// 0.3.1
    V0_3_1,
    /// 0.4.0
    V0_4_0,
    /// 1.0.0
    V1_0_0,
    /// 1.1.0
    V1_1_0,
}

impl SpecVersion {
    /// Every version, oldest first.
    pub const ALL: [Self; 7] = [
        Self::V0_1_0,
        Self::V0_2_0,
        Self::V0_3_0,
        Self::V0_3_1,
        Self::V0_4_0,
        Self::V1_0_0,
        Self::V1_1_0,
    ];

    /// The newest version.
    pub const LATEST: Self = Self::V1_1_0;

    /// The version of a configuration that names none.
    pub const UNNAMED: Self = Self::V0_1_0;

    /// Returns the version written exactly as `text`; the empty text is what a configuration without version means.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::UNNAMED);
        }
        Self::ALL
            .into_iter()
            .find(|version| version.as_str() == text)
    }

    /// Returns the version as the specification writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }

    /// Tells whether this version has the verb.
    #[must_use]
    pub fn has(self, verb: Verb) -> bool {
        self >= verb.since()
    }

    /// Tells whether a result of this version can describe an attachment without addresses.
    ///
    /// Up to 0.2.0 a result is nothing but an IPv4 and an IPv6 address.
    #[must_use]
    pub fn carries_layer_2(self) -> bool {
        self >= Self::V0_3_0
    }
}

impl fmt::Display for SpecVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_read_back_from_its_text() {
        for version in SpecVersion::ALL {
            assert_eq!(SpecVersion::parse(&version.to_string()), Some(version));
        }
    }

    #[test]
    fn versions_are_ordered_as_they_were_published() {
        assert!(SpecVersion::ALL.is_sorted());
        assert_eq!(SpecVersion::ALL.last(), Some(&SpecVersion::LATEST));
    }

    #[test]
    fn no_version_means_the_first_one() {
        assert_eq!(SpecVersion::parse(""), Some(SpecVersion::V0_1_0));
    }

    #[test]
    fn only_exact_text_is_a_version() {
        for text in ["1.1", "1.1.0 ", "v1.1.0", "01.1.0", "9.9.9", "1.1.0.0"] {
            assert_eq!(SpecVersion::parse(text), None, "{text:?}");
        }
    }
}
