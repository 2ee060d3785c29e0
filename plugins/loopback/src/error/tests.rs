//! What is read about each fault, reviewed as text.

use netlink::compare::Difference;
use nix::errno::Errno;
use testbed::{Text, assert_texts, variants};

use super::*;

variants!(Error {
    Error::Cni(_),
    Error::NotLoopback { .. },
    Error::NetnsGone { .. },
    Error::Netns(_),
    Error::Netlink(_),
    Error::Differs(_),
});

#[test]
fn each_fault_has_its_code_message_and_advice() {
    assert_texts(VARIANTS, &table());
}

type Case = (Error, (u32, &'static str, &'static str));

fn table() -> Vec<Text> {
    of_the_node()
        .into_iter()
        .chain(of_lo())
        .map(|(error, expected)| {
            let variant = variant(&error);
            let cni::Error { code, msg, details } = error.into();
            Text {
                variant,
                found: (code.number(), msg, details),
                expected,
            }
        })
        .collect()
}

fn of_the_node() -> Vec<Case> {
    let path = || PathBuf::from("/run/netns/p");
    vec![
        (
            cni::Error::new(Code::InvalidConfig, "no place")
                .with_details("make some")
                .into(),
            (7, "no place", "make some"),
        ),
        (
            Error::NotLoopback {
                kind: Some("bridge".to_owned()),
            },
            (
                100,
                r#"the link "lo" is not a loopback device, but bridge"#,
                "give that link another name: something in the network namespace has taken this one for it",
            ),
        ),
        (
            Error::NotLoopback { kind: None },
            (
                100,
                r#"the link "lo" is not a loopback device, but a device"#,
                "give that link another name: something in the network namespace has taken this one for it",
            ),
        ),
        (
            Error::NetnsGone { netns: path() },
            (104, r#"the network namespace "/run/netns/p" is gone"#, ANEW),
        ),
        (
            netns::Error::NotFound { path: path() }.into(),
            (
                3,
                "CNI_NETNS: no network namespace at /run/netns/p: no such file",
                "",
            ),
        ),
        (
            netns::Error::NotANamespace { path: path() }.into(),
            (4, "CNI_NETNS: /run/netns/p is not a network namespace", ""),
        ),
        (
            netns::Error::Open {
                path: path(),
                errno: Errno::EACCES,
            }
            .into(),
            (
                4,
                "CNI_NETNS: cannot open network namespace /run/netns/p: EACCES: Permission denied",
                "",
            ),
        ),
        (
            netlink::Error::Netns(netns::Error::System {
                operation: "enter the network namespace",
                errno: Errno::EPERM,
            })
            .into(),
            (
                100,
                "cannot enter the network namespace: EPERM: Operation not permitted",
                "",
            ),
        ),
        (
            netlink::Error::LinkNotFound {
                name: "lo".to_owned(),
            }
            .into(),
            (100, r#"no such link "lo""#, ""),
        ),
    ]
}

fn of_lo() -> Vec<Case> {
    vec![
        (
            Difference::Down {
                ifname: "lo".to_owned(),
            }
            .into(),
            (104, r#"link "lo" is down"#, ANEW),
        ),
        (
            Difference::LinkGone {
                ifname: "lo".to_owned(),
            }
            .into(),
            (104, r#"there is no link "lo""#, ANEW),
        ),
        (
            Difference::Unknown(netlink::Error::Kernel {
                operation: "list",
                object: "addresses of link #1".to_owned(),
                errno: Errno::EPERM,
                extack: None,
            })
            .into(),
            (
                100,
                "cannot list addresses of link #1: EPERM: Operation not permitted",
                "",
            ),
        ),
    ]
}

const ANEW: &str = "delete the pod, so that it is made anew";
