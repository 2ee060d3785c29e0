//! The operations a runtime can ask for in `CNI_COMMAND` (SPEC §2).

use std::fmt;

use crate::version::SpecVersion;

/// An operation of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Attach a container to the network.
    Add,
    /// Take an attachment away.
    Del,
    /// Compare an attachment with what ADD promised.
    Check,
    /// Free what belongs to attachments that are no more.
    Gc,
    /// Say whether ADD could be served.
    Status,
    /// Name the supported versions.
    Version,
}

impl Verb {
    /// Every verb, in the order of the specification.
    pub const ALL: [Self; 6] = [
        Self::Add,
        Self::Del,
        Self::Check,
        Self::Gc,
        Self::Status,
        Self::Version,
    ];

    /// Returns the verb spelled exactly as `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == text)
    }

    /// Returns the verb as `CNI_COMMAND` spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Gc => "GC",
            Self::Status => "STATUS",
            Self::Version => "VERSION",
        }
    }

    /// Returns the first version of the specification that has the verb.
    #[must_use]
    pub const fn since(self) -> SpecVersion {
        match self {
            Self::Add | Self::Del | Self::Version => SpecVersion::V0_1_0,
            Self::Check => SpecVersion::V0_4_0,
            Self::Gc | Self::Status => SpecVersion::V1_1_0,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
