//! What is read where there is no daemon to ask, reviewed as text.

use std::io::ErrorKind;

use testbed::{Text, assert_texts, variants};

use super::socket_path::Refusal;
use super::*;

variants!(Unreachable {
    Unreachable::NotRunning { .. },
    Unreachable::Refused(socket_path::Error::Missing { .. }),
    Unreachable::Refused(socket_path::Error::Io { .. }),
    Unreachable::Refused(socket_path::Error::Refused { why: Refusal::Relative, .. }),
    Unreachable::Refused(socket_path::Error::Refused { why: Refusal::Outside, .. }),
    Unreachable::Refused(socket_path::Error::Refused { why: Refusal::NotASocket, .. }),
    Unreachable::Refused(socket_path::Error::Refused { why: Refusal::NotRoots, .. }),
    Unreachable::Refused(socket_path::Error::Refused { why: Refusal::SharedDirectory, .. }),
    Unreachable::Io { .. },
});

const ALLOWED: &str = "use a socket under /run that only root can have made";

#[test]
fn each_fault_has_its_code_message_and_advice() {
    let path = || "/run/cni/dhcp.sock".to_owned();
    let refused = |why| Unreachable::Refused(socket_path::Error::Refused { path: path(), why });
    let cases = [
        (
            Unreachable::Refused(socket_path::Error::Missing { path: path() }),
            (
                7,
                r#"ipam.daemonSocketPath: "/run/cni/dhcp.sock" does not exist"#,
                ALLOWED,
            ),
        ),
        (
            Unreachable::Refused(socket_path::Error::Io {
                path: path(),
                source: ErrorKind::PermissionDenied.into(),
            }),
            (
                7,
                r#"ipam.daemonSocketPath: cannot examine "/run/cni/dhcp.sock": permission denied"#,
                ALLOWED,
            ),
        ),
        (
            refused(Refusal::Relative),
            (
                7,
                r#"ipam.daemonSocketPath: "/run/cni/dhcp.sock" is not allowed: it is not absolute"#,
                ALLOWED,
            ),
        ),
        (
            refused(Refusal::Outside),
            (
                7,
                r#"ipam.daemonSocketPath: "/run/cni/dhcp.sock" is not allowed: it is not under /run or /var/run"#,
                ALLOWED,
            ),
        ),
        (
            refused(Refusal::NotASocket),
            (
                7,
                r#"ipam.daemonSocketPath: "/run/cni/dhcp.sock" is not allowed: it is no socket"#,
                ALLOWED,
            ),
        ),
        (
            refused(Refusal::NotRoots),
            (
                7,
                r#"ipam.daemonSocketPath: "/run/cni/dhcp.sock" is not allowed: root does not own it"#,
                ALLOWED,
            ),
        ),
        (
            refused(Refusal::SharedDirectory),
            (
                7,
                r#"ipam.daemonSocketPath: "/run/cni/dhcp.sock" is not allowed: others than root can change a directory on the way"#,
                ALLOWED,
            ),
        ),
        (
            Unreachable::Io {
                path: path(),
                source: ErrorKind::TimedOut.into(),
            },
            (
                5,
                r#"cannot connect to the dhcp daemon at "/run/cni/dhcp.sock": timed out"#,
                "see the daemon's log",
            ),
        ),
    ];
    let mut table: Vec<_> = cases.into_iter().map(text).collect();
    let not_running = Unreachable::NotRunning { path: path() };
    let variant = variant(&not_running);
    let Error { code, msg, details } = not_running.into_cni(Code::NotAvailable);
    assert!(
        details.starts_with("start it: systemctl start cni-dhcp.socket, or run \"/"),
        "{details}"
    );
    table.push(Text {
        variant,
        found: (code.number(), msg, String::new()),
        expected: (
            50,
            r#"the dhcp daemon is not running: nobody listens on "/run/cni/dhcp.sock""#,
            "",
        ),
    });
    assert_texts(VARIANTS, &table);
}

fn text((error, expected): (Unreachable, (u32, &'static str, &'static str))) -> Text {
    let variant = variant(&error);
    let Error { code, msg, details } = error.into_cni(Code::TryAgainLater);
    Text {
        variant,
        found: (code.number(), msg, details),
        expected,
    }
}
