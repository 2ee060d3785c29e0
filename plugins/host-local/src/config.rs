//! The `ipam` section of a network configuration, read and checked.

use std::net::IpAddr;
use std::path::PathBuf;

use cni::{RequestConfig, Route, SpecVersion, net};
use ipnetwork::IpNetwork;
use serde::Deserialize;

use crate::error::Error;
use crate::range::{Range, RangeSet, RangeSpec, Source};

/// What the configuration says, complete and free of contradictions.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where the directories of the networks are.
    pub(crate) data_dir: PathBuf,
    /// One address is allocated from each; not empty, none overlaps another.
    pub(crate) sets: Vec<RangeSet>,
    pub(crate) routes: Vec<Route>,
    /// The file to take the result's `dns` from.
    pub(crate) resolv_conf: Option<PathBuf>,
}

impl Config {
    /// Reads and checks the whole section, together with `runtimeConfig.ipRanges`.
    pub(crate) fn read(request: &RequestConfig) -> Result<Config, Error> {
        let Document {
            ipam,
            runtime_config,
        } = request.decode()?;
        let ipam = ipam.ok_or(Error::IpamMissing)?;

        let mut sets = Vec::new();
        for (n, set) in runtime_config.ip_ranges.into_iter().enumerate() {
            sets.push(read_set(Source::RuntimeConfig(n), set)?);
        }
        if ipam.subnet.is_some() {
            let single = RangeKeys {
                subnet: ipam.subnet,
                range_start: ipam.range_start,
                range_end: ipam.range_end,
                gateway: ipam.gateway,
            };
            sets.push(read_set(Source::Single, vec![single])?);
        }
        for (n, set) in ipam.ranges.into_iter().enumerate() {
            sets.push(read_set(Source::Ranges(n), set)?);
        }
        check_sets(&sets, request)?;

        Ok(Config {
            data_dir: given(ipam.data_dir).unwrap_or_else(|| DEFAULT_DATA_DIR.into()),
            sets,
            routes: ipam.routes,
            resolv_conf: given(ipam.resolv_conf),
        })
    }
}

/// Returns where the directories of the networks are: all that releasing an address needs.
pub(crate) fn data_dir(request: &RequestConfig) -> Result<PathBuf, Error> {
    let Location { ipam } = request.decode()?;
    Ok(given(ipam.data_dir).unwrap_or_else(|| DEFAULT_DATA_DIR.into()))
}

/// Returns the path unless it is empty. A relative one stays so, as the reference takes it: files
/// that attachments have under it must be found by their DEL.
fn given(path: PathBuf) -> Option<PathBuf> {
    Some(path).filter(|path| !path.as_os_str().is_empty())
}

fn read_set(source: Source, keys: Vec<RangeKeys>) -> Result<RangeSet, Error> {
    let mut ranges: Vec<Range> = Vec::new();
    for (n, keys) in keys.into_iter().enumerate() {
        let path = path_of(source, n);
        let range = read_range(&path, &keys)?;
        if ranges
            .first()
            .is_some_and(|first| first.subnet.is_ipv4() != range.subnet.is_ipv4())
        {
            return Err(Error::FamiliesMixed { set: source });
        }
        if let Some((other_n, other)) = ranges
            .iter()
            .enumerate()
            .find(|(_, other)| other.overlaps(&range))
        {
            let other_path = path_of(source, other_n);
            return Err(overlap((other_path, other), (path, &range)));
        }
        ranges.push(range);
    }
    if ranges.is_empty() {
        return Err(Error::SetEmpty { set: source });
    }
    let set = RangeSet { source, ranges };
    if set.capacity() == 0 {
        let (path, range) = (source.to_string(), set.to_string());
        return Err(Error::GatewayOnly { path, range });
    }
    Ok(set)
}

fn read_range(path: &str, keys: &RangeKeys) -> Result<Range, Error> {
    let subnet = keys.subnet.ok_or_else(|| Error::SubnetMissing {
        path: path.to_owned(),
    })?;
    let RangeKeys {
        range_start: start,
        range_end: end,
        gateway,
        ..
    } = *keys;
    Range::complete(&RangeSpec {
        subnet,
        start,
        end,
        gateway,
    })
    .map_err(|(field, fault)| Error::Range {
        path: path.to_owned(),
        field,
        fault,
    })
}

fn check_sets(sets: &[RangeSet], request: &RequestConfig) -> Result<(), Error> {
    if sets.is_empty() {
        return Err(Error::RangesMissing);
    }
    for (n, set) in sets.iter().enumerate() {
        let earlier = || sets.iter().take(n);
        if request.version < SpecVersion::V0_3_0
            && earlier().any(|other| other.is_ipv4() == set.is_ipv4())
        {
            let family = if set.is_ipv4() { "IPv4" } else { "IPv6" };
            return Err(Error::OnePerFamily {
                set: set.source,
                family,
                version: request.version,
            });
        }
        for other in earlier() {
            if let Some((one, other)) = shared(other, set) {
                return Err(overlap(one, other));
            }
        }
    }
    Ok(())
}

/// Returns the first two ranges of the sets that overlap, each with its place.
fn shared<'a>(one: &'a RangeSet, other: &'a RangeSet) -> Option<(Located<'a>, Located<'a>)> {
    one.ranges.iter().enumerate().find_map(|(m, range)| {
        let overlapping = |(_, other): &(usize, &Range)| other.overlaps(range);
        let (n, found) = other.ranges.iter().enumerate().find(overlapping)?;
        Some((
            (path_of(one.source, m), range),
            (path_of(other.source, n), found),
        ))
    })
}

type Located<'a> = (String, &'a Range);

fn overlap(one: Located<'_>, other: Located<'_>) -> Error {
    Error::Overlap {
        one: one.0,
        other: other.0,
        one_range: one.1.to_string(),
        other_range: other.1.to_string(),
    }
}

fn path_of(set: Source, range: usize) -> String {
    match set {
        Source::Single => set.to_string(),
        Source::RuntimeConfig(_) | Source::Ranges(_) => format!("{set}[{range}]"),
    }
}

/// The reference's directory, which both suites share.
const DEFAULT_DATA_DIR: &str = "/var/lib/cni/networks";

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    ipam: Option<Ipam>,
    runtime_config: RuntimeConfig,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RuntimeConfig {
    ip_ranges: Vec<Vec<RangeKeys>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Ipam {
    data_dir: PathBuf,
    resolv_conf: PathBuf,
    routes: Vec<Route>,
    ranges: Vec<Vec<RangeKeys>>,
    #[serde(with = "net::optional_cidr")]
    subnet: Option<IpNetwork>,
    #[serde(with = "net::optional_address")]
    range_start: Option<IpAddr>,
    #[serde(with = "net::optional_address")]
    range_end: Option<IpAddr>,
    #[serde(with = "net::optional_address")]
    gateway: Option<IpAddr>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RangeKeys {
    #[serde(with = "net::optional_cidr")]
    subnet: Option<IpNetwork>,
    #[serde(with = "net::optional_address")]
    range_start: Option<IpAddr>,
    #[serde(with = "net::optional_address")]
    range_end: Option<IpAddr>,
    #[serde(with = "net::optional_address")]
    gateway: Option<IpAddr>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Location {
    ipam: Place,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Place {
    data_dir: PathBuf,
}

#[cfg(test)]
mod tests;
