//! What callers read: each text reviewed, and short whatever servers and runtimes say.

use std::io::ErrorKind;

use cni::{ContainerId, IfName, NetworkName};
use dhcp_client::{Config, Event, Instant};

use nix::errno::Errno;
use testbed::{Text, assert_texts, variants};

use super::*;

fn attachment() -> Attachment {
    Attachment {
        network: NetworkName::parse("lan").unwrap(),
        container_id: ContainerId::parse("c0ffee").unwrap(),
        ifname: IfName::parse("net1").unwrap(),
    }
}

/// A reply in which only `wrong` is not as it should be.
fn reply(xid: &[u8], options: &[u8], wrong: &[(usize, u8)]) -> Vec<u8> {
    let mut message = vec![0; 240];
    message[..3].copy_from_slice(&[2, 1, 6]);
    message[4..8].copy_from_slice(xid);
    message[16..20].copy_from_slice(&[192, 0, 2, 5]);
    message[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    message[236..].copy_from_slice(&[99, 130, 83, 99]);
    for (at, byte) in wrong {
        message[*at] = *byte;
    }
    message.extend_from_slice(options);
    message
}

#[test]
fn a_server_cannot_make_an_error_longer_than_a_line() {
    let config = Config::new([2, 0, 0, 0, 0, 1]);
    let (mut client, actions) = Client::new(config, 1, Instant::default());
    let [dhcp_client::Action::Send(discover)] = &actions[..] else {
        panic!("{actions:?}");
    };
    let xid = discover.message[4..8].to_vec();
    let from = [54, 4, 192, 0, 2, 1];
    let offer = [&[53, 1, 2][..], &from].concat();
    let nonsense = [
        vec![0; 10],
        reply(&xid, &offer, &[(0, 1)]),
        reply(&xid, &offer, &[(1, 6)]),
        reply(&xid, &offer, &[(236, 0)]),
        reply(&xid, &offer, &[(28, 9)]),
        reply(&[0; 4], &offer, &[]),
        reply(&xid, &from, &[]),
        reply(&xid, &[53, 1, 9], &[]),
        reply(&xid, &[53, 1, 2], &[]),
        reply(&xid, &offer, &[(16, 0)]),
        reply(&xid, &[&[51, 4, 0, 0, 0, 0][..], &offer].concat(), &[]),
    ];
    for payload in &nonsense {
        client.step(Event::Received { payload }, Instant::default());
    }
    let words = [&[56, 255][..], &[b'x'; 255]].concat();
    let nak = [&[53, 1, 6][..], &from, &words].concat();
    for payload in [reply(&xid, &offer, &[]), reply(&xid, &nak, &[])] {
        client.step(Event::Received { payload: &payload }, Instant::default());
    }
    let waited = Duration::from_secs(50);
    let error = no_lease_in_time(&attachment(), &client, waited);
    assert!(client.trouble().is_some() && client.ignored().len() == nonsense.len());
    assert!(error.msg.len() < 300, "{}: {}", error.msg.len(), error.msg);
}

#[test]
fn a_long_result_does_not_make_a_long_error() {
    let promised = vec!["255.255.255.255/32".parse().unwrap(); 50];
    let error = other_address(&attachment(), Ipv4Addr::BROADCAST, &promised);
    assert!(error.msg.len() < 300, "{}", error.msg);
}

variants!(link::Error {
    link::Error::NoNamespace,
    link::Error::NotANamespace { .. },
    link::Error::Unreachable { .. },
    link::Error::Replaced { .. },
    link::Error::Missing { .. },
    link::Error::NoMac { .. },
    link::Error::Netns(_),
    link::Error::Netlink(_),
    link::Error::Socket(_),
    link::Error::Unsendable { .. },
});

#[test]
fn each_fault_of_a_link_has_its_code_message_and_advice() {
    let path = || "/run/netns/p".into();
    let ifname = || IfName::parse("net1").unwrap();
    let mounts = "run the daemon in the runtime's mount namespace, or tell it with -hostprefix where the node's root is";
    let cases = [
        (
            link::Error::NoNamespace,
            (4, "the request came without the pod's namespace", ""),
        ),
        (
            link::Error::NotANamespace { path: path() },
            (4, r#""/run/netns/p" is no network namespace any more"#, ""),
        ),
        (
            link::Error::Unreachable {
                path: path(),
                source: ErrorKind::NotFound.into(),
            },
            (
                4,
                r#"the dhcp daemon cannot open the namespace path "/run/netns/p": entity not found"#,
                mounts,
            ),
        ),
        (
            link::Error::Replaced { path: path() },
            (
                4,
                r#"the namespace path "/run/netns/p" leads the dhcp daemon to another namespace"#,
                mounts,
            ),
        ),
        (
            link::Error::Missing {
                ifname: ifname(),
                netns_path: path(),
            },
            (7, r#"no link "net1" in "/run/netns/p""#, ""),
        ),
        (
            link::Error::NoMac { ifname: ifname() },
            (7, r#"link "net1" has no MAC address"#, ""),
        ),
        (
            netns::Error::Open {
                path: path(),
                errno: Errno::EACCES,
            }
            .into(),
            (
                100,
                "cannot open network namespace /run/netns/p: EACCES: Permission denied",
                "",
            ),
        ),
        (
            netlink::Error::Socket {
                source: ErrorKind::OutOfMemory.into(),
            }
            .into(),
            (100, "netlink socket: out of memory", ""),
        ),
        (
            link::Error::Socket(ErrorKind::PermissionDenied.into()),
            (
                100,
                "no socket in the pod's namespace: permission denied",
                "",
            ),
        ),
        (
            link::Error::Unsendable {
                server: Ipv4Addr::new(192, 0, 2, 1),
                source: ErrorKind::NetworkUnreachable.into(),
            },
            (
                100,
                "the pod cannot send to 192.0.2.1: network unreachable",
                "",
            ),
        ),
    ];
    let table = cases.map(|(error, expected)| {
        let Error { code, msg, details } = of_link(&error);
        Text {
            variant: variant(&error),
            found: (code.number(), msg, details),
            expected,
        }
    });
    assert_texts(VARIANTS, &table);
}
