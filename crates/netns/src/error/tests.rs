//! What is read about each failure, reviewed as text.

use testbed::{Text, assert_texts, variants};

use super::*;

variants!(Error {
    Error::NotFound { .. },
    Error::NotANamespace { .. },
    Error::NotANamespaceDescriptor,
    Error::Open { .. },
    Error::LinkDown { .. },
    Error::System { .. },
});

#[test]
fn each_failure_says_what_failed_on_what_and_why() {
    let path = || "/run/netns/p".into();
    let operation = "bind a packet socket";
    let cases = [
        (
            Error::NotFound { path: path() },
            "no network namespace at /run/netns/p: no such file",
        ),
        (
            Error::NotANamespace { path: path() },
            "/run/netns/p is not a network namespace",
        ),
        (
            Error::NotANamespaceDescriptor,
            "the descriptor is not a network namespace",
        ),
        (
            Error::Open {
                path: path(),
                errno: Errno::EACCES,
            },
            "cannot open network namespace /run/netns/p: EACCES: Permission denied",
        ),
        (
            Error::on_link(operation, Errno::ENETDOWN),
            "cannot bind a packet socket: the link is down",
        ),
        (
            Error::on_link(operation, Errno::EPERM),
            "cannot bind a packet socket: EPERM: Operation not permitted",
        ),
    ];
    let table = cases.map(|(error, msg)| Text {
        variant: variant(&error),
        found: (0, error.to_string(), String::new()),
        expected: (0, msg, ""),
    });
    assert_texts(VARIANTS, &table);
}
