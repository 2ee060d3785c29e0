//! The request configuration: what a plugin reads on stdin (SPEC §3 "Deriving request configuration").

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::decode::{decode, decode_at, field, quoted};
use crate::error::{Code, Error};
use crate::name::{ContainerId, IfName, NetworkName};
use crate::result::{AddResult, Dns};
use crate::verb::Verb;
use crate::version::SpecVersion;

/// A JSON object from stdin of which nothing is known yet.
#[derive(Clone, Debug)]
pub struct Document {
    raw: Vec<u8>,
    value: Value,
}

/// What stdin says to every plugin, checked; the rest is in [`RequestConfig::value`].
#[derive(Clone, Debug)]
pub struct RequestConfig {
    /// The version in which the caller speaks and is answered.
    pub version: SpecVersion,
    /// The network.
    pub name: NetworkName,
    /// The plugin that the configuration is for; empty if the caller leaves it out.
    pub plugin_type: String,
    /// The whole object.
    pub value: Value,
    /// Stdin, byte for byte.
    pub raw: Vec<u8>,
    /// The result of the plugins before this one (ADD), or of the ADD itself (CHECK, DEL).
    pub prev_result: Option<AddResult>,
    /// Why a DEL goes without the `prevResult` it was given; every other verb fails on a malformed one.
    pub prev_result_fault: Option<Error>,
    /// The name service of the network.
    pub dns: Dns,
    /// The IPAM plugin to delegate to; without one the attachment has no addresses.
    pub ipam_type: Option<String>,
}

impl Document {
    /// Reads a JSON object.
    pub fn parse(raw: Vec<u8>) -> Result<Self, Error> {
        if raw.trim_ascii().is_empty() {
            return Err(Error::new(
                Code::Decode,
                "stdin is empty, expected a network configuration",
            ));
        }
        let value: Value = serde_json::from_slice(&raw).map_err(|error| malformed(&error))?;
        if value.is_object() {
            Ok(Self { raw, value })
        } else {
            let found = crate::decode::describe(&value);
            Err(Error::new(
                Code::Decode,
                format!("stdin: expected an object, found {found}"),
            ))
        }
    }

    /// Returns the version that the object names, if that is a known one.
    #[must_use]
    pub fn version(&self) -> Option<SpecVersion> {
        match field(&self.value, "cniVersion") {
            None => Some(SpecVersion::UNNAMED),
            Some(value) => SpecVersion::parse(value.as_str()?),
        }
    }
}

impl RequestConfig {
    /// Reads and checks what stdin says to a plugin that supports every version.
    pub fn parse(raw: Vec<u8>, verb: Verb) -> Result<Self, Error> {
        Self::from_document(Document::parse(raw)?, verb, &SpecVersion::ALL)
    }

    /// Checks what the object says to a plugin that supports the versions in `supported`.
    pub fn from_document(
        document: Document,
        verb: Verb,
        supported: &[SpecVersion],
    ) -> Result<Self, Error> {
        let Document { raw, value } = document;
        let head: Head = decode(&value)?;
        let version = check_version(&head.cni_version, verb, supported)?;
        let name = match head.name.as_str() {
            "" => return Err(Error::new(Code::InvalidConfig, "name: missing")),
            text => NetworkName::parse(text).map_err(|error| error.at("name"))?,
        };
        let (prev_result, prev_result_fault) = match (verb, read_prev_result(&value)) {
            (Verb::Gc | Verb::Status | Verb::Version, _) => (None, None),
            (Verb::Add | Verb::Check | Verb::Del, Ok(result)) => (result, None),
            (Verb::Del, Err(fault)) => (None, Some(fault)),
            (Verb::Add | Verb::Check, Err(fault)) => return Err(fault),
        };
        Ok(Self {
            version,
            name,
            plugin_type: head.plugin_type,
            prev_result,
            prev_result_fault,
            dns: head.dns,
            ipam_type: head
                .ipam
                .map(|ipam| ipam.plugin_type)
                .filter(|name| !name.is_empty()),
            value,
            raw,
        })
    }

    /// Decodes the whole object into what a plugin knows of it.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        decode(&self.value)
    }

    /// Returns `runtimeConfig`: the capability arguments.
    #[must_use]
    pub fn runtime_config(&self) -> Option<&Value> {
        field(&self.value, "runtimeConfig")
    }

    /// Returns `args.cni`: the arguments that a user attaches to the configuration.
    #[must_use]
    pub fn cni_args(&self) -> Option<&Value> {
        field(field(&self.value, "args")?, "cni")
    }

    /// Returns `prevResult`, which this operation cannot do without.
    pub fn required_prev_result(&self) -> Result<&AddResult, Error> {
        self.prev_result.as_ref().ok_or_else(|| {
            Error::new(Code::InvalidConfig, "prevResult: missing")
                .with_details("the runtime must pass on the result of ADD")
        })
    }

    /// Refuses an attachment without addresses if the result of this version could not tell of it.
    ///
    /// To be asked before anything is made.
    pub fn check_layer_2_representable(&self) -> Result<(), Error> {
        if self.version.carries_layer_2() {
            Ok(())
        } else {
            Err(crate::result::no_place_for_layer_2(self.version))
        }
    }

    /// Returns the attachments that GC must leave alone: those of both keys that runtimes use.
    ///
    /// # Errors
    /// A list that is not there at all is an error, since an empty one means that everything may go.
    pub fn valid_attachments(&self) -> Result<Vec<(ContainerId, IfName)>, Error> {
        let lists = VALID_ATTACHMENTS.map(|key| (key, self.value.get(key)));
        if lists.iter().all(|(_, list)| list.is_none()) {
            return Err(Error::new(
                Code::InvalidConfig,
                format!("{}: missing", VALID_ATTACHMENTS[0]),
            ));
        }
        let mut valid = Vec::new();
        for (key, list) in lists {
            let Some(list) = list.filter(|list| !list.is_null()) else {
                continue;
            };
            let list: Vec<ValidAttachment> = decode_at(list, key)?;
            valid.extend(
                list.into_iter()
                    .map(|entry| (entry.container_id, entry.ifname)),
            );
        }
        valid.sort();
        valid.dedup();
        Ok(valid)
    }
}

fn check_version(text: &str, verb: Verb, supported: &[SpecVersion]) -> Result<SpecVersion, Error> {
    let version = SpecVersion::parse(text).filter(|version| supported.contains(version));
    let Some(version) = version else {
        let supported: Vec<&str> = supported.iter().map(|version| version.as_str()).collect();
        return Err(Error::new(
            Code::IncompatibleVersion,
            format!(
                "cniVersion: {} is not supported, only {}",
                quoted(text),
                supported.join(", ")
            ),
        ));
    };
    if version.has(verb) {
        Ok(version)
    } else {
        Err(Error::new(
            Code::IncompatibleVersion,
            format!(
                "cniVersion: version {version} does not have {verb}, which came with {}",
                verb.since()
            ),
        ))
    }
}

fn read_prev_result(value: &Value) -> Result<Option<AddResult>, Error> {
    field(value, PREV_RESULT)
        .map(|result| AddResult::from_json_at(result, PREV_RESULT))
        .transpose()
}

fn malformed(error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    Error::new(
        Code::Decode,
        format!("stdin is not valid JSON at line {line}, column {column}: {reason}"),
    )
}

const PREV_RESULT: &str = "prevResult";

/// The name of the key in the specification, then the one that libcni also sets.
const VALID_ATTACHMENTS: [&str; 2] = ["cni.dev/valid-attachments", "cni.dev/attachments"];

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "cniVersion", default)]
    cni_version: String,
    #[serde(default)]
    name: String,
    #[serde(rename = "type", default)]
    plugin_type: String,
    #[serde(default)]
    dns: Dns,
    ipam: Option<IpamHead>,
}

#[derive(Deserialize)]
struct IpamHead {
    #[serde(rename = "type", default)]
    plugin_type: String,
}

#[derive(Deserialize)]
struct ValidAttachment {
    #[serde(rename = "containerID")]
    container_id: ContainerId,
    ifname: IfName,
}
