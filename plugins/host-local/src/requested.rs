//! The addresses that a caller asks for, from the three places where it can: `IP` in `CNI_ARGS`,
//! `args.cni.ips` and `runtimeConfig.ips`, in this order.
//!
//! Each address may have a prefix length, which does not matter here, and may be empty, which
//! asks for nothing. `IP` may be a list with commas, as Multus writes it.

use std::fmt;
use std::net::IpAddr;

use cni::{Args, RequestConfig, net};
use serde::Deserialize;

use crate::error::Error;

/// An address that the caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Requested {
    pub(crate) address: IpAddr,
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    CniArgs,
    Args(usize),
    RuntimeConfig(usize),
}

/// Returns the addresses asked for, each one once.
pub(crate) fn read(config: &RequestConfig, args: &Args) -> Result<Vec<Requested>, Error> {
    args.check_known(&[ARGS_KEY])?;
    let listed: Listed = config.decode()?;
    let in_args = args
        .get(ARGS_KEY)
        .unwrap_or_default()
        .split(',')
        .map(str::trim);
    let texts = in_args
        .map(|text| (Source::CniArgs, text))
        .chain(numbered(&listed.args.cni.ips).map(|(n, text)| (Source::Args(n), text)))
        .chain(
            numbered(&listed.runtime_config.ips).map(|(n, text)| (Source::RuntimeConfig(n), text)),
        );
    let mut requested: Vec<Requested> = Vec::new();
    for (source, text) in texts.filter(|(_, text)| !text.is_empty()) {
        let address = read_address(text).map_err(|error| error.at(source))?;
        if requested.iter().all(|known| known.address != address) {
            requested.push(Requested { address, source });
        }
    }
    Ok(requested)
}

fn numbered(texts: &[String]) -> impl Iterator<Item = (usize, &str)> {
    texts.iter().map(String::as_str).enumerate()
}

fn read_address(text: &str) -> Result<IpAddr, cni::Error> {
    if text.contains('/') {
        net::parse_cidr(text).map(|cidr| cidr.ip())
    } else {
        net::parse_address(text)
    }
}

const ARGS_KEY: &str = "IP";

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Listed {
    args: UserArgs,
    runtime_config: Ips,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct UserArgs {
    cni: Ips,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Ips {
    ips: Vec<String>,
}

impl fmt::Display for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the address requested by {}, {},",
            self.source, self.address
        )
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::CniArgs => write!(f, "CNI_ARGS {ARGS_KEY}"),
            Source::Args(n) => write!(f, "args.cni.ips[{n}]"),
            Source::RuntimeConfig(n) => write!(f, "runtimeConfig.ips[{n}]"),
        }
    }
}
