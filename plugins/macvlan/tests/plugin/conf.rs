//! The sample networks in `conf/`, as a runtime reads them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

#[test]
fn a_definition_and_the_list_of_the_same_name_hold_the_same_plugin() {
    let definitions = samples("nad", "yaml");
    assert_eq!(stems(&definitions), stems(&samples("cni", "conflist")));
    for path in definitions {
        let (name, mut config) = definition(&path);
        let list = list(&path.with_file_name(format!("../cni/{}.conflist", stem(&path))));
        assert_eq!(list["plugins"].as_array().expect("plugins").len(), 1);
        let mut plugin = list["plugins"][0].clone();
        plugin["cniVersion"] = list["cniVersion"].clone();
        plugin["name"] = list["name"].clone();
        // Multus gives a configuration without a name that of its definition.
        config["name"] = json!(config["name"].as_str().unwrap_or(&name));
        assert_eq!(config["name"], name, "{}", path.display());
        assert_eq!(plugin, config, "{}", path.display());
    }
}

/// The two definitions that users brought, as they wrote them.
#[test]
fn two_of_them_are_word_for_word_what_users_write() {
    let directory = directory("nad");
    for (file, text) in [
        (
            "macvlan-host-local.yaml",
            r#"{"cniVersion":"0.3.1","type":"macvlan","master":"eth1","mode":"bridge","ipam":{"type":"host-local","subnet":"10.10.20.0/24","rangeStart":"10.10.20.1","rangeEnd":"10.10.20.254","routes":[{"dst":"0.0.0.0/0"}],"gateway":""}}"#,
        ),
        (
            "macvlan-dhcp-routes.yaml",
            r#"{"cniVersion":"0.3.1","name":"macvlan-conf-2","type":"macvlan","master":"eth1","mode":"bridge","ipam":{"type":"dhcp","routes":[{"dst":"192.168.0.0/16","gw":"192.168.0.1"}]},"dns":{"nameservers":["4.4.4.4","8.8.8.8"]}}"#,
        ),
    ] {
        let written: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(definition(&directory.join(file)).1, written, "{file}");
    }
}

/// Returns the name of a definition and its `spec.config`.
fn definition(path: &Path) -> (String, Value) {
    let text = fs::read_to_string(path).expect("a file");
    let field = |key: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(key))
            .map(str::trim)
    };
    assert_eq!(
        field("kind:"),
        Some("NetworkAttachmentDefinition"),
        "{}",
        path.display()
    );
    let (_, block) = text
        .split_once("  config: |\n")
        .expect("a block with the configuration");
    assert!(
        block.lines().all(|line| line.starts_with("    ")),
        "{}: the block's indentation",
        path.display()
    );
    let config =
        serde_json::from_str(block).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (field("name:").expect("a name").to_owned(), config)
}

fn list(path: &Path) -> Value {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn samples(directory_name: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory(directory_name)).expect("a directory");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    files
}

fn stems(files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|path| stem(path)).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../conf")
        .join(name)
}
