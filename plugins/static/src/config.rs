//! The `ipam` section of a network configuration and what the caller adds to it or puts in its
//! place.
//!
//! The addresses of `ipam.addresses` come first, then those of `IP` in `CNI_ARGS`. `args.cni.ips`
//! replaces them all, and `runtimeConfig.ips` replaces those again.

use std::net::IpAddr;

use cni::{AddResult, Args, Dns, IpConfig, RequestConfig, Route, SpecVersion, net};
use ipnetwork::IpNetwork;
use serde::Deserialize;

use crate::address::{Address, Source};
use crate::error::Error;

/// What an attachment is to get.
#[derive(Debug)]
pub(crate) struct Config {
    /// May be empty; no address stands in it twice.
    pub(crate) addresses: Vec<Address>,
    routes: Vec<Route>,
    dns: Dns,
}

impl Config {
    /// Reads and checks the configuration and the caller's arguments.
    pub(crate) fn read(request: &RequestConfig, args: &Args) -> Result<Config, Error> {
        args.check_known(&[IP_KEY, GATEWAY_KEY])?;
        let Document {
            ipam,
            args: user,
            runtime_config,
        } = request.decode()?;
        let ipam = ipam.ok_or(Error::IpamMissing)?;

        let mut addresses = Vec::new();
        for (n, configured) in ipam.addresses.into_iter().enumerate() {
            addresses.push(configured.check(Source::Addresses(n))?);
        }
        for text in list(args, IP_KEY) {
            addresses.push(parse(text, Source::CniArgs)?);
        }
        assign_gateways(&mut addresses, args)?;
        replace(&mut addresses, &user.cni.ips, Source::Args)?;
        replace(&mut addresses, &runtime_config.ips, Source::RuntimeConfig)?;

        let addresses = without_repetitions(addresses);
        check_families(&addresses, request.version)?;
        Ok(Config {
            addresses,
            routes: ipam.routes,
            dns: ipam.dns,
        })
    }

    /// Returns the result of ADD.
    pub(crate) fn into_result(self) -> AddResult {
        let ips = self.addresses.into_iter().map(IpConfig::from).collect();
        AddResult {
            interfaces: Vec::new(),
            ips,
            routes: self.routes,
            dns: self.dns,
        }
    }
}

fn list<'a>(args: &'a Args, key: &str) -> impl Iterator<Item = &'a str> {
    args.get(key)
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

fn parse(text: &str, source: Source) -> Result<Address, Error> {
    let cidr = net::parse_cidr(text).map_err(|error| error.at(source))?;
    Ok(Address {
        cidr,
        gateway: None,
        source,
    })
}

/// Gives each gateway of `CNI_ARGS` to the addresses whose subnet it is in; one from the
/// configuration stays.
fn assign_gateways(addresses: &mut [Address], args: &Args) -> Result<(), Error> {
    for text in list(args, GATEWAY_KEY) {
        let gateway = net::parse_address(text)
            .map_err(|error| error.at(format_args!("CNI_ARGS {GATEWAY_KEY}")))?;
        for address in addresses
            .iter_mut()
            .filter(|address| address.cidr.contains(gateway))
        {
            match address.source {
                Source::Addresses(_) => address.gateway = address.gateway.or(Some(gateway)),
                Source::CniArgs | Source::Args(_) | Source::RuntimeConfig(_) => {
                    address.gateway = Some(gateway);
                }
            }
        }
    }
    Ok(())
}

fn replace(
    addresses: &mut Vec<Address>,
    texts: &[String],
    source: fn(usize) -> Source,
) -> Result<(), Error> {
    let texts = texts
        .iter()
        .enumerate()
        .filter(|(_, text)| !text.is_empty());
    let replacing: Vec<Address> = texts
        .map(|(n, text)| parse(text, source(n)))
        .collect::<Result<_, _>>()?;
    if !replacing.is_empty() {
        *addresses = replacing;
    }
    Ok(())
}

fn without_repetitions(addresses: Vec<Address>) -> Vec<Address> {
    let mut distinct: Vec<Address> = Vec::new();
    for address in addresses {
        match distinct.iter_mut().find(|known| known.cidr == address.cidr) {
            Some(known) => known.gateway = known.gateway.or(address.gateway),
            None => distinct.push(address),
        }
    }
    distinct
}

fn check_families(addresses: &[Address], version: SpecVersion) -> Result<(), Error> {
    if version >= SpecVersion::V0_3_0 {
        return Ok(());
    }
    for (n, second) in addresses.iter().enumerate() {
        let mut earlier = addresses.iter().take(n);
        if let Some(first) = earlier.find(|first| first.cidr.is_ipv4() == second.cidr.is_ipv4()) {
            return Err(Error::OnePerFamily {
                first: *first,
                second: *second,
                version,
            });
        }
    }
    Ok(())
}

impl Configured {
    fn check(self, source: Source) -> Result<Address, Error> {
        let Configured { address, gateway } = self;
        let cidr = address.ok_or(Error::AddressMissing { at: source })?;
        match gateway {
            Some(gateway) if gateway.is_ipv4() != cidr.is_ipv4() => Err(Error::GatewayFamily {
                at: source,
                gateway,
                cidr,
            }),
            gateway => Ok(Address {
                cidr,
                gateway,
                source,
            }),
        }
    }
}

const IP_KEY: &str = "IP";
const GATEWAY_KEY: &str = "GATEWAY";

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    ipam: Option<Ipam>,
    args: UserArgs,
    runtime_config: Ips,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Ipam {
    addresses: Vec<Configured>,
    routes: Vec<Route>,
    dns: Dns,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Configured {
    #[serde(with = "net::optional_cidr")]
    address: Option<IpNetwork>,
    #[serde(with = "net::optional_address")]
    gateway: Option<IpAddr>,
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

#[cfg(test)]
mod tests;
