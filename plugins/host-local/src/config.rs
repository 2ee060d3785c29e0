//! The `ipam` section of a network configuration, read and checked.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

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
        let data_dir = absolute("ipam.dataDir", &ipam.data_dir)?;
        let resolv_conf = absolute("ipam.resolvConf", &ipam.resolv_conf)?;

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
            data_dir: data_dir.unwrap_or_else(|| DEFAULT_DATA_DIR.into()),
            sets,
            routes: ipam.routes,
            resolv_conf,
        })
    }
}

/// Returns where the directories of the networks are: all that releasing an address needs.
pub(crate) fn data_dir(request: &RequestConfig) -> Result<PathBuf, Error> {
    let Location { ipam } = request.decode()?;
    let configured = absolute("ipam.dataDir", &ipam.data_dir)?;
    Ok(configured.unwrap_or_else(|| DEFAULT_DATA_DIR.into()))
}

fn absolute(key: &'static str, text: &str) -> Result<Option<PathBuf>, Error> {
    match Path::new(text) {
        _ if text.is_empty() => Ok(None),
        path if path.is_absolute() => Ok(Some(path.to_owned())),
        path => Err(Error::PathRelative {
            key,
            path: path.to_owned(),
        }),
    }
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
        for (other, other_range) in earlier().flat_map(located) {
            for (path, range) in located(set) {
                if range.overlaps(other_range) {
                    return Err(overlap((other, other_range), (path, range)));
                }
            }
        }
    }
    Ok(())
}

fn located(set: &RangeSet) -> impl Iterator<Item = (String, &Range)> {
    set.ranges
        .iter()
        .enumerate()
        .map(|(n, range)| (path_of(set.source, n), range))
}

fn overlap(one: (String, &Range), other: (String, &Range)) -> Error {
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
    data_dir: String,
    resolv_conf: String,
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
    data_dir: String,
}

#[cfg(test)]
mod tests {
    use cni::{Code, Verb};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn sets_of_the_caller_come_first_then_the_single_range_then_the_list() {
        let config = read(&json!({
            "cniVersion": "1.0.0", "name": "n",
            "runtimeConfig": {"ipRanges": [[{"subnet": "10.3.0.0/24"}]]},
            "ipam": {
                "subnet": "10.1.0.0/24", "rangeStart": "10.1.0.9", "gateway": "",
                "ranges": [[{"subnet": "fd00::/64"}, {"subnet": "fd01::/64"}]],
            },
        }));
        let sets: Vec<String> = config
            .unwrap()
            .sets
            .iter()
            .map(|set| format!("{} {set}", set.source))
            .collect();
        assert_eq!(
            sets,
            [
                "runtimeConfig.ipRanges[0] 10.3.0.1-10.3.0.254",
                "ipam 10.1.0.9-10.1.0.254",
                "ipam.ranges[0] fd00::1-fd00::ffff:ffff:ffff:ffff,\
                 fd01::1-fd01::ffff:ffff:ffff:ffff",
            ]
        );
    }

    #[test]
    fn empty_and_null_fields_are_as_good_as_none() {
        let config = read_ipam(json!({
            "ranges": [[{"subnet": "10.1.2.0/24", "rangeStart": "", "rangeEnd": null, "gateway": ""}]],
            "dataDir": "", "resolvConf": "", "routes": null, "subnet": null,
        }));
        let config = config.unwrap();
        assert_eq!(config.sets[0].to_string(), "10.1.2.1-10.1.2.254");
        assert_eq!(config.data_dir, Path::new("/var/lib/cni/networks"));
        assert_eq!((config.resolv_conf, config.routes.len()), (None, 0));
    }

    #[test]
    fn keys_are_found_in_any_case_and_unknown_ones_are_passed_over() {
        let config = read_ipam(json!({
            "Ranges": [[{"SUBNET": "10.1.2.0/24", "rangestart": "10.1.2.5", "exclude": ["x"]}]],
            "datadir": "/run/x",
        }));
        let config = config.unwrap();
        assert_eq!(config.sets[0].to_string(), "10.1.2.5-10.1.2.254");
        assert_eq!(config.data_dir, Path::new("/run/x"));
    }

    #[test]
    fn faults_name_the_path_of_the_field() {
        let subnet = "10.1.2.0/24";
        let cases = [
            (json!({}), "ipam.ranges: no range to allocate from"),
            (
                json!({"ranges": []}),
                "ipam.ranges: no range to allocate from",
            ),
            (
                json!({"ranges": [[]]}),
                "ipam.ranges[0]: an empty range set",
            ),
            (
                json!({"ranges": [[{}]]}),
                "ipam.ranges[0][0].subnet: missing",
            ),
            (
                json!({"ranges": [[{"subnet": subnet}, {"subnet": "10.1.3.7/24"}]]}),
                "ipam.ranges[0][1].subnet: 10.1.3.7/24 has host bits set; the network is 10.1.3.0/24",
            ),
            (
                json!({"subnet": subnet, "rangeEnd": "10.9.9.9"}),
                "ipam.rangeEnd: 10.9.9.9 is not in subnet 10.1.2.0/24",
            ),
            (
                json!({"ranges": [[{"subnet": subnet}, {"subnet": "fd00::/64"}]]}),
                "ipam.ranges[0]: ranges of IPv4 and IPv6 in one set",
            ),
            (
                json!({"subnet": subnet, "ranges": [[{"subnet": "10.1.3.0/24"}, {"subnet": "10.1.2.128/25"}]]}),
                "ipam and ipam.ranges[0][1] overlap: 10.1.2.1-10.1.2.254 and 10.1.2.129-10.1.2.254",
            ),
            (
                json!({"ranges": [[{"subnet": subnet}, {"subnet": subnet}]]}),
                "ipam.ranges[0][0] and ipam.ranges[0][1] overlap: \
                 10.1.2.1-10.1.2.254 and 10.1.2.1-10.1.2.254",
            ),
            (
                json!({"subnet": subnet, "rangeStart": "10.1.2.1", "rangeEnd": "10.1.2.1"}),
                "ipam: 10.1.2.1-10.1.2.1 has no address to allocate beside the gateway",
            ),
            (
                json!({"subnet": subnet, "dataDir": "state"}),
                "ipam.dataDir: \"state\" is not an absolute path",
            ),
            (
                json!({"subnet": subnet, "resolvConf": "etc/resolv.conf"}),
                "ipam.resolvConf: \"etc/resolv.conf\" is not an absolute path",
            ),
            (
                json!({"ranges": [[{"subnet": "10.1.2.0/33"}]]}),
                "ipam.ranges[0][0].subnet: \"10.1.2.0/33\" is not an IP address with a prefix length",
            ),
            (
                json!({"subnet": subnet, "gateway": "10.1.2"}),
                "ipam.gateway: \"10.1.2\" is not an IP address",
            ),
            (
                json!({"subnet": subnet, "routes": [{"gw": "10.1.2.1"}]}),
                "ipam.routes[0].dst: missing",
            ),
        ];
        for (ipam, expected) in cases {
            let error = cni::Error::from(read_ipam(ipam).unwrap_err());
            assert_eq!(
                (error.msg.as_str(), error.code),
                (expected, Code::InvalidConfig)
            );
        }
    }

    #[test]
    fn a_value_of_another_type_does_not_decode() {
        let error = read_ipam(json!({"ranges": [[{"subnet": 5}]]})).unwrap_err();
        let error = cni::Error::from(error);
        assert_eq!(error.code, Code::Decode);
        assert!(
            error.msg.starts_with("ipam.ranges[0][0].subnet: "),
            "{}",
            error.msg
        );
    }

    #[test]
    fn before_0_3_0_each_family_has_one_set() {
        let two = json!([[{"subnet": "10.1.2.0/24"}], [{"subnet": "10.1.3.0/24"}]]);
        let dual = json!([[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd00::/64"}]]);
        let read_as = |version: &str, ranges: &Value| {
            read(&json!({"cniVersion": version, "name": "n", "ipam": {"ranges": ranges}}))
                .map_err(|error| error.to_string())
        };
        for version in SpecVersion::ALL {
            assert!(read_as(version.as_str(), &dual).is_ok(), "{version}");
            let expected = version >= SpecVersion::V0_3_0;
            assert_eq!(
                read_as(version.as_str(), &two).is_ok(),
                expected,
                "{version}"
            );
        }
        assert_eq!(
            read_as("0.2.0", &two).unwrap_err(),
            "ipam.ranges[1]: a second IPv4 range set, but cniVersion 0.2.0 has one address per family"
        );
    }

    #[test]
    fn the_directory_is_known_however_broken_the_ranges_are() {
        let ipam = json!({"dataDir": "/run/x", "ranges": 7, "subnet": "?"});
        let request = request(&json!({"cniVersion": "1.0.0", "name": "n", "ipam": ipam}));
        assert_eq!(data_dir(&request).unwrap(), Path::new("/run/x"));
    }

    fn read_ipam(ipam: Value) -> Result<Config, Error> {
        read(&json!({"cniVersion": "1.0.0", "name": "n", "ipam": ipam}))
    }

    fn read(value: &Value) -> Result<Config, Error> {
        Config::read(&request(value))
    }

    fn request(value: &Value) -> RequestConfig {
        RequestConfig::parse(value.to_string().into_bytes(), Verb::Add).unwrap()
    }
}
