//! The macvlan plugin's own keys, `CNI_ARGS` and capability arguments, merged and checked.
//!
//! Everything here is known without looking at the node. What depends on the parent (whether it exists, its MTU) is checked
//! in [`crate::parent`].

use cni::{Args, MacAddr, RequestConfig};
use netlink::MacvlanMode;
use netlink::apply::DefaultRoute;
use serde::Deserialize;

use crate::error::{Error, MacFault};

/// What the network, the runtime and the pod ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// The parent by name; `None` means the device of the default route.
    pub(crate) master: Option<String>,
    /// How the links of one parent see each other.
    pub(crate) mode: MacvlanMode,
    /// As written; 0 is the parent's.
    pub(crate) mtu: i64,
    /// `None` lets the kernel choose.
    pub(crate) mac: Option<MacAddr>,
    /// Where the parent is.
    pub(crate) place: Place,
    /// Length of the parent's queue of broadcasts, where it is set.
    pub(crate) bc_queue_len: Option<u32>,
    /// Whether the link gets the default routes of its IPAM.
    pub(crate) default_route: DefaultRoute,
}

/// The netns in which a parent is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The plugin's own.
    Host,
    /// The container's (`linkInContainer`).
    Container,
}

impl Config {
    /// Reads the keys out of the request configuration and lets the more specific MAC win.
    pub(crate) fn parse(request: &RequestConfig, args: &Args) -> Result<Self, Error> {
        let keys: Keys = request.decode()?;
        args.check_known(&[MAC_ARG])?;
        let user_args: Option<Requested> = request
            .cni_args()
            .filter(|args| args.is_object())
            .map(|args| cni::decode(args).map_err(|error| error.at("args.cni")))
            .transpose()?;
        let macs = [
            ("mac", keys.mac),
            (MAC_IN_CNI_ARGS, args.get(MAC_ARG).map(str::to_owned)),
            ("args.cni.mac", user_args.and_then(|args| args.mac)),
            (
                "runtimeConfig.mac",
                keys.runtime_config.and_then(|args| args.mac),
            ),
        ];
        let mut mac = None;
        for (key, text) in macs {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                mac = Some(unicast(key, text)?);
            }
        }
        Ok(Self {
            master: keys.master.filter(|name| !name.is_empty()),
            mode: mode(keys.mode)?,
            mtu: keys.mtu.unwrap_or(0),
            mac,
            place: match keys.link_in_container {
                Some(true) => Place::Container,
                Some(false) | None => Place::Host,
            },
            bc_queue_len: keys.bc_queue_len.filter(|&length| length != 0),
            default_route: default_route(keys.default_route)?,
        })
    }
}

/// The key of [`Error::InvalidMac`] that is no key of the configuration.
pub(crate) const MAC_IN_CNI_ARGS: &str = "MAC in CNI_ARGS";

/// The values of `mode`.
pub(crate) const MODES: [MacvlanMode; 4] = [
    MacvlanMode::Bridge,
    MacvlanMode::Private,
    MacvlanMode::Vepa,
    MacvlanMode::Passthru,
];

fn mode(name: Option<String>) -> Result<MacvlanMode, Error> {
    let name = name.unwrap_or_default();
    if name.is_empty() {
        return Ok(MacvlanMode::Bridge);
    }
    MacvlanMode::parse(&name)
        .filter(|mode| MODES.contains(mode))
        .ok_or(Error::Unsupported {
            key: "mode",
            value: name,
            supported: MODES.map(MacvlanMode::as_str).join(", "),
        })
}

fn default_route(name: Option<String>) -> Result<DefaultRoute, Error> {
    let name = name.unwrap_or_default();
    if name.is_empty() {
        return Ok(DefaultRoute::Always);
    }
    DefaultRoute::parse(&name).ok_or(Error::Unsupported {
        key: "defaultRoute",
        value: name,
        supported: DefaultRoute::ALL.map(DefaultRoute::as_str).join(", "),
    })
}

fn unicast(key: &'static str, text: String) -> Result<MacAddr, Error> {
    let fault = match MacAddr::parse(&text) {
        Ok(mac) if mac.is_multicast() => MacFault::Multicast,
        Ok(mac) if mac.is_zero() => MacFault::Zero,
        Ok(mac) => return Ok(mac),
        Err(_) => MacFault::Malformed,
    };
    Err(Error::InvalidMac { key, text, fault })
}

/// The keys as they are written.
#[derive(Deserialize)]
struct Keys {
    master: Option<String>,
    mode: Option<String>,
    mtu: Option<i64>,
    mac: Option<String>,
    #[serde(rename = "linkInContainer")]
    link_in_container: Option<bool>,
    #[serde(rename = "bcqueuelen")]
    bc_queue_len: Option<u32>,
    #[serde(rename = "defaultRoute")]
    default_route: Option<String>,
    #[serde(rename = "runtimeConfig")]
    runtime_config: Option<Requested>,
}

/// The part of `runtimeConfig` and of `args.cni` that is this plugin's.
#[derive(Deserialize)]
struct Requested {
    mac: Option<String>,
}

/// The key of `CNI_ARGS` that is this plugin's.
const MAC_ARG: &str = "MAC";

#[cfg(test)]
mod tests {
    use cni::{Code, Verb};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn without_keys_it_is_a_bridge_on_the_default_device() {
        let expected = Config {
            master: None,
            mode: MacvlanMode::Bridge,
            mtu: 0,
            mac: None,
            place: Place::Host,
            bc_queue_len: None,
            default_route: DefaultRoute::Always,
        };
        let unset = json!({
            "master": "", "mode": "", "mtu": 0, "mac": "", "linkInContainer": false, "bcqueuelen": 0, "defaultRoute": "",
            "runtimeConfig": { "mac": "" }, "args": { "cni": { "mac": "" } }
        });
        let null = json!({
            "master": null, "mode": null, "mtu": null, "mac": null, "linkInContainer": null,
            "bcqueuelen": null, "defaultRoute": null, "runtimeConfig": null, "args": null
        });
        for keys in [json!({}), unset, null] {
            assert_eq!(
                parse(&keys, "MAC=").expect("well-formed"),
                expected,
                "{keys}"
            );
        }
    }

    #[test]
    fn every_key_counts_in_any_case() {
        let config = parse(
            &json!({ "Master": "eth1", "MODE": "vepa", "mtu": 1400, "LinkInContainer": true, "bcQueueLen": 5000,
                     "DefaultRoute": "unless-present",
                     "capabilities": { "mac": true }, "promiscMode": 7 }),
            "",
        );
        let expected = Config {
            master: Some("eth1".to_owned()),
            mode: MacvlanMode::Vepa,
            mtu: 1400,
            mac: None,
            place: Place::Container,
            bc_queue_len: Some(5000),
            default_route: DefaultRoute::UnlessPresent,
        };
        assert_eq!(config.expect("well-formed"), expected);
    }

    #[test]
    fn the_more_specific_mac_wins() {
        let config = json!({ "mac": "02:00:00:00:00:01" });
        let user = json!({ "mac": "02:00:00:00:00:01", "args": { "cni": { "mac": "02-00-00-00-00-03" } } });
        let all = json!({ "mac": "02:00:00:00:00:01", "args": { "cni": { "mac": "02:00:00:00:00:03" } },
                          "runtimeConfig": { "mac": "0200.0000.0004" } });
        let by_args = "IgnoreUnknown=1;MAC=02:00:00:00:00:02;K8S_POD_NAME=web";
        for (keys, args, last) in [
            (&config, "", 1),
            (&config, "MAC=", 1),
            (&config, by_args, 2),
            (&user, by_args, 3),
            (&all, by_args, 4),
        ] {
            let mac = parse(keys, args).expect("well-formed").mac;
            assert_eq!(
                mac,
                Some(MacAddr::new([2, 0, 0, 0, 0, last])),
                "{keys} {args}"
            );
        }
    }

    #[test]
    fn a_mac_that_no_link_can_have_is_refused_wherever_it_stands() {
        let in_runtime =
            |mac| json!({ "mac": "02:00:00:00:00:01", "runtimeConfig": { "mac": mac } });
        let cases = [
            (
                json!({ "mac": "zz" }),
                "",
                Code::InvalidConfig,
                "mac: \"zz\" is not a MAC address",
            ),
            (
                json!({ "mac": "01:00:5e:00:00:01" }),
                "",
                Code::InvalidConfig,
                "is a multicast MAC",
            ),
            (
                json!({ "mac": "00:00:00:00:00:00" }),
                "",
                Code::InvalidConfig,
                "of all zeros",
            ),
            (
                json!({}),
                "MAC=02:00",
                Code::InvalidEnvironment,
                "MAC in CNI_ARGS: \"02:00\" is not",
            ),
            (
                in_runtime("ff:ff:ff:ff:ff:ff"),
                "",
                Code::InvalidConfig,
                "runtimeConfig.mac",
            ),
            (
                json!({ "args": { "cni": { "mac": "x" } } }),
                "",
                Code::InvalidConfig,
                "args.cni.mac",
            ),
        ];
        for (keys, args, code, text) in cases {
            refused(&keys, args, code, text);
        }
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        for name in ["source", "Bridge", "bridge "] {
            let text =
                format!("mode: {name:?} is not supported, only bridge, private, vepa, passthru");
            refused(&json!({ "mode": name }), "", Code::UnsupportedField, &text);
        }
        refused(
            &json!({ "defaultRoute": "no" }),
            "",
            Code::UnsupportedField,
            "defaultRoute: \"no\" is not supported, only always, unless-present, never",
        );
    }

    #[test]
    fn wrong_types_are_named_with_their_path() {
        for (keys, path) in [
            (json!({ "mtu": "1400" }), "mtu"),
            (json!({ "master": 1 }), "master"),
            (json!({ "bcqueuelen": [] }), "bcqueuelen"),
            (json!({ "linkInContainer": "yes" }), "linkInContainer"),
            (json!({ "defaultRoute": true }), "defaultRoute"),
            (
                json!({ "runtimeConfig": { "mac": 2 } }),
                "runtimeConfig.mac",
            ),
            (json!({ "args": { "cni": { "mac": 2 } } }), "args.cni: mac"),
        ] {
            refused(&keys, "", Code::Decode, path);
        }
    }

    #[test]
    fn arguments_of_no_concern_are_passed_over_on_request_only() {
        refused(
            &json!({}),
            "MAC=;IP=10.0.0.1",
            Code::InvalidEnvironment,
            "\"IP\"",
        );
        assert!(parse(&json!({}), "IP=10.0.0.1;IgnoreUnknown=true").is_ok());
        assert!(parse(&json!({ "args": "text" }), "").is_ok());
    }

    fn refused(keys: &Value, args: &str, code: Code, text: &str) {
        let error = cni::Error::from(parse(keys, args).expect_err(&keys.to_string()));
        assert_eq!(error.code, code, "{keys}");
        assert!(error.msg.contains(text), "{} lacks {text}", error.msg);
    }

    fn parse(keys: &Value, args: &str) -> Result<Config, Error> {
        let mut network = json!({ "cniVersion": "1.1.0", "name": "lan", "type": "macvlan" });
        let object = network.as_object_mut().expect("an object");
        object.extend(keys.as_object().expect("an object").clone());
        let request = RequestConfig::parse(network.to_string().into_bytes(), Verb::Add);
        Config::parse(
            &request.expect("a network"),
            &Args::parse(args).expect("arguments"),
        )
    }
}
