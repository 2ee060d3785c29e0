//! What is read about each fault, reviewed as text.

use std::io::ErrorKind;

use testbed::{Text, assert_texts, variants};

use super::*;
use crate::range::Range;

variants!(Error {
    Error::Cni(_),
    Error::IpamMissing,
    Error::RangesMissing,
    Error::SetEmpty { .. },
    Error::SubnetMissing { .. },
    Error::Range { fault: Fault::HostBits { .. }, .. },
    Error::Range { fault: Fault::TooSmall { .. }, .. },
    Error::Range { fault: Fault::OtherFamily { .. }, .. },
    Error::Range { fault: Fault::OutsideSubnet { .. }, .. },
    Error::Range { fault: Fault::EndBeforeStart { .. }, .. },
    Error::Range { fault: Fault::StartAfterEnd { .. }, .. },
    Error::GatewayOnly { .. },
    Error::FamiliesMixed { .. },
    Error::Overlap { .. },
    Error::OnePerFamily { .. },
    Error::ResolvConfUnfit { .. },
    Error::ResolvConfUnreadable { .. },
    Error::RequestedOutside { .. },
    Error::RequestedGateway { .. },
    Error::RequestedTwice { .. },
    Error::RequestedTaken { .. },
    Error::RequestedOther { .. },
    Error::HeldByContainer { .. },
    Error::Exhausted { .. },
    Error::DirectoryNotMade { .. },
    Error::DirectoryNotRead { .. },
    Error::LockUnusable { .. },
    Error::LockHeld { .. },
    Error::NotReserved { .. },
    Error::NotReleased { .. },
    Error::NotWritable { .. },
    Error::FileSystemFull { .. },
    Error::NothingReserved { .. },
    Error::NotHeld { .. },
});

#[test]
fn each_fault_has_its_code_message_and_advice() {
    let table: Vec<_> = [configuration(), ranges(), requests(), files(), checks()]
        .into_iter()
        .flatten()
        .map(text)
        .collect();
    assert_texts(VARIANTS, &table);
}

type Case = (Error, (u32, &'static str, &'static str));

fn text((error, expected): Case) -> Text {
    let variant = variant(&error);
    let cni::Error { code, msg, details } = error.into();
    Text {
        variant,
        found: (code.number(), msg, details),
        expected,
    }
}

fn configuration() -> Vec<Case> {
    let example = r#"give "ranges", for example [[{"subnet": "10.1.2.0/24"}]]"#;
    vec![
        (
            cni::Error::new(
                Code::Decode,
                "ipam.ranges: expected an array, found string \"x\"",
            )
            .into(),
            (6, "ipam.ranges: expected an array, found string \"x\"", ""),
        ),
        (Error::IpamMissing, (7, "ipam: missing", example)),
        (
            Error::RangesMissing,
            (7, "ipam.ranges: no range to allocate from", example),
        ),
        (
            Error::SetEmpty { set: SET },
            (7, "ipam.ranges[1]: an empty range set", ""),
        ),
        (
            Error::SubnetMissing { path: path() },
            (7, "ipam.ranges[1][0].subnet: missing", ""),
        ),
        (
            Error::GatewayOnly {
                path: path(),
                range: "10.0.0.1-10.0.0.1".to_owned(),
            },
            (
                7,
                "ipam.ranges[1][0]: 10.0.0.1-10.0.0.1 has no address to allocate beside the gateway",
                "",
            ),
        ),
        (
            Error::FamiliesMixed { set: SET },
            (
                7,
                "ipam.ranges[1]: ranges of IPv4 and IPv6 in one set",
                "for an address of each family give each a range set of its own",
            ),
        ),
        (
            Error::Overlap {
                one: path(),
                other: "ipam.ranges[2][0]".to_owned(),
                one_range: "10.0.0.1-10.0.0.9".to_owned(),
                other_range: "10.0.0.5-10.0.0.7".to_owned(),
            },
            (
                7,
                "ipam.ranges[1][0] and ipam.ranges[2][0] overlap: 10.0.0.1-10.0.0.9 and 10.0.0.5-10.0.0.7",
                "",
            ),
        ),
        (
            Error::OnePerFamily {
                set: Source::RuntimeConfig(1),
                family: "IPv4",
                version: SpecVersion::V0_2_0,
            },
            (
                7,
                "runtimeConfig.ipRanges[1]: a second IPv4 range set, but cniVersion 0.2.0 has one address per family",
                "set cniVersion to 0.3.0 or later",
            ),
        ),
        (
            Error::ResolvConfUnfit {
                path: "/dev/zero".into(),
                found: "not a file",
            },
            (7, r#"ipam.resolvConf: "/dev/zero" is not a file"#, ""),
        ),
        (
            Error::ResolvConfUnreadable {
                path: "/etc/x".into(),
                source: ErrorKind::NotFound.into(),
            },
            (
                5,
                r#"ipam.resolvConf: cannot read "/etc/x": entity not found"#,
                "",
            ),
        ),
    ]
}

fn ranges() -> Vec<Case> {
    let range = |field, fault| Error::Range {
        path: path(),
        field,
        fault,
    };
    let net = |text: &str| text.parse().expect("a subnet");
    vec![
        (
            range(
                Field::Subnet,
                Fault::HostBits {
                    subnet: net("10.1.2.3/24"),
                    network: net("10.1.2.0/24"),
                },
            ),
            (
                7,
                "ipam.ranges[1][0].subnet: 10.1.2.3/24 has host bits set; the network is 10.1.2.0/24",
                "",
            ),
        ),
        (
            range(
                Field::Subnet,
                Fault::TooSmall {
                    subnet: net("10.1.2.0/31"),
                    longest: 30,
                },
            ),
            (
                7,
                "ipam.ranges[1][0].subnet: 10.1.2.0/31 is too small to allocate from; the longest prefix is /30",
                "",
            ),
        ),
        (
            range(
                Field::Gateway,
                Fault::OtherFamily {
                    address: address("fd00::1"),
                    subnet: net("10.1.2.0/24"),
                },
            ),
            (
                7,
                "ipam.ranges[1][0].gateway: fd00::1 is not of the same family as subnet 10.1.2.0/24",
                "",
            ),
        ),
        (
            range(
                Field::RangeStart,
                Fault::OutsideSubnet {
                    address: address("10.1.3.1"),
                    subnet: net("10.1.2.0/24"),
                },
            ),
            (
                7,
                "ipam.ranges[1][0].rangeStart: 10.1.3.1 is not in subnet 10.1.2.0/24",
                "",
            ),
        ),
        (
            range(
                Field::RangeEnd,
                Fault::EndBeforeStart {
                    start: address("10.1.2.9"),
                    end: address("10.1.2.5"),
                },
            ),
            (
                7,
                "ipam.ranges[1][0].rangeEnd: 10.1.2.5 comes before the start of the range, 10.1.2.9",
                "",
            ),
        ),
        (
            range(
                Field::RangeStart,
                Fault::StartAfterEnd {
                    start: address("10.1.2.255"),
                    end: address("10.1.2.254"),
                },
            ),
            (
                7,
                "ipam.ranges[1][0].rangeStart: 10.1.2.255 comes after the last address to allocate, 10.1.2.254",
                "",
            ),
        ),
    ]
}

fn requests() -> Vec<Case> {
    let anew = "DEL the attachment before adding it again";
    vec![
        (
            Error::RequestedOutside {
                requested: requested(),
                ranges: "10.0.0.1-10.0.0.9".to_owned(),
            },
            (
                7,
                "requested address 10.0.0.5 (CNI_ARGS IP) is in none of the ranges 10.0.0.1-10.0.0.9",
                "",
            ),
        ),
        (
            Error::RequestedGateway {
                requested: requested(),
            },
            (
                7,
                "requested address 10.0.0.5 (CNI_ARGS IP) is the gateway of its subnet",
                "",
            ),
        ),
        (
            Error::RequestedTwice {
                first: requested(),
                second: requested(),
                set: SET,
            },
            (
                7,
                "requested address 10.0.0.5 (CNI_ARGS IP) and requested address 10.0.0.5 (CNI_ARGS IP) are both of range set ipam.ranges[1], which gives one address",
                "",
            ),
        ),
        (
            Error::RequestedTaken {
                requested: requested(),
                owner: Owner::attachment("c1", "net1"),
                directory: directory(),
            },
            (
                101,
                r#"requested address 10.0.0.5 (CNI_ARGS IP) is reserved for "net1" of container "c1""#,
                r#"request another address, or DEL "net1" of container "c1"; if that is gone for good, run GC or remove the file of the address in /var/lib/cni/networks/lan"#,
            ),
        ),
        (
            Error::RequestedOther {
                requested: requested(),
                held: address("10.0.0.6"),
            },
            (
                7,
                "requested address 10.0.0.5 (CNI_ARGS IP) is not 10.0.0.6, which the attachment has already",
                anew,
            ),
        ),
        (
            Error::HeldByContainer {
                address: address("10.0.0.6"),
                container_id: "c1".to_owned(),
            },
            (
                101,
                r#"10.0.0.6 is reserved for container "c1" without an interface name"#,
                anew,
            ),
        ),
        (
            Error::exhausted(
                &NetworkName::parse("lan").expect("a name"),
                &RangeSet {
                    source: SET,
                    ranges: vec![Range {
                        subnet: "10.0.0.0/24".parse().expect("a subnet"),
                        start: address("10.0.0.2"),
                        end: address("10.0.0.4"),
                        gateway: address("10.0.0.1"),
                    }],
                },
                3,
                directory(),
            ),
            (
                101,
                r#"no free address in 10.0.0.2-10.0.0.4 of network "lan": all 3 are reserved"#,
                "widen the range in ipam.ranges[1], or free addresses: run GC, or remove the files in /var/lib/cni/networks/lan whose containers are gone",
            ),
        ),
    ]
}

fn files() -> Vec<Case> {
    let file = || PathBuf::from("/var/lib/cni/networks/lan/10.0.0.5");
    let denied = || ErrorKind::PermissionDenied.into();
    vec![
        (
            Error::DirectoryNotMade {
                path: directory(),
                source: denied(),
            },
            (
                5,
                r#"cannot make directory "/var/lib/cni/networks/lan": permission denied"#,
                "",
            ),
        ),
        (
            Error::DirectoryNotRead {
                path: directory(),
                source: denied(),
            },
            (
                5,
                r#"cannot read directory "/var/lib/cni/networks/lan": permission denied"#,
                "",
            ),
        ),
        (
            Error::LockUnusable {
                path: file(),
                source: denied(),
            },
            (
                5,
                r#"cannot use lock file "/var/lib/cni/networks/lan/10.0.0.5": permission denied"#,
                "",
            ),
        ),
        (
            Error::LockHeld {
                path: file(),
                waited: Duration::from_secs(10),
            },
            (
                11,
                r#"lock file "/var/lib/cni/networks/lan/10.0.0.5" was held by another process for 10 s"#,
                "find the process with: fuser /var/lib/cni/networks/lan/10.0.0.5",
            ),
        ),
        (
            Error::NotReserved {
                path: file(),
                source: ErrorKind::StorageFull.into(),
            },
            (
                5,
                r#"cannot write "/var/lib/cni/networks/lan/10.0.0.5": no storage space"#,
                "free space on that file system; nothing is left reserved",
            ),
        ),
        (
            Error::NotReleased {
                path: file(),
                source: ErrorKind::ReadOnlyFilesystem.into(),
            },
            (
                5,
                r#"cannot remove "/var/lib/cni/networks/lan/10.0.0.5": read-only filesystem or storage medium"#,
                "",
            ),
        ),
        (
            Error::NotWritable {
                path: directory(),
                source: denied(),
            },
            (
                5,
                r#""/var/lib/cni/networks/lan" cannot be written: permission denied"#,
                "",
            ),
        ),
        (
            Error::FileSystemFull { path: directory() },
            (
                5,
                r#"the file system of "/var/lib/cni/networks/lan" is full"#,
                "",
            ),
        ),
    ]
}

fn checks() -> Vec<Case> {
    let anew = "DEL the attachment and add it again";
    let not_held = |owner| Error::NotHeld {
        address: address("10.0.0.5"),
        owner,
    };
    vec![
        (
            Error::NothingReserved {
                attachment: Owner::attachment("c1", "net1"),
                directory: directory(),
            },
            (
                104,
                r#"nothing is reserved for "net1" of container "c1" in "/var/lib/cni/networks/lan""#,
                anew,
            ),
        ),
        (
            not_held(None),
            (104, "10.0.0.5 of the result is not reserved", anew),
        ),
        (
            not_held(Some(Owner::Unknown)),
            (
                104,
                "10.0.0.5 of the result is reserved for an unknown owner",
                anew,
            ),
        ),
    ]
}

fn requested() -> Requested {
    let config = br#"{"cniVersion": "1.0.0", "name": "lan", "ipam": {}}"#.to_vec();
    let config = cni::RequestConfig::parse(config, cni::Verb::Add).expect("a network");
    let args = cni::Args::parse("IP=10.0.0.5").expect("arguments");
    crate::requested::read(&config, &args)
        .expect("an address")
        .remove(0)
}

fn path() -> String {
    "ipam.ranges[1][0]".to_owned()
}

fn directory() -> PathBuf {
    "/var/lib/cni/networks/lan".into()
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

const SET: Source = Source::Ranges(1);
