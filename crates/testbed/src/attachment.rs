//! One container on one network, through its life, as libcni leads it.

use serde_json::{Value, json};

use crate::invocation::{Invocation, Outcome};
use crate::node::Node;
use crate::pod::Pod;

/// A pod's interface on a network: the plugin configuration and the identity that every verb repeats.
///
/// The result of a successful ADD is kept, and passed to CHECK and DEL as `prevResult` where the version has it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Attachment {
    node: Node,
    config: Value,
    container_id: String,
    ifname: String,
    netns: String,
    args: Option<String>,
    prev_result: Option<Value>,
}

impl Attachment {
    /// Starts from a pod and the configuration of one plugin, whose executable `type` names.
    pub fn new(pod: &Pod, config: Value) -> Self {
        Self {
            node: pod.node().clone(),
            config,
            container_id: format!("{}-0123456789abcdef", pod.name()),
            ifname: "net1".to_owned(),
            netns: pod.path().display().to_string(),
            args: None,
            prev_result: None,
        }
    }

    /// Sets the container ID; by default it is made from the pod's name.
    pub fn container_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.container_id);
        self
    }

    /// Sets the interface name; `net1` by default.
    pub fn ifname(mut self, ifname: &str) -> Self {
        ifname.clone_into(&mut self.ifname);
        self
    }

    /// Sets `CNI_NETNS`; the pod's path by default.
    pub fn netns(mut self, path: &str) -> Self {
        path.clone_into(&mut self.netns);
        self
    }

    /// Sets `CNI_ARGS`.
    pub fn args(mut self, args: &str) -> Self {
        self.args = Some(args.to_owned());
        self
    }

    /// Replaces the configuration and keeps the rest.
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// Replaces the result that CHECK and DEL pass on.
    pub fn prev_result(mut self, result: Option<Value>) -> Self {
        self.prev_result = result;
        self
    }

    /// Returns the container ID.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.container_id
    }

    /// Returns the result that CHECK and DEL pass on.
    #[must_use]
    pub fn result(&self) -> Option<&Value> {
        self.prev_result.as_ref()
    }

    /// Runs ADD, asserts that it succeeds, and returns its result.
    #[track_caller]
    pub fn add(&mut self) -> Value {
        let result = self.try_add().ok();
        self.prev_result = Some(result.clone());
        result
    }

    /// Runs ADD.
    #[track_caller]
    #[must_use]
    pub fn try_add(&self) -> Outcome {
        self.invocation("ADD").run()
    }

    /// Runs DEL and asserts that it succeeds.
    #[track_caller]
    pub fn del(&self) {
        self.try_del().ok();
    }

    /// Runs DEL.
    #[track_caller]
    #[must_use]
    pub fn try_del(&self) -> Outcome {
        self.invocation("DEL").run()
    }

    /// Runs CHECK and asserts that it succeeds.
    #[track_caller]
    pub fn check(&self) {
        self.try_check().ok();
    }

    /// Runs CHECK.
    #[track_caller]
    #[must_use]
    pub fn try_check(&self) -> Outcome {
        self.invocation("CHECK").run()
    }

    /// Runs STATUS, which is about the network and knows no attachment.
    #[track_caller]
    #[must_use]
    pub fn try_status(&self) -> Outcome {
        self.network_invocation("STATUS").config(&self.config).run()
    }

    /// Runs GC with the attachments that are still valid, as pairs of container ID and interface name.
    #[track_caller]
    #[must_use]
    pub fn try_gc(&self, valid: &[(&str, &str)]) -> Outcome {
        let list: Value = valid
            .iter()
            .map(|(id, ifname)| json!({"containerID": id, "ifname": ifname}))
            .collect::<Vec<_>>()
            .into();
        let mut config = self.config.clone();
        config["cni.dev/valid-attachments"] = list.clone();
        config["cni.dev/attachments"] = list;
        self.network_invocation("GC").config(&config).run()
    }

    /// Returns the call of `verb` for this attachment, for tests that change something about it.
    pub fn invocation(&self, verb: &str) -> Invocation {
        let mut config = self.config.clone();
        let has_prev_result = verb == "CHECK" || verb == "DEL" && self.version() >= [0, 4, 0];
        if let Some(result) = self.prev_result.as_ref().filter(|_| has_prev_result) {
            config["prevResult"] = result.clone();
        }
        let invocation = self
            .network_invocation(verb)
            .config(&config)
            .container_id(&self.container_id)
            .ifname(&self.ifname)
            .env("CNI_NETNS", &self.netns);
        match &self.args {
            Some(args) => invocation.args(args),
            None => invocation,
        }
    }

    fn network_invocation(&self, verb: &str) -> Invocation {
        let plugin = self.config["type"]
            .as_str()
            .expect("a configuration names its plugin in \"type\"");
        Invocation::new(&self.node, plugin, verb)
    }

    fn version(&self) -> [u32; 3] {
        let mut numbers = [0; 3];
        let text = self.config["cniVersion"].as_str().unwrap_or("0.1.0");
        for (number, part) in numbers.iter_mut().zip(text.split('.')) {
            *number = part.parse().unwrap_or(0);
        }
        numbers
    }
}
