//! The `ipam` section as users write it, and its resolution into a [`LeaseConfig`].
//!
//! Nothing here touches the system: what needs the pod's link (its MAC address) is left to the daemon.

pub(crate) mod options;

use std::time::Duration;

use cni::{Args, Attachment, Code, Error};
use dhcp_client::DEFAULT_PARAMETERS;
use netlink::apply::DefaultRoute;
use serde::Deserialize;
use serde_json::Value;

use crate::duration;
use crate::identity::{self, Pod};
use crate::lease_config::{
    ClientId, ConflictDetection, LeaseConfig, OnAddressChange, ProvidedOption, Route, Suppressed,
};
use options::code;

/// The parts of a request configuration that concern this plugin.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    pub(crate) ipam: Ipam,
    /// A key of the interface plugin's. One that has another meaning for it is of no concern.
    default_route: Option<Value>,
}

impl Document {
    /// Resolves the document for one attachment.
    pub(crate) fn resolve(
        &self,
        attachment: &Attachment,
        args: &Args,
    ) -> Result<LeaseConfig, Error> {
        let default_route = self
            .default_route
            .as_ref()
            .and_then(Value::as_str)
            .and_then(DefaultRoute::parse);
        Ok(LeaseConfig {
            default_route: default_route.unwrap_or_default(),
            ..self.ipam.resolve(attachment, args)?
        })
    }
}

/// The `ipam` section as given.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ipam {
    pub(crate) daemon_socket_path: Option<String>,
    #[serde(default)]
    priority: u32,
    #[serde(default)]
    provide: Vec<Provide>,
    #[serde(default)]
    request: Vec<Request>,
    #[serde(default)]
    routes: Vec<cni::Route>,
    #[serde(default)]
    suppress: Vec<Suppressed>,
    #[serde(rename = "clientID")]
    client_id: Option<String>,
    hostname: Option<String>,
    timeout: Option<String>,
    conflict_detection: Option<ConflictDetection>,
    broadcast: Option<bool>,
    on_address_change: Option<OnAddressChange>,
}

impl Ipam {
    /// Resolves the section for one attachment.
    fn resolve(&self, attachment: &Attachment, args: &Args) -> Result<LeaseConfig, Error> {
        let provide = self.provided(args)?;
        let provides = |code| {
            provide
                .iter()
                .any(|option: &ProvidedOption| option.code == code)
        };
        Ok(LeaseConfig {
            client_id: self.client_id(attachment, args)?,
            hostname: if provides(code::HOST_NAME) {
                None
            } else {
                self.hostname(args)?
            },
            request: self.requested()?,
            routes: self.routes()?,
            suppress: self.suppress.clone(),
            priority: Some(self.priority).filter(|metric| *metric != 0),
            timeout_ms: self.timeout_ms()?,
            conflict_detection: self.conflict_detection.unwrap_or(ConflictDetection::Fast),
            broadcast: self.broadcast,
            on_address_change: self.on_address_change.unwrap_or(OnAddressChange::Apply),
            default_route: DefaultRoute::default(),
            provide,
        })
    }

    fn client_id(&self, attachment: &Attachment, args: &Args) -> Result<ClientId, Error> {
        let given = self.client_id.as_deref().filter(|text| !text.is_empty());
        match given.unwrap_or("container") {
            "container" => Ok(ClientId::Bytes(identity::of_container(attachment))),
            "mac" => Ok(ClientId::Mac),
            "none" => Ok(ClientId::None),
            "pod" => match Pod::from_args(args) {
                Some(pod) => Ok(ClientId::Bytes(identity::of_pod(&pod, attachment))),
                None => Err(Error::new(
                    Code::InvalidConfig,
                    "ipam.clientID: \"pod\" needs K8S_POD_NAMESPACE and K8S_POD_NAME in CNI_ARGS",
                )
                .with_details("use \"container\" or \"mac\" where the runtime names no pod")),
            },
            text => {
                let bytes = text.strip_prefix("hex:").and_then(options::parse_hex);
                // RFC 2132 §9.14: at least two bytes.
                match bytes.filter(|bytes| (2..=255).contains(&bytes.len())) {
                    Some(bytes) => Ok(ClientId::Bytes(bytes)),
                    None => Err(unsupported(
                        "ipam.clientID",
                        text,
                        "use container, mac, pod, none or hex: with 2 to 255 bytes",
                    )),
                }
            }
        }
    }

    fn hostname(&self, args: &Args) -> Result<Option<String>, Error> {
        let given = self.hostname.as_deref().filter(|text| !text.is_empty());
        match given.unwrap_or("pod") {
            "pod" => Ok(Pod::from_args(args).and_then(|pod| pod.hostname())),
            "none" => Ok(None),
            name if identity::is_hostname(name) => Ok(Some(name.to_owned())),
            text => Err(unsupported(
                "ipam.hostname",
                text,
                "use pod, none, or a name of letters, digits, hyphens and dots",
            )),
        }
    }

    fn requested(&self) -> Result<Vec<u8>, Error> {
        let skip_default = self.request.iter().any(|request| request.skip_default);
        let mut codes = if skip_default {
            Vec::new()
        } else {
            DEFAULT_PARAMETERS.to_vec()
        };
        for (
            index,
            Request {
                skip_default,
                option,
            },
        ) in self.request.iter().enumerate()
        {
            if option.is_empty() && *skip_default {
                continue;
            }
            let code = option_code(&format!("ipam.request[{index}].option"), option)?;
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        Ok(codes)
    }

    fn provided(&self, args: &Args) -> Result<Vec<ProvidedOption>, Error> {
        let mut provided: Vec<ProvidedOption> = Vec::new();
        for (index, entry) in self.provide.iter().enumerate() {
            let key = format!("ipam.provide[{index}]");
            let code = option_code(&format!("{key}.option"), &entry.option)?;
            if options::RESERVED.contains(&code) {
                return Err(unsupported(
                    &format!("{key}.option"),
                    &entry.option,
                    "the client sets this option itself",
                ));
            }
            let mut value = entry.value(code, &key)?;
            // Multus names no pod by empty values; an option without a value is malformed to many servers.
            let argument_of = |name: &String| args.get(name).filter(|text: &&str| !text.is_empty());
            if let Some(text) = entry.from_arg.as_ref().and_then(argument_of) {
                value = Some(argument(text, &format!("{key}.fromArg"))?);
            }
            let Some(value) = value else { continue };
            if value.len() > LONGEST_OPTION {
                return Err(Error::new(
                    Code::InvalidConfig,
                    format!(
                        "{key}: a value of {} bytes; an option holds 255",
                        value.len()
                    ),
                ));
            }
            provided.retain(|option| option.code != code);
            provided.push(ProvidedOption { code, value });
        }
        let length: usize = provided.iter().map(|option| 2 + option.value.len()).sum();
        if length > LONGEST_PROVIDED {
            let msg = format!(
                "ipam.provide: {length} bytes of options; a message has room for {LONGEST_PROVIDED}"
            );
            return Err(Error::new(Code::InvalidConfig, msg));
        }
        Ok(provided)
    }

    fn routes(&self) -> Result<Vec<Route>, Error> {
        for (index, route) in self.routes.iter().enumerate() {
            if route
                .gw
                .is_some_and(|gw| gw.is_ipv4() != route.dst.is_ipv4())
            {
                let msg = format!("ipam.routes[{index}]: gw is of another address family than dst");
                return Err(Error::new(Code::InvalidConfig, msg));
            }
        }
        Ok(self.routes.iter().map(Route::from).collect())
    }

    fn timeout_ms(&self) -> Result<Option<u64>, Error> {
        let Some(text) = self.timeout.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let timeout = duration::parse(text)
            .map_err(|error| Error::new(Code::InvalidConfig, format!("ipam.timeout: {error}")))?;
        if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
            return Err(unsupported(
                "ipam.timeout",
                text,
                "use a duration from 1ms to 10m",
            ));
        }
        Ok(u64::try_from(timeout.as_millis()).ok())
    }
}

/// An option to send.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provide {
    #[serde(default)]
    option: String,
    value: Option<Value>,
    from_arg: Option<String>,
}

impl Provide {
    fn value(&self, code: u8, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(value) = self
            .value
            .as_ref()
            .filter(|value| value.as_str() != Some(""))
        else {
            return Ok(None);
        };
        let given = || {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        options::parse_value(code, value).map(Some).ok_or_else(|| {
            unsupported(
                &format!("{key}.value"),
                &given(),
                "use text, or hex:0a0b, ip:192.0.2.1, u8:1, u16:1500, u32:3600",
            )
        })
    }
}

/// An option to ask for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    #[serde(default)]
    skip_default: bool,
    #[serde(default)]
    option: String,
}

fn option_code(key: &str, text: &str) -> Result<u8, Error> {
    options::parse_code(text)
        .ok_or_else(|| unsupported(key, text, "use a number from 1 to 254 or an option's name"))
}

/// A value that came with the pod, not from the network's author.
fn argument(text: &str, key: &str) -> Result<Vec<u8>, Error> {
    if text.chars().any(char::is_control) {
        let msg = format!("{key}: the argument's value has control characters");
        return Err(Error::new(Code::InvalidConfig, msg));
    }
    Ok(text.as_bytes().to_vec())
}

fn unsupported(key: &str, value: &str, remedy: &str) -> Error {
    let value = cni::quoted(value);
    Error::new(
        Code::UnsupportedField,
        format!("{key}: unsupported value {value}"),
    )
    .with_details(remedy)
}

const LONGEST_OPTION: usize = 255;

/// What the client's own options (a client identifier, a parameter request list and a host name of full
/// length) leave of a DHCP message in one Ethernet frame.
const LONGEST_PROVIDED: usize = 400;

/// Far beyond every runtime's own limit.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests;
