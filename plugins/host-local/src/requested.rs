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
        write!(f, "requested address {} ({})", self.address, self.source)
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

#[cfg(test)]
mod tests {
    use cni::{Code, Verb};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_three_places_are_read_in_order_and_an_address_counts_once() {
        let config = json!({
            "args": {"cni": {"ips": ["10.1.2.5", "fd00::5/64", ""]}},
            "runtimeConfig": {"ips": ["10.1.2.6/24", "10.1.2.5"]},
        });
        let found = texts(
            &config,
            "IgnoreUnknown=1;K8S_POD_NAME=x;IP=10.1.2.4, fd00::4/64",
        );
        assert_eq!(
            found.unwrap(),
            [
                "requested address 10.1.2.4 (CNI_ARGS IP)",
                "requested address fd00::4 (CNI_ARGS IP)",
                "requested address 10.1.2.5 (args.cni.ips[0])",
                "requested address fd00::5 (args.cni.ips[1])",
                "requested address 10.1.2.6 (runtimeConfig.ips[0])",
            ]
        );
    }

    #[test]
    fn nothing_asked_for_is_nothing() {
        let config = json!({"args": {"cni": null}, "runtimeConfig": {"ips": null}});
        assert!(texts(&config, "IP=").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_place() {
        let in_args = texts(&json!({}), "IP=10.1.2.3,10.1.2").unwrap_err();
        assert_eq!(in_args.msg, "CNI_ARGS IP: \"10.1.2\" is not an IP address");
        let config = json!({"runtimeConfig": {"ips": ["10.1.2.3/33"]}});
        let in_config = texts(&config, "").unwrap_err();
        assert!(
            in_config
                .msg
                .starts_with("runtimeConfig.ips[0]: \"10.1.2.3/33\"")
        );
        assert_eq!(in_config.code, Code::InvalidConfig);
    }

    #[test]
    fn keys_of_cni_args_that_are_not_known_are_refused_unless_ignored() {
        assert_eq!(
            texts(&json!({}), "FOO=1").unwrap_err().code,
            Code::InvalidEnvironment
        );
        assert!(texts(&json!({}), "FOO=1;IgnoreUnknown=true").is_ok());
    }

    fn texts(config: &Value, args: &str) -> Result<Vec<String>, cni::Error> {
        let mut config = config.clone();
        config["name"] = json!("n");
        let config = RequestConfig::parse(config.to_string().into_bytes(), Verb::Add).unwrap();
        let requested = read(&config, &Args::parse(args).unwrap())?;
        Ok(requested.iter().map(Requested::to_string).collect())
    }
}
