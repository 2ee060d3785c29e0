//! What configurations are taken, and what is said about the others.

use std::path::Path;

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
            "ipam.ranges[0] fd00::1-fd00::ffff:ffff:ffff:ffff, \
             fd01::1-fd01::ffff:ffff:ffff:ffff",
        ]
    );
}

#[test]
fn empty_and_null_fields_are_as_good_as_none() {
    let config = read_ipam(&json!({
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
    let config = read_ipam(&json!({
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
        let error = cni::Error::from(read_ipam(&ipam).unwrap_err());
        assert_eq!(
            (error.msg.as_str(), error.code),
            (expected, Code::InvalidConfig)
        );
    }
}

#[test]
fn a_value_of_another_type_does_not_decode() {
    let error = read_ipam(&json!({"ranges": [[{"subnet": 5}]]})).unwrap_err();
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

fn read_ipam(ipam: &Value) -> Result<Config, Error> {
    read(&json!({"cniVersion": "1.0.0", "name": "n", "ipam": ipam}))
}

fn read(value: &Value) -> Result<Config, Error> {
    Config::read(&request(value))
}

fn request(value: &Value) -> RequestConfig {
    RequestConfig::parse(value.to_string().into_bytes(), Verb::Add).unwrap()
}
