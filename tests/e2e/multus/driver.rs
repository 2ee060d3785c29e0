//! Multus 4.2 and the libcni in it, in what they pass to a delegate and what they make of its answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use testbed::{Invocation, Outcome, Pod, observe};

use super::definition::Definition;
use super::status::network_status;

/// An entry of a pod's annotation `k8s.v1.cni.cncf.io/networks`.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    definition: Definition,
    ips: Vec<String>,
    mac: Option<String>,
    interface: Option<String>,
    cni_args: Value,
}

impl Selection {
    pub(crate) fn of(definition: Definition) -> Self {
        Self {
            definition,
            ips: Vec::new(),
            mac: None,
            interface: None,
            cni_args: Value::Null,
        }
    }

    pub(crate) fn ips(mut self, ips: &[&str]) -> Self {
        self.ips = ips.iter().map(ToString::to_string).collect();
        self
    }

    pub(crate) fn mac(mut self, mac: &str) -> Self {
        self.mac = Some(mac.to_owned());
        self
    }

    pub(crate) fn interface(mut self, name: &str) -> Self {
        self.interface = Some(name.to_owned());
        self
    }

    pub(crate) fn cni_args(mut self, args: Value) -> Self {
        self.cni_args = args;
        self
    }
}

/// What is left of the cache when a pod is deleted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cache {
    /// The delegates and their results.
    Whole,
    /// The delegates: no `prevResult`.
    WithoutResults,
    /// Neither, and the delegates written again from what Multus itself knows of a plugin's configuration, as it does
    /// with a list that has no `cniVersion`.
    CutDown,
}

/// Multus on a pod whose `eth0` another plugin has made.
#[derive(Debug)]
pub(crate) struct Multus<'a> {
    pod: &'a Pod,
    container_id: String,
    /// Namespace, name and UID; all empty where a runtime has no pod.
    kubernetes: [String; 3],
    delegates: Vec<Selection>,
    /// libcni's, by network, container and interface.
    results: BTreeMap<String, Value>,
}

impl<'a> Multus<'a> {
    pub(crate) fn of(pod: &'a Pod) -> Self {
        let name = pod.name();
        Self {
            pod,
            container_id: format!("{name}-0123456789abcdef"),
            kubernetes: ["shop", name, "5c1ba1c3-6d02-4a6b-9a4c-0242ac120002"].map(str::to_owned),
            delegates: Vec::new(),
            results: BTreeMap::new(),
        }
    }

    /// Has a runtime that tells nothing of a pod.
    pub(crate) fn without_kubernetes(mut self) -> Self {
        self.kubernetes = Default::default();
        self
    }

    /// ADD of every selected network in turn: the status of each, or the one error that the pod's events show.
    pub(crate) fn add(&mut self, selections: Vec<Selection>) -> Result<Vec<Value>, String> {
        self.delegates = selections;
        let mut statuses = Vec::new();
        for number in 1..=self.delegates.len() {
            match self.delegate_add(number) {
                Ok(status) => statuses.push(status),
                Err(error) => {
                    // What of these fails is not reported.
                    let _ = self.delete_from(number, Cache::Whole);
                    let [namespace, pod, uid] = &self.kubernetes;
                    let network = text(&self.delegates[number - 1].definition.config(), "name");
                    return Err(format!(
                        "[{namespace}/{pod}/{uid}:{network}]: error adding container to network {network:?}: {error}"
                    ));
                }
            }
        }
        Ok(statuses)
    }

    /// CHECK of every network whose version has it.
    pub(crate) fn check(&self) -> Vec<Outcome> {
        (1..=self.delegates.len())
            .filter(|number| self.version(*number) >= [0, 4, 0])
            .map(|number| {
                let mut config = self.delegate_config(number);
                config["prevResult"] = self.results[&self.cache_key(number)].clone();
                self.invocation("CHECK", number, &config, &self.cni_args())
                    .run()
            })
            .collect()
    }

    /// DEL of every network in reverse; what failed, if anything did.
    pub(crate) fn del(&mut self, cache: Cache) -> Result<(), String> {
        self.delete_from(self.delegates.len(), cache)
    }

    fn delegate_add(&mut self, number: usize) -> Result<Value, String> {
        let selection = &self.delegates[number - 1];
        let ifname = self.ifname(number);
        if self.pod.enter(|| observe::link(&ifname)).is_some() {
            return Err(format!("interface name {ifname} already exists"));
        }
        let mut args = self.cni_args();
        if let Some(mac) = &selection.mac {
            args = format!("{args};MAC={mac}");
        }
        if !selection.ips.is_empty() {
            args = format!("{args};IP={}", selection.ips.join(","));
        }
        let config = self.delegate_config(number);
        let outcome = self.invocation("ADD", number, &config, &args).run();
        let result = returned(&outcome, "add", &config)?;
        let status = network_status(&result, &format!("shop/{}", selection.definition.name));
        self.results
            .insert(self.cache_key(number), serialised_again(result));
        Ok(status)
    }

    fn delete_from(&mut self, last: usize, cache: Cache) -> Result<(), String> {
        let mut errors = Vec::new();
        for number in (1..=last).rev() {
            let mut config = self.delegate_config(number);
            let result = self.results.remove(&self.cache_key(number));
            match (cache, result) {
                (Cache::Whole, Some(result)) if self.version(number) >= [0, 4, 0] => {
                    config["prevResult"] = result;
                }
                (Cache::Whole | Cache::WithoutResults, _) => {}
                (Cache::CutDown, _) => config = cut_down(&config),
            }
            let outcome = self
                .invocation("DEL", number, &config, &self.cni_args())
                .run();
            if let Err(error) = returned(&outcome, "delete", &config) {
                errors.push(error);
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors.join(" / "))
        }
    }

    /// What libcni makes of the delegate: version and name are always there, and of the capabilities' arguments those
    /// that the plugin has the capability for.
    fn delegate_config(&self, number: usize) -> Value {
        let selection = &self.delegates[number - 1];
        let mut config = selection.definition.config();
        if let Some(args) = selection.cni_args.as_object() {
            for (key, value) in args {
                config["args"]["cni"][key] = value.clone();
            }
        }
        config["cniVersion"] = json!(text(&config, "cniVersion"));
        let mut runtime_config = Map::new();
        if !selection.ips.is_empty() && config["capabilities"]["ips"] == true {
            runtime_config.insert("ips".to_owned(), json!(selection.ips));
        }
        if selection.mac.is_some() && config["capabilities"]["mac"] == true {
            runtime_config.insert("mac".to_owned(), json!(selection.mac));
        }
        if !runtime_config.is_empty() {
            config["runtimeConfig"] = runtime_config.into();
        }
        config
    }

    fn invocation(&self, verb: &str, number: usize, config: &Value, args: &str) -> Invocation {
        // The keys of an object are sorted, as in everything that libcni passes on.
        Invocation::new(self.pod.node(), &text(config, "type"), verb)
            .config(config)
            .container_id(&self.container_id)
            .netns(self.pod.path())
            .ifname(&self.ifname(number))
            .args(args)
    }

    fn cni_args(&self) -> String {
        let [namespace, name, uid] = &self.kubernetes;
        let id = if name.is_empty() {
            ""
        } else {
            &self.container_id
        };
        format!(
            "IgnoreUnknown=true;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={name};K8S_POD_INFRA_CONTAINER_ID={id};K8S_POD_UID={uid}"
        )
    }

    /// The pod's default network is number 0.
    fn ifname(&self, number: usize) -> String {
        let requested = self.delegates[number - 1].interface.clone();
        requested.unwrap_or_else(|| format!("net{number}"))
    }

    fn cache_key(&self, number: usize) -> String {
        let network = text(&self.delegates[number - 1].definition.config(), "name");
        format!("{network}-{}-{}", self.container_id, self.ifname(number))
    }

    fn version(&self, number: usize) -> [u32; 3] {
        let text = text(
            &self.delegates[number - 1].definition.config(),
            "cniVersion",
        );
        let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
        std::array::from_fn(|_| parts.next().unwrap_or(0))
    }
}

/// The result, or the error's text: libcni drops the code, and puts the details behind the message.
fn returned(outcome: &Outcome, verb: &str, config: &Value) -> Result<Value, String> {
    if outcome.succeeded() {
        return Ok(outcome.ok());
    }
    let error = outcome.error();
    let details = match error.details.as_str() {
        "" => String::new(),
        details => format!("; {details}"),
    };
    let (plugin, network) = (text(config, "type"), text(config, "name"));
    Err(format!(
        "plugin type={plugin:?} name={network:?} failed ({verb}): {}{details}",
        error.msg
    ))
}

/// A result after libcni has read and written it: `dns` is there even when it is empty.
fn serialised_again(mut result: Value) -> Value {
    if result["dns"].is_null() {
        result["dns"] = json!({});
    }
    result
}

/// What Go's `types.NetConf` has of a configuration.
fn cut_down(config: &Value) -> Value {
    let mut kept = json!({"ipam": {"type": config["ipam"]["type"]}, "dns": {}});
    for key in ["cniVersion", "name", "type", "capabilities", "dns"] {
        if !config[key].is_null() {
            kept[key] = config[key].clone();
        }
    }
    kept
}

fn text(config: &Value, key: &str) -> String {
    config[key].as_str().unwrap_or_default().to_owned()
}
