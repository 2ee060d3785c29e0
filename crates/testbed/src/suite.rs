//! Which plugins are under test, what differs on the reference ones, and what could not be run.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The directory of the plugins under test.
#[derive(Debug)]
pub struct Suite {
    directory: PathBuf,
    reference: bool,
}

/// Returns the plugins under test: `PLUGINS_UNDER_TEST` is a directory, or `reference` for the Go plugins.
pub fn suite() -> &'static Suite {
    static SUITE: OnceLock<Suite> = OnceLock::new();
    SUITE.get_or_init(|| match env::var("PLUGINS_UNDER_TEST").ok().as_deref() {
        None | Some("") => Suite {
            directory: workspace().join("bin"),
            reference: false,
        },
        Some("reference") => {
            let directory =
                env::var("REFERENCE_PLUGINS").unwrap_or_else(|_| "/usr/lib/cni".to_owned());
            Suite {
                directory: directory.into(),
                reference: true,
            }
        }
        Some(path) => {
            let directory = Path::new(path)
                .canonicalize()
                .unwrap_or_else(|error| panic!("PLUGINS_UNDER_TEST {path}: {error}"));
            Suite {
                directory,
                reference: false,
            }
        }
    })
}

impl Suite {
    /// Returns the plugin directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Says whether these are the Go reference plugins.
    #[must_use]
    pub fn is_reference(&self) -> bool {
        self.reference
    }
}

/// Holds `assertion` against these plugins, and the absence of what it asserts against the reference ones.
///
/// On the reference plugins the assertion has to fail, and `why` is listed at the end of the run: a difference that
/// has gone is a failure, so that the list stays true.
#[track_caller]
pub fn differs(why: &str, assertion: impl FnOnce()) {
    if !suite().is_reference() {
        return assertion();
    }
    assert!(
        catch_unwind(AssertUnwindSafe(assertion)).is_err(),
        "a listed difference is gone: the reference plugins now hold what \"{why}\" said they do not"
    );
    report("differences", why);
}

/// Reports that a test was not run, and why. The run ends with the list; a test returns after calling this.
pub fn not_run(why: &str) {
    report("not-run", why);
}

/// Adds a line to a report of the run, or prints it.
fn report(name: &str, line: &str) {
    let test = std::thread::current().name().unwrap_or("main").to_owned();
    if !collect(name, &format!("{test}: {line}")) {
        eprintln!("{name}: {test}: {line}");
    }
}

/// Adds a line to a report of the run, if `LANYARD_TEST_REPORTS` says where they are.
pub(crate) fn collect(name: &str, line: &str) -> bool {
    let Some(directory) = env::var_os("LANYARD_TEST_REPORTS") else {
        return false;
    };
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(Path::new(&directory).join(name))
        .expect("open a report of the test run");
    file.write_all(format!("{line}\n").as_bytes())
        .expect("write a report of the test run");
    true
}

/// Returns the directory of the project.
pub(crate) fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize()
        .expect("the testbed is in its workspace")
}
