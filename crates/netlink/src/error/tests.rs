//! What is read about each failure, reviewed as text.

use testbed::{Text, assert_texts, variants};

use super::*;

variants!(Error {
    Error::LinkNotFound { .. },
    Error::LinkExists { .. },
    Error::ParentBusy { .. },
    Error::DuplicateAddress { .. },
    Error::DetectionUnfinished { .. },
    Error::WrongInterface { .. },
    Error::RouteFamily { .. },
    Error::Sysctl { .. },
    Error::Kernel { .. },
    Error::Malformed { .. },
    Error::Interrupted { .. },
    Error::Socket { .. },
    Error::Netns(_),
});

#[test]
fn each_failure_says_what_failed_on_what_and_why() {
    let name = || "net1".to_owned();
    let address = |text: &str| text.parse().expect("an address");
    let attempt = Attempt {
        operation: "list",
        object: &"routes",
    };
    let busy = |occupant| Error::ParentBusy {
        name: name(),
        parent: "eth1".to_owned(),
        occupant,
    };
    let cases = [
        (
            Error::LinkNotFound { name: name() },
            r#"no such link "net1""#,
        ),
        (
            Error::LinkExists { name: name() },
            r#"a link "net1" exists already"#,
        ),
        (
            busy(None),
            r#"cannot create macvlan "net1" on "eth1": it is in use"#,
        ),
        (
            busy(Some(r#"bridge "br0""#.to_owned())),
            r#"cannot create macvlan "net1" on "eth1": it is in use by bridge "br0""#,
        ),
        (
            Error::DuplicateAddress {
                address: address("fd00::7"),
            },
            "address fd00::7 is in use by another host on the link",
        ),
        (
            Error::DetectionUnfinished {
                address: address("fd00::7"),
                seconds: 5,
            },
            "duplicate address detection of fd00::7 did not end within 5 s",
        ),
        (
            Error::WrongInterface {
                ip: 1,
                index: 2,
                ifname: name(),
            },
            r#"ips[1].interface is 2, which is not "net1""#,
        ),
        (
            Error::RouteFamily {
                dst: "10.0.0.0/8".parse().expect("a network"),
                gw: address("fd00::1"),
            },
            "route to 10.0.0.0/8 cannot have gateway fd00::1",
        ),
        (
            Error::Sysctl {
                path: "/proc/sys/net/ipv6/conf/net1/disable_ipv6".to_owned(),
                value: "0",
                source: io::ErrorKind::ReadOnlyFilesystem.into(),
            },
            r#"cannot set /proc/sys/net/ipv6/conf/net1/disable_ipv6 to "0": read-only filesystem or storage medium"#,
        ),
        (
            attempt.refused(Errno::EPERM, None),
            "cannot list routes: EPERM: Operation not permitted",
        ),
        (
            attempt.refused(Errno::EINVAL, Some("Invalid prefix".to_owned())),
            r#"cannot list routes: EINVAL: Invalid argument; kernel says "Invalid prefix""#,
        ),
        (
            attempt.malformed(),
            "cannot list routes: the kernel's reply is malformed",
        ),
        (
            attempt.interrupted(),
            "cannot list routes: they keep changing",
        ),
        (
            io::Error::from(io::ErrorKind::OutOfMemory).into(),
            "netlink socket: out of memory",
        ),
        (
            netns::Error::NotANamespaceDescriptor.into(),
            "the descriptor is not a network namespace",
        ),
    ];
    let table = cases.map(|(error, msg)| Text {
        variant: variant(&error),
        found: (0, error.to_string(), String::new()),
        expected: (0, msg, ""),
    });
    assert_texts(VARIANTS, &table);
}
