//! The life of one run: environment, stdin, version rules, the operation, one value on stdout.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use cni::{Attachment, Code, Document, Error, RequestConfig, SpecVersion, Verb};
use serde_json::json;

use crate::call::{Call, Plugin};
use crate::environment::Environment;
use crate::log::warn;
use crate::{netns_guard, output, stdin};

/// Runs `plugin` for the request in the environment and on stdin, and returns the status to exit with.
pub fn main(plugin: &dyn Plugin) -> ExitCode {
    output::report_panics(plugin.name());
    let Some(command) = env::var_os(COMMAND).filter(|command| !command.is_empty()) else {
        introduce(plugin);
        return ExitCode::SUCCESS;
    };
    let mut version = latest(plugin);
    match serve(plugin, &command, &mut version) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error, version);
            ExitCode::FAILURE
        }
    }
}

/// Tells a person who runs the executable by hand what it is.
fn introduce(plugin: &dyn Plugin) {
    let versions: Vec<&str> = plugin
        .versions()
        .iter()
        .map(|version| version.as_str())
        .collect();
    warn(format_args!(
        "CNI {} plugin {}",
        plugin.name(),
        env!("CARGO_PKG_VERSION")
    ));
    warn(format_args!(
        "CNI protocol versions supported: {}",
        versions.join(", ")
    ));
}

/// Serves the request; `version` becomes that of the configuration as soon as it is known.
fn serve(plugin: &dyn Plugin, command: &OsStr, version: &mut SpecVersion) -> Result<(), Error> {
    let verb = command
        .to_str()
        .and_then(Verb::parse)
        .ok_or_else(|| unknown_verb(command))?;
    if verb == Verb::Version {
        return print_versions(plugin);
    }
    let environment = Environment::read(verb, |name| env::var_os(name))?;
    let document = Document::parse(stdin::read()?)?;
    if let Some(known) = document
        .version()
        .filter(|known| plugin.versions().contains(known))
    {
        *version = known;
    }
    let config = RequestConfig::from_document(document, verb, plugin.versions())?;
    if let Some(fault) = &config.prev_result_fault {
        warn(format_args!("{fault}; going on without"));
    }
    dispatch(plugin, verb, config, environment)
}

fn dispatch(
    plugin: &dyn Plugin,
    verb: Verb,
    config: RequestConfig,
    environment: Environment,
) -> Result<(), Error> {
    let Environment {
        container_id,
        netns,
        ifname,
        args,
        path,
        netns_override,
    } = environment;
    let network = config.name.clone();
    let attachment = container_id
        .zip(ifname)
        .map(|(container_id, ifname)| Attachment {
            network,
            container_id,
            ifname,
        })
        .ok_or_else(|| missing("CNI_CONTAINERID and CNI_IFNAME"));
    let netns = netns.as_deref();
    let required_netns = netns.ok_or_else(|| missing("CNI_NETNS"));
    let call = Call {
        verb,
        config,
        args,
        path,
    };
    match verb {
        Verb::Add => {
            netns_guard::check(required_netns.clone()?, netns_override)?;
            add(plugin, &call, &attachment?, required_netns?)
        }
        Verb::Del => {
            // The path can have become the node's: /proc/PID/ns/net, when another process has got the number.
            let netns = netns.filter(|netns| {
                netns_guard::check(netns, netns_override)
                    .inspect_err(|error| warn(format_args!("{error}; going on without")))
                    .is_ok()
            });
            plugin.del(&call, &attachment?, netns)
        }
        Verb::Check => plugin.check(&call, &attachment?, required_netns?),
        Verb::Status => plugin.status(&call),
        Verb::Gc => plugin.gc(&call, &call.config.valid_attachments()?),
        Verb::Version => print_versions(plugin),
    }
}

/// Has the attachment made and reported; one that cannot be reported is taken back.
fn add(
    plugin: &dyn Plugin,
    call: &Call,
    attachment: &Attachment,
    netns: &Path,
) -> Result<(), Error> {
    let result = plugin.add(call, attachment, netns)?;
    let reported = result
        .to_json(call.config.version)
        .and_then(|json| output::print(&json));
    if reported.is_err()
        && let Err(error) = plugin.del(call, attachment, Some(netns))
    {
        warn(format_args!("cannot take back {attachment}: {error}"));
    }
    reported
}

fn print_versions(plugin: &dyn Plugin) -> Result<(), Error> {
    let asked = Document::parse(stdin::read_if_any())
        .ok()
        .and_then(|asked| asked.version());
    let version = asked.filter(|asked| plugin.versions().contains(asked));
    let supported: Vec<&str> = plugin
        .versions()
        .iter()
        .map(|version| version.as_str())
        .collect();
    output::print(&json!({
        "cniVersion": version.unwrap_or_else(|| latest(plugin)).as_str(),
        "supportedVersions": supported,
    }))
}

fn latest(plugin: &dyn Plugin) -> SpecVersion {
    plugin
        .versions()
        .iter()
        .copied()
        .max()
        .unwrap_or(SpecVersion::LATEST)
}

fn unknown_verb(command: &OsStr) -> Error {
    let known = Verb::ALL.map(Verb::as_str).join(", ");
    Error::new(
        Code::InvalidEnvironment,
        format!(
            "{COMMAND}: {} is not one of {known}",
            cni::quoted(&command.to_string_lossy())
        ),
    )
}

fn missing(variable: &str) -> Error {
    Error::new(Code::InvalidEnvironment, format!("{variable} is missing"))
}

const COMMAND: &str = "CNI_COMMAND";
