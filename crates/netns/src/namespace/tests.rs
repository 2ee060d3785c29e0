//! Namespaces of the running kernel; each test makes its own in its own thread.

use std::path::Path;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};

use super::Netns;
use crate::Error;

/// Moves the thread into a namespace of the test's own, and returns the one that it was in.
fn leave() -> Netns {
    let before = Netns::current().unwrap();
    unshare(CloneFlags::CLONE_NEWNET)
        .expect("these tests need the privilege to make network namespaces (run as root)");
    before
}

fn error(path: &str) -> Error {
    Netns::open(Path::new(path)).unwrap_err()
}

#[test]
fn a_missing_path_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(
        error("/proc/self/ns/nothing"),
        Error::NotFound { .. }
    ));
    assert!(matches!(
        error(file.join("below").to_str().unwrap()),
        Error::NotFound { .. }
    ));
    assert!(matches!(
        error("/proc/4194305/ns/net"),
        Error::NotFound { .. }
    ));
}

#[test]
fn what_is_not_a_network_namespace_is_told_from_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (file, dir) = (file.to_str().unwrap(), dir.path().to_str().unwrap());
    for path in [
        file,
        dir,
        "/proc/self/ns/mnt",
        "/proc/self/status",
        "/dev/null",
    ] {
        assert!(matches!(error(path), Error::NotANamespace { .. }), "{path}");
    }
    assert_eq!(
        error("/proc/self/ns/mnt").to_string(),
        "/proc/self/ns/mnt is not a network namespace"
    );
}

#[test]
fn a_fifo_does_not_block_the_open() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(
        error(fifo.to_str().unwrap()),
        Error::NotANamespace { .. }
    ));
}

#[test]
fn a_descriptor_is_checked() {
    let (fd, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(matches!(
        Netns::from_fd(fd.into()),
        Err(Error::NotANamespaceDescriptor)
    ));
    let netns = Netns::current().unwrap();
    let id = netns.id().unwrap();
    assert_eq!(Netns::from_fd(netns.fd).unwrap().id().unwrap(), id);
}

#[test]
fn the_path_of_a_process_leads_to_its_namespace() {
    let before = leave();
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let of_child = Netns::open(Path::new(&format!("/proc/{}/ns/net", child.id()))).unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_eq!(
        of_child.id().unwrap(),
        Netns::current().unwrap().id().unwrap()
    );
    assert_ne!(of_child.id().unwrap(), before.id().unwrap());
}

#[test]
fn work_runs_inside_and_the_thread_comes_back() {
    let outside = leave();
    let inside_id = Netns::current().unwrap().id().unwrap();
    let seen = outside
        .run(|| Netns::current().unwrap().id().unwrap())
        .unwrap();
    assert_eq!(seen, outside.id().unwrap());
    assert_eq!(Netns::current().unwrap().id().unwrap(), inside_id);
}

#[test]
fn the_thread_comes_back_from_work_that_panics() {
    let outside = leave();
    let home = Netns::current().unwrap().id().unwrap();
    let work = std::panic::AssertUnwindSafe(|| outside.run(|| panic!("inside")));
    assert!(std::panic::catch_unwind(work).is_err());
    assert_eq!(Netns::current().unwrap().id().unwrap(), home);
}

#[test]
fn sysctls_are_those_of_the_namespace_that_the_thread_is_in() {
    let outside = leave();
    let path = "/proc/sys/net/ipv4/conf/lo/arp_notify";
    std::fs::write(path, "1").unwrap();
    let seen = outside
        .run(|| std::fs::read_to_string(path).unwrap())
        .unwrap();
    assert_eq!(seen.trim(), "0");
    assert_eq!(std::fs::read_to_string(path).unwrap().trim(), "1");
}
