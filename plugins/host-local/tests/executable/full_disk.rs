//! ADD on file systems that run full, each in a mount namespace of the test's own.

use std::fs;
use std::path::Path;
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde_json::json;
use tempfile::TempDir;

use crate::invocation::Network;

#[test]
fn a_file_system_that_runs_out_of_inodes_at_any_step_leaves_nothing_reserved() {
    let failures = (2..12)
        .filter(|inodes| !add_on_tmpfs(&format!("size=1m,nr_inodes={inodes}"), |_| {}))
        .count();
    assert!((3..10).contains(&failures), "{failures} of 10 runs failed");
}

#[test]
fn a_file_system_without_space_leaves_nothing_reserved() {
    for free_pages in 0..4 {
        let fill = |dir: &Path| {
            fs::create_dir_all(dir.join("n")).unwrap();
            fs::write(dir.join("fill"), vec![0; (8 - free_pages) * 4096]).unwrap();
        };
        let ok = add_on_tmpfs("size=32k", fill);
        assert!(!ok, "four files on {free_pages} pages");
    }
}

#[test]
fn status_tells_of_a_read_only_file_system() {
    in_private_mounts(|| {
        let dir = TempDir::new().unwrap();
        tmpfs(dir.path(), "size=4k");
        let nothing = None::<&Path>;
        let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(nothing, dir.path(), nothing, read_only, nothing).unwrap();
        let ranges = json!({"ranges": [[{"subnet": "10.1.2.0/24"}]]});
        let network = Network::in_dir(&dir.path().join("networks"), ranges);
        let outcome = network.run("STATUS", "", "");
        let (code, msg) = outcome.error();
        assert_eq!(code, 50);
        assert!(msg.contains("Read-only file system"), "{msg}");
    });
}

#[test]
fn status_tells_of_a_full_file_system() {
    in_private_mounts(|| {
        let dir = TempDir::new().unwrap();
        tmpfs(dir.path(), "size=4k");
        let ranges = json!({"ranges": [[{"subnet": "10.1.2.0/24"}]]});
        let network = Network::in_dir(dir.path(), ranges);
        assert!(network.run("STATUS", "", "").ok);
        fs::write(dir.path().join("fill"), vec![0; 4096]).unwrap();
        let outcome = network.run("STATUS", "", "");
        assert_eq!(outcome.error().0, 50);
    });
}

/// Runs an ADD that needs four files on a new tmpfs and returns whether it succeeded; if not,
/// nothing of it may be left.
fn add_on_tmpfs(options: &str, prepare: impl Fn(&Path) + Send + Sync) -> bool {
    in_private_mounts(|| {
        let dir = TempDir::new().unwrap();
        tmpfs(dir.path(), options);
        prepare(dir.path());
        let ranges = [
            [json!({"subnet": "10.1.2.0/24"})],
            [json!({"subnet": "fd00::/64"})],
        ];
        let network = Network::in_dir(dir.path(), json!({"ranges": ranges}));
        let outcome = network.add("c1");
        if outcome.ok {
            return true;
        }
        let (code, msg) = outcome.error();
        assert_eq!(code, 5, "{msg}");
        assert!(msg.contains("No space left on device"), "{msg}");
        if network.dir().exists() {
            assert_eq!(network.reserved(), [""; 0], "{options}: {msg}");
        }
        false
    })
}

/// Runs a test where mounts are its own and gone afterwards.
pub(crate) fn in_private_mounts<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    let none = None::<&Path>;
    let isolated = || {
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace (run the tests as root)");
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        test()
    };
    thread::scope(|scope| {
        scope
            .spawn(isolated)
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub(crate) fn bind(from: &Path, to: &Path) {
    mount(
        Some(from),
        to,
        None::<&Path>,
        MsFlags::MS_BIND,
        None::<&Path>,
    )
    .unwrap();
}

fn tmpfs(at: &Path, options: &str) {
    mount(
        Some("tmpfs"),
        at,
        Some("tmpfs"),
        MsFlags::empty(),
        Some(options),
    )
    .unwrap();
}
