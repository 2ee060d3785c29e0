//! A `NetworkAttachmentDefinition`, as a file of `conf/nad/` has it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The object's name, and the plugin configuration in its `spec.config`.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    config: Value,
}

impl Definition {
    /// Makes one that is in no file.
    pub(crate) fn new(name: &str, config: Value) -> Self {
        Self {
            name: name.to_owned(),
            config,
        }
    }

    /// Reads `conf/nad/STEM.yaml`, whose configuration is a literal block.
    pub(crate) fn sample(stem: &str) -> Self {
        let path = samples().join(format!("{stem}.yaml"));
        let text = fs::read_to_string(&path).unwrap();
        let (head, config) = text.split_once("  config: |\n").expect("a literal block");
        let name = head
            .lines()
            .find_map(|line| line.trim().strip_prefix("name: "))
            .expect("a name");
        Self::new(name, serde_json::from_str(config).unwrap())
    }

    /// The names of all samples, without `.yaml`.
    pub(crate) fn samples() -> Vec<String> {
        let mut stems: Vec<_> = fs::read_dir(samples())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "yaml")
            })
            .map(|path| path.file_stem().unwrap().display().to_string())
            .collect();
        stems.sort();
        stems
    }

    /// The configuration, which gets the object's name where it has none of its own.
    pub(crate) fn config(&self) -> Value {
        let mut config = self.config.clone();
        if config["name"].as_str().unwrap_or_default().is_empty() {
            config["name"] = json!(self.name);
        }
        config
    }
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../conf/nad")
}
