//! Running another plugin on a plugin's behalf (SPEC §4), an IPAM plugin above all.
//!
//! The delegate gets the caller's environment and, byte for byte, its stdin; its stderr is the caller's. An error that
//! it prints is passed on as it is, code included. Nothing here limits a delegate's time: the runtime limits the
//! caller's.

mod exec;
mod find;

use std::path::PathBuf;

use cni::{AddResult, Code, Error, Verb, quoted};

use crate::call::Call;
use crate::log::warn;
use exec::Outcome;

/// Another plugin, to be run for the same request.
#[derive(Debug)]
pub struct Delegate<'a> {
    call: &'a Call,
    plugin_type: String,
    program: PathBuf,
}

impl<'a> Delegate<'a> {
    /// Finds the plugin in the directories of `CNI_PATH`; the error names them.
    pub fn find(call: &'a Call, plugin_type: &str) -> Result<Self, Error> {
        let program = find::in_path(plugin_type, &call.path)?;
        Ok(Self {
            call,
            plugin_type: plugin_type.to_owned(),
            program,
        })
    }

    /// Runs ADD. If it fails, DEL is run as well and the error is that of ADD.
    pub fn add(&self) -> Result<AddResult, Error> {
        let result = self
            .run(Verb::Add)
            .and_then(|outcome| self.read_result(&outcome));
        if result.is_err()
            && let Err(error) = self.del()
        {
            warn(format_args!(
                "cannot take back ADD of plugin {:?}: {error}",
                self.plugin_type
            ));
        }
        result
    }

    /// Runs DEL.
    pub fn del(&self) -> Result<(), Error> {
        self.run(Verb::Del).map(drop)
    }

    /// Runs CHECK.
    pub fn check(&self) -> Result<(), Error> {
        self.run(Verb::Check).map(drop)
    }

    /// Runs STATUS.
    pub fn status(&self) -> Result<(), Error> {
        self.run(Verb::Status).map(drop)
    }

    /// Runs GC.
    pub fn gc(&self) -> Result<(), Error> {
        self.run(Verb::Gc).map(drop)
    }

    fn run(&self, verb: Verb) -> Result<Outcome, Error> {
        let outcome = exec::run(&self.program, verb, &self.call.config.raw)?;
        self.judge(verb, outcome)
    }

    /// Returns the outcome of a success, or the error of a failure: the delegate's own if it printed one.
    fn judge(&self, verb: Verb, outcome: Outcome) -> Result<Outcome, Error> {
        if outcome.status.success() {
            return Ok(outcome);
        }
        Err(outcome
            .value()
            .as_ref()
            .and_then(Error::parse)
            .unwrap_or_else(|| {
                let printed = match outcome.excerpt() {
                    Some(excerpt) => format!("no error but {excerpt}"),
                    None => "nothing on stdout".into(),
                };
                self.misbehaved(
                    verb,
                    &format!("ended with {} and printed {printed}", outcome.status),
                )
            }))
    }

    fn read_result(&self, outcome: &Outcome) -> Result<AddResult, Error> {
        let value = outcome.value().ok_or_else(|| {
            let printed = outcome.excerpt().unwrap_or_else(|| "nothing".into());
            self.misbehaved(
                Verb::Add,
                &format!("succeeded but printed no result: {printed}"),
            )
        })?;
        AddResult::from_json(&value).map_err(|error| {
            self.misbehaved(
                Verb::Add,
                &format!("printed a malformed result: {}", error.msg),
            )
        })
    }

    fn misbehaved(&self, verb: Verb, how: &str) -> Error {
        Error::new(
            Code::Delegate,
            format!("{verb} of plugin {:?}: it {how}", self.plugin_type),
        )
        .with_details(format!(
            "look for its own words on stderr, in the runtime's log; its file is {}",
            quoted(&self.program.to_string_lossy())
        ))
    }
}
