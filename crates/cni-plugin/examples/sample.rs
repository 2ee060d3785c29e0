//! A whole plugin: it makes nothing, and delegates its addresses to an IPAM plugin if one is configured.
//!
//! The tests of the skeleton run it as a runtime would.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cni::{AddResult, Attachment, Code, ContainerId, Error, IfName, Interface};
use cni_plugin::{Call, Delegate, Errors, Plugin, Undo};
use serde::Deserialize;

fn main() -> ExitCode {
    cni_plugin::main(&Sample)
}

struct Sample;

#[derive(Deserialize)]
struct Config {
    /// A file that gets a line for each thing done.
    journal: Option<PathBuf>,
    #[serde(default)]
    ending: Ending,
}

/// How the operation ends.
#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ending {
    #[default]
    Success,
    Failure,
    Panic,
}

impl Plugin for Sample {
    fn name(&self) -> &'static str {
        "sample"
    }

    fn add(&self, call: &Call, attachment: &Attachment, netns: &Path) -> Result<AddResult, Error> {
        let config: Config = call.config.decode()?;
        config.note("add")?;
        let mut undo = Undo::new();
        undo.push("take a note", || config.note("undo"));
        let mut result = match &call.config.ipam_type {
            Some(ipam) => Delegate::find(call, ipam)?.add()?,
            None => AddResult::default(),
        };
        config.end()?;
        result.interfaces.push(Interface {
            name: attachment.ifname.to_string(),
            sandbox: Some(netns.display().to_string()),
            ..Interface::default()
        });
        undo.commit();
        Ok(result)
    }

    fn del(
        &self,
        call: &Call,
        _attachment: &Attachment,
        netns: Option<&Path>,
    ) -> Result<(), Error> {
        let config: Config = call.config.decode()?;
        let mut errors = Errors::new();
        let delegated = call
            .config
            .ipam_type
            .as_deref()
            .map(|ipam| Delegate::find(call, ipam)?.del());
        errors.collect(delegated.unwrap_or(Ok(())));
        errors.collect(config.note(if netns.is_some() {
            "del"
        } else {
            "del without netns"
        }));
        errors.collect(config.end());
        errors.into_result()
    }

    fn check(&self, call: &Call, _attachment: &Attachment, _netns: &Path) -> Result<(), Error> {
        call.config.required_prev_result()?;
        pass_on(call, Delegate::check)
    }

    fn status(&self, call: &Call) -> Result<(), Error> {
        pass_on(call, Delegate::status)
    }

    fn gc(&self, call: &Call, valid: &[(ContainerId, IfName)]) -> Result<(), Error> {
        let config: Config = call.config.decode()?;
        for (container_id, ifname) in valid {
            config.note(&format!("keep {container_id}/{ifname}"))?;
        }
        pass_on(call, Delegate::gc)
    }
}

/// Ends as configured, and has the delegate do its part.
fn pass_on<'a>(call: &'a Call, verb: fn(&Delegate<'a>) -> Result<(), Error>) -> Result<(), Error> {
    call.config.decode::<Config>()?.end()?;
    match &call.config.ipam_type {
        Some(ipam) => verb(&Delegate::find(call, ipam)?),
        None => Ok(()),
    }
}

impl Config {
    fn note(&self, line: &str) -> Result<(), Error> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        File::options()
            .append(true)
            .create(true)
            .open(journal)
            .and_then(|mut journal| writeln!(journal, "{line}"))
            .map_err(|error| Error::new(Code::Io, format!("cannot write the journal: {error}")))
    }

    #[expect(clippy::panic, reason = "to show that a panic is reported")]
    fn end(&self) -> Result<(), Error> {
        match self.ending {
            Ending::Success => Ok(()),
            Ending::Failure => {
                Err(Error::new(Code::Other(142), "told to fail").with_details("tell it not to"))
            }
            Ending::Panic => panic!("told to\npanic"),
        }
    }
}
