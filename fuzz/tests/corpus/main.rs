//! Every target on its corpus, on variations of it, and what keeps targets, corpora and executables together.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod mutator;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use fuzz::{TARGETS, Target};
use mutator::Mutator;

#[test]
fn cni_args_holds() {
    holds("cni_args", 100_000);
}

#[test]
fn cni_config_holds() {
    holds("cni_config", 20_000);
}

#[test]
fn cni_result_holds() {
    holds("cni_result", 20_000);
}

#[test]
fn dhcp_client_holds() {
    holds("dhcp_client", 4_000);
}

#[test]
fn dhcp_reply_holds() {
    holds("dhcp_reply", 20_000);
}

#[test]
fn ip_packet_holds() {
    holds("ip_packet", 100_000);
}

#[test]
fn lease_record_holds() {
    holds("lease_record", 10_000);
}

#[test]
fn lease_routes_holds() {
    holds("lease_routes", 100_000);
}

/// `cargo fuzz` finds a target by its `[[bin]]`, which cannot be written down once for all.
#[test]
fn every_target_has_its_executable_and_its_corpus() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(file_stems(&directory("fuzz_targets")), names);
    assert_eq!(file_stems(&directory("corpus")), names);
    let manifest = fs::read_to_string(directory("Cargo.toml")).unwrap();
    let bins: BTreeSet<String> = manifest
        .split("[[bin]]")
        .skip(1)
        .filter_map(|bin| bin.split('"').nth(1).map(str::to_owned))
        .collect();
    assert_eq!(bins, names);
}

/// Runs a target on its corpus and on `variations` of it, always the same ones.
#[track_caller]
fn holds(name: &str, variations: usize) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let corpus: Vec<Vec<u8>> = files(&directory("corpus").join(name))
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    assert!(!corpus.is_empty());
    for input in &corpus {
        run(name, *target, input);
    }
    let mut mutator = Mutator::new(&corpus);
    for _ in 0..variations {
        run(name, *target, &mutator.variation());
    }
}

/// Keeps the input that a target objects to, so that the target's executable can be run on it.
fn run(name: &str, target: Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, input).unwrap();
        eprintln!(
            "to see it again: cargo run -p fuzz --bin {name} -- {}",
            path.display()
        );
        resume_unwind(panic);
    }
}

fn file_stems(directory: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files(directory).into_iter().map(stem).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
