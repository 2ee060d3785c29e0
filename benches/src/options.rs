//! The command line.

use std::path::{Path, PathBuf};

/// What to compare, and how often to run it.
#[derive(Debug)]
pub(crate) struct Options {
    /// The directory of these plugins.
    pub(crate) ours: PathBuf,
    /// The directory of the Go plugins; `None` measures these alone.
    pub(crate) reference: Option<PathBuf>,
    /// Counted runs of each verb, after [`WARM_UP`] others.
    pub(crate) rounds: usize,
}

impl Options {
    /// Reads `--ours DIR`, `--reference DIR` and `--rounds N`.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            ours: PathBuf::new(),
            reference: None,
            rounds: 100,
        };
        let mut ours = None;
        while let Some(flag) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or(format!("{flag} needs a value; {USAGE}"))
            };
            match flag.as_str() {
                "--ours" => ours = Some(directory(&value()?)?),
                "--reference" => options.reference = Some(directory(&value()?)?),
                "--rounds" => {
                    options.rounds = value()?
                        .parse()
                        .map_err(|_| format!("--rounds is a number; {USAGE}"))?;
                }
                other => return Err(format!("{other:?} is not known; {USAGE}")),
            }
        }
        options.ours = ours.ok_or(format!("--ours is missing; {USAGE}"))?;
        if options.rounds == 0 {
            return Err("--rounds is at least 1".to_owned());
        }
        Ok(options)
    }
}

fn directory(path: &str) -> Result<PathBuf, String> {
    let found = Path::new(path)
        .canonicalize()
        .map_err(|error| format!("{path}: {error}"))?;
    if found.join("macvlan").is_file() {
        Ok(found)
    } else {
        Err(format!("{path} has no macvlan plugin"))
    }
}

/// Runs before the counted ones, in which caches fill.
pub(crate) const WARM_UP: usize = 3;

const USAGE: &str = "usage: bench --ours DIR [--reference DIR] [--rounds N]";
