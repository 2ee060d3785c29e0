//! The names by which a runtime and a configuration speak of containers, interfaces and networks.
//!
//! SPEC §2 "Parameters" (container ID), §1 (network name); the interface name has the kernel's own rules beside the
//! specification's.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};

use crate::error::{Code, Error};

/// `CNI_CONTAINERID`: the runtime's name for a container, unique on the node while the container lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerId(String);

/// `CNI_IFNAME`: the name of an interface inside a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IfName(String);

/// The `name` of a network configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetworkName(String);

impl ContainerId {
    /// Checks `text`; a fault is an error in the environment.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_identifier(text)
            .map(|()| Self(text.to_owned()))
            .map_err(|fault| invalid(Code::InvalidEnvironment, "container ID", text, fault))
    }
}

impl IfName {
    /// The longest name the kernel takes, in bytes (`IFNAMSIZ` less its terminator).
    pub const MAX_LEN: usize = 15;

    /// Checks `text`; a fault is an error in the environment.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_ifname(text)
            .map(|()| Self(text.to_owned()))
            .map_err(|fault| invalid(Code::InvalidEnvironment, "interface name", text, fault))
    }
}

impl NetworkName {
    /// Checks `text`; a fault is an error in the configuration.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_identifier(text)
            .map(|()| Self(text.to_owned()))
            .map_err(|fault| invalid(Code::InvalidConfig, "network name", text, fault))
    }
}

/// Gives a checked name its text and its JSON form.
macro_rules! name {
    ($name:ident) => {
        impl $name {
            /// Returns the name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(|error| D::Error::custom(error.msg))
            }
        }
    };
}

name!(ContainerId);
name!(IfName);
name!(NetworkName);

fn check_identifier(text: &str) -> Result<(), &'static str> {
    let mut bytes = text.bytes();
    match bytes.next() {
        None => return Err("it is empty"),
        Some(first) if first.is_ascii_alphanumeric() => {}
        Some(_) => return Err("it must start with a letter or a digit"),
    }
    if bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        Ok(())
    } else {
        Err("only letters, digits, \"_\", \".\" and \"-\" are allowed")
    }
}

fn check_ifname(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        Err("it is empty")
    } else if text.len() > IfName::MAX_LEN {
        Err("it is longer than 15 bytes")
    } else if text == "." || text == ".." {
        Err("\".\" and \"..\" are not allowed")
    } else if text.contains(|char: char| matches!(char, '/' | ':') || char.is_whitespace()) {
        Err("\"/\", \":\" and white space are not allowed")
    } else if text.contains(char::is_control) {
        Err("control characters are not allowed")
    } else if text.contains('%') {
        // `net%d` becomes net0, net1…: a link that DEL, looking for `net%d`, would never find.
        Err("\"%\" is not allowed, which the kernel takes for the place of a number")
    } else {
        Ok(())
    }
}

fn invalid(code: Code, what: &str, text: &str, fault: &str) -> Error {
    Error::new(
        code,
        format!("invalid {what} {}: {fault}", crate::decode::quoted(text)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_ids_and_network_names_follow_the_same_rule() {
        for text in ["a", "0", "default-c-1_x.y", "A.B", "5f3e"] {
            assert!(ContainerId::parse(text).is_ok(), "{text:?}");
            assert!(NetworkName::parse(text).is_ok(), "{text:?}");
        }
        for text in ["", ".a", "-a", "_a", "a/b", "a b", "ä", "a\n", "a;b", "a\0"] {
            assert_eq!(
                ContainerId::parse(text).map_err(|error| error.code),
                Err(Code::InvalidEnvironment),
                "{text:?}"
            );
            assert_eq!(
                NetworkName::parse(text).map_err(|error| error.code),
                Err(Code::InvalidConfig),
                "{text:?}"
            );
        }
    }

    #[test]
    fn interface_names_are_those_the_kernel_takes() {
        for text in ["eth0", "net1", "a", "eth0.100", "123456789012345", "größe"] {
            assert!(IfName::parse(text).is_ok(), "{text:?}");
        }
        for text in [
            "",
            ".",
            "..",
            "1234567890123456",
            "a/b",
            "a:b",
            "a b",
            "a\tb",
            "a\u{a0}b",
            "a\0",
            "net%d",
            "a%",
        ] {
            assert!(IfName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_error_quotes_the_name_and_says_what_is_wrong() {
        let error = IfName::parse("a\n/b").expect_err("a slash");
        assert_eq!(
            error.msg,
            r#"invalid interface name "a\n/b": "/", ":" and white space are not allowed"#
        );
    }
}
