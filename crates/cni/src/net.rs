//! Addresses and CIDRs in JSON, read as strictly as Go's standard library does.
//!
//! `ipnetwork` by itself takes a bare address for a CIDR and a netmask for a prefix length; here both are errors. An
//! IPv4 address written in IPv6 form (`::ffff:192.0.2.1`) is an IPv4 address.
//!
//! The modules are for `#[serde(with = "cni::net::cidr")]` and the like in types that are read, never written; those of
//! optional values take `""` for "not set" and want `#[serde(default)]` beside them.

use std::net::IpAddr;

use ipnetwork::IpNetwork;

use crate::decode::quoted;
use crate::error::{Code, Error};

/// Reads an address.
pub fn parse_address(text: &str) -> Result<IpAddr, Error> {
    text.parse::<IpAddr>()
        .map(|address| address.to_canonical())
        .map_err(|_| {
            Error::new(
                Code::InvalidConfig,
                format!("{} is not an IP address", quoted(text)),
            )
        })
}

/// Reads an address with its prefix length and keeps the host bits.
pub fn parse_cidr(text: &str) -> Result<IpNetwork, Error> {
    read_cidr(text).ok_or_else(|| {
        Error::new(
            Code::InvalidConfig,
            format!("{} is not an IP address with a prefix length", quoted(text)),
        )
        .with_details("write it like 192.0.2.0/24 or 2001:db8::/64")
    })
}

fn read_cidr(text: &str) -> Option<IpNetwork> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    if !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let prefix: u8 = prefix.parse().ok()?;
    let canonical = address.to_canonical();
    let prefix = if canonical.is_ipv4() && address.is_ipv6() {
        prefix.checked_sub(MAPPED_PREFIX_LEN)?
    } else {
        prefix
    };
    IpNetwork::new(canonical, prefix).ok()
}

/// RFC 4291 §2.5.5.2: the prefix length of `::ffff:0:0/96`.
const MAPPED_PREFIX_LEN: u8 = 96;

/// `IpNetwork` as text.
pub mod cidr {
    use ipnetwork::IpNetwork;
    use serde::de::{Deserialize, Deserializer, Error as _};

    /// Reads a CIDR.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpNetwork, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_cidr(&text).map_err(|error| D::Error::custom(error.msg))
    }
}

/// `Option<IpNetwork>` as text, where `""` is `None`.
pub mod optional_cidr {
    use ipnetwork::IpNetwork;
    use serde::de::{Deserialize, Deserializer, Error as _};

    /// Reads a CIDR or nothing.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<IpNetwork>, D::Error> {
        match Option::<String>::deserialize(deserializer)?.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => super::parse_cidr(text)
                .map(Some)
                .map_err(|error| D::Error::custom(error.msg)),
        }
    }
}

/// `Option<IpAddr>` as text, where `""` is `None`.
pub mod optional_address {
    use std::net::IpAddr;

    use serde::de::{Deserialize, Deserializer, Error as _};

    /// Reads an address or nothing.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<IpAddr>, D::Error> {
        match Option::<String>::deserialize(deserializer)?.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => super::parse_address(text)
                .map(Some)
                .map_err(|error| D::Error::custom(error.msg)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cidr_keeps_its_host_bits() {
        let cidr = parse_cidr("192.0.2.5/24").expect("a CIDR");
        assert_eq!(
            (cidr.ip().to_string(), cidr.prefix()),
            ("192.0.2.5".to_owned(), 24)
        );
    }

    #[test]
    fn what_go_refuses_as_a_cidr_is_refused() {
        for text in [
            "",
            "/",
            "192.0.2.0",
            "192.0.2.0/",
            "192.0.2.0/33",
            "2001:db8::/129",
            "192.0.2.0/255.255.255.0",
            "192.0.2/24",
            "192.0.2.0/+24",
            "192.0.2.0/-1",
            " 192.0.2.0/24",
            "192.0.02.0/24",
            "::ffff:192.0.2.0/24",
            "fe80::1%eth0/64",
            "192.0.2.0/24/24",
        ] {
            assert!(parse_cidr(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert_eq!(
            parse_cidr("::ffff:192.0.2.5/120"),
            parse_cidr("192.0.2.5/24")
        );
        assert_eq!(
            parse_address("::ffff:192.0.2.5"),
            parse_address("192.0.2.5")
        );
    }
}
