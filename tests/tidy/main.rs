//! What the project promises of its own files, so that it stays true without anybody remembering it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's own functions fail as it does"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn a_file_of_code_is_short_and_says_what_it_is_for() {
    let mut faults = Vec::new();
    for file in tracked("rs") {
        let text = read(&file);
        let longest = if is_test(&file) {
            LONGEST_TEST
        } else {
            LONGEST_CODE
        };
        let lines = text.lines().count();
        if lines > longest {
            faults.push(format!("{}: {lines} lines, over {longest}", shown(&file)));
        }
        // `foo/tests.rs` is the end of `foo.rs`, which says it.
        let is_part = file.file_name().is_some_and(|name| name == "tests.rs");
        if !is_part && !text.starts_with("//!") && !text.starts_with("#![") {
            faults.push(format!("{}: does not say what it is for", shown(&file)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn code_is_finished() {
    let marks = ["TODO", "FIXME", "XXX"];
    let mut faults = Vec::new();
    for file in tracked("rs") {
        if file.ends_with("tests/tidy/main.rs") {
            continue;
        }
        for (number, line) in read(&file).lines().enumerate() {
            let allows = line.trim_start().starts_with("#[allow(")
                || line.trim_start().starts_with("#![allow(");
            if allows || marks.iter().any(|mark| line.contains(mark)) {
                faults.push(format!("{}:{}: {line}", shown(&file), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn unsafe_code_is_in_one_crate() {
    let elsewhere: Vec<_> = tracked("rs")
        .into_iter()
        .filter(|file| !file.starts_with(root().join("crates/netns")))
        .filter(|file| !file.ends_with("tests/tidy/main.rs"))
        .filter(|file| {
            read(file)
                .lines()
                .any(|line| !line.trim_start().starts_with("//") && line.contains("unsafe {"))
        })
        .map(|file| shown(&file))
        .collect();
    assert_eq!(elsewhere, [""; 0]);
}

#[test]
fn every_plugin_is_built_and_documented() {
    let makefile = read(&root().join("Makefile"));
    let built = makefile
        .lines()
        .find_map(|line| line.strip_prefix("PLUGINS := "))
        .expect("the Makefile lists the plugins");
    let readme = read(&root().join("README.md"));
    for plugin in directories("plugins") {
        assert!(
            built.split_whitespace().any(|name| name == plugin),
            "the Makefile does not build {plugin}"
        );
        assert!(
            readme.contains(&format!("plugins/{plugin}/README.md")),
            "the README does not name {plugin}"
        );
        let own = read(&root().join("plugins").join(&plugin).join("README.md"));
        for heading in [
            "## Configuration",
            "## Errors",
            "## Differences from the reference",
        ] {
            assert!(
                own.lines().any(|line| line == heading),
                "the README of {plugin} has no {heading:?}"
            );
        }
    }
}

/// What the keys do is held by tests that run on both suites.
#[test]
fn every_key_of_a_plugin_is_in_an_end_to_end_test() {
    let tests = end_to_end_tests();
    let mut faults = Vec::new();
    for plugin in directories("plugins") {
        let readme = read(&root().join("plugins").join(&plugin).join("README.md"));
        let keys = keys(section(&readme, "## Configuration"));
        assert!(plugin == "loopback" || keys.len() > 4, "{plugin}: {keys:?}");
        for key in keys {
            if !tests.contains(&format!("\"{key}\"")) {
                faults.push(format!("{plugin}: no end-to-end test has the key {key:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_difference_from_the_reference_stands_in_a_readme_and_in_a_test() {
    let tests = end_to_end_tests();
    let found: BTreeSet<_> = tests
        .split("\"Go: ")
        .skip(1)
        .filter_map(|rest| rest.split(['"', '{']).next())
        .map(|words| words.trim_end_matches([' ', ':']))
        .collect();
    let readmes: Vec<_> = directories("plugins")
        .iter()
        .map(|plugin| read(&root().join("plugins").join(plugin).join("README.md")))
        .collect();
    let told: BTreeSet<_> = readmes
        .iter()
        .flat_map(|readme| rows(section(readme, "### What the tests find")))
        .collect();
    assert!(found.len() > 50, "only {} differences", found.len());
    let untold: Vec<_> = found.difference(&told).collect();
    assert!(
        untold.is_empty(),
        "add to \"What the tests find\" in the plugin's README: {untold:#?}"
    );
    let unfound: Vec<_> = told.difference(&found).collect();
    assert!(unfound.is_empty(), "no test finds any more: {unfound:#?}");
}

#[test]
fn the_map_of_the_code_names_every_crate() {
    let architecture = read(&root().join("ARCHITECTURE.md"));
    for name in directories("crates") {
        assert!(
            architecture.contains(&format!("`crates/{name}`")),
            "ARCHITECTURE.md does not name crates/{name}"
        );
    }
}

#[test]
fn the_changelog_has_a_place_for_what_comes_next() {
    let changelog = read(&root().join("CHANGELOG.md"));
    assert!(changelog.lines().any(|line| line == "## Unreleased"));
}

/// Returns every file of the project that ends in `extension`, but for what is built.
fn tracked(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![root().to_path_buf()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).expect("a directory of the project") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                left.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 100, "only {} files", found.len());
    found.sort();
    found
}

fn directories(below: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(below)).expect("a directory of the project");
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .map(|path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

/// The text of every end-to-end test.
fn end_to_end_tests() -> String {
    let files = tracked("rs").into_iter();
    let files = files.filter(|file| shown(file).starts_with("tests/e2e/"));
    files.map(|file| read(&file)).collect()
}

/// What stands below a heading, down to the next one of its rank or above.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let Some((_, after)) = text.split_once(&format!("\n{heading}\n")) else {
        return "";
    };
    let rank = heading.chars().take_while(|c| *c == '#').count();
    let ends = (1..=rank).filter_map(|rank| after.find(&format!("\n{} ", "#".repeat(rank))));
    &after[..ends.min().unwrap_or(after.len())]
}

/// The first cell of every row of the tables in a text, without their heads.
fn rows(text: &str) -> impl Iterator<Item = &str> {
    let next = text.lines().skip(1).chain([""]);
    let body = text
        .lines()
        .zip(next)
        .filter(|(_, next)| !next.starts_with("|---"));
    body.filter_map(|(line, _)| line.strip_prefix("| ")?.split(" | ").next())
}

/// The keys in the tables of a text whose first column is that of keys.
fn keys(text: &str) -> BTreeSet<&str> {
    let tables = text
        .split("\n\n")
        .filter(|table| table.trim_start().starts_with("| key |"));
    tables
        .flat_map(|table| rows(table.trim_start()))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter_map(|path| path.rsplit('.').next())
        .collect()
}

fn is_test(file: &Path) -> bool {
    let shown = shown(file);
    shown.starts_with("tests/") || shown.contains("/tests/") || shown.ends_with("/tests.rs")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", shown(file)))
}

fn shown(file: &Path) -> String {
    let file = file.strip_prefix(root()).unwrap_or(file);
    file.to_string_lossy().into_owned()
}

/// The directory of the workspace.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

const LONGEST_CODE: usize = 400;
const LONGEST_TEST: usize = 800;
