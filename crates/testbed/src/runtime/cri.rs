//! The container runtime interface (`runtime.v1` of `k8s.io/cri-api`), as kubelet speaks it: gRPC on a Unix socket.
//!
//! curl brings HTTP/2; a call is one message with its length before it, and its outcome is in the trailers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::protobuf::{Reader, Writer};
use crate::node::Node;
use crate::space::Space;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CriError {
    /// The gRPC status code.
    pub status: u32,
    /// What the runtime says, which kubelet puts into the pod's events.
    pub message: String,
}

impl std::fmt::Display for CriError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "gRPC status {}: {}", self.status, self.message)
    }
}

impl std::error::Error for CriError {}

/// A runtime's socket on a node.
#[derive(Clone, Debug)]
pub(super) struct Cri {
    node: Node,
    socket: PathBuf,
}

impl Cri {
    pub(super) fn new(node: &Node, socket: &Path) -> Self {
        Self {
            node: node.clone(),
            socket: socket.to_owned(),
        }
    }

    /// Runs a pod; one without a network of its own needs no plugin.
    pub(super) fn run_pod(&self, name: &str, own_network: bool) -> Result<PodSandbox, CriError> {
        let uid = format!("uid-of-{name}");
        let metadata = Writer::default().bytes(1, name).bytes(2, uid);
        let metadata = metadata.bytes(3, "default");
        let config = Writer::default().bytes(1, metadata);
        let config = if own_network {
            config.bytes(2, name).bytes(8, "")
        } else {
            let namespaces = Writer::default().number(1, NAMESPACE_OF_THE_NODE);
            let security = Writer::default().bytes(1, namespaces);
            config.bytes(8, Writer::default().bytes(2, security))
        };
        let answer = self.runtime("RunPodSandbox", &Writer::default().bytes(1, config))?;
        Ok(PodSandbox {
            cri: self.clone(),
            id: answer.text(1),
        })
    }

    /// Returns the identities of all pods, in whatever state they are.
    pub(super) fn pods(&self) -> Result<Vec<String>, CriError> {
        let answer = self.runtime("ListPodSandbox", &Writer::default())?;
        let pods = answer.messages(1);
        Ok(pods.iter().map(|pod| pod.text(1)).collect())
    }

    /// Returns what keeps the runtime from having this condition: `RuntimeReady` or `NetworkReady`.
    pub(super) fn missing(&self, condition: &str) -> Result<Option<String>, CriError> {
        let answer = self.runtime("Status", &Writer::default())?;
        let conditions = answer.message(1).messages(1);
        let found = conditions.iter().find(|found| found.text(1) == condition);
        Ok(match found {
            None => Some(format!("no {condition} in the status")),
            Some(found) if found.number(2) == 1 => None,
            Some(found) => Some(format!("{}: {}", found.text(3), found.text(4))),
        })
    }

    /// Returns the version of the runtime.
    pub(super) fn version(&self) -> Result<String, CriError> {
        let answer = self.runtime("Version", &Writer::default())?;
        Ok(answer.text(3))
    }

    /// Says whether the runtime has an image.
    pub(super) fn has_image(&self, reference: &str) -> Result<bool, CriError> {
        let image = Writer::default().bytes(1, reference);
        let request = Writer::default().bytes(1, image);
        let answer = self.call("runtime.v1.ImageService/ImageStatus", &request)?;
        Ok(!answer.all(1).is_empty())
    }

    fn runtime(&self, method: &str, request: &Writer) -> Result<Reader, CriError> {
        self.call(&format!("runtime.v1.RuntimeService/{method}"), request)
    }

    fn call(&self, method: &str, request: &Writer) -> Result<Reader, CriError> {
        let message = request.as_ref();
        let length = u32::try_from(message.len()).expect("a short message");
        let mut body = vec![0];
        body.extend(length.to_be_bytes());
        body.extend(message);
        let mut command = Command::new("curl");
        command
            .args(["--disable", "--noproxy", "*", "--silent", "--show-error"])
            .arg("--http2-prior-knowledge")
            .args(["--max-time", "90", "--dump-header", "/dev/stderr"])
            .args(["--header", "Content-Type: application/grpc"])
            .args(["--header", "TE: trailers", "--data-binary", "@-"])
            .arg("--unix-socket")
            .arg(&self.socket)
            .arg(format!("http://localhost/{method}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self
            .node
            .enter(|| command.spawn())
            .expect("start curl: run `make packages`");
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        stdin.write_all(&body).expect("write a request to curl");
        drop(stdin);
        let output = child.wait_with_output().expect("reap curl");
        outcome(&String::from_utf8_lossy(&output.stderr))?;
        let message = output.stdout.get(5..).expect("an answer has a length");
        Ok(Reader::parse(message).expect("an answer is a message"))
    }
}

/// Reads the outcome of a call from its headers and trailers.
fn outcome(headers: &str) -> Result<(), CriError> {
    let value = |name: &str| {
        let found = headers.lines().rev().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        found.unwrap_or_default()
    };
    match value("grpc-status").parse() {
        Ok(0) => Ok(()),
        Ok(status) => Err(CriError {
            status,
            message: unescape(value("grpc-message")),
        }),
        Err(_) => Err(CriError {
            status: UNKNOWN,
            message: format!("no outcome of the call: {headers}"),
        }),
    }
}

/// Undoes the percent-encoding that gRPC uses for everything but printable ASCII.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| str::from_utf8(code).ok());
        let (byte, after) = match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => (byte, &after[2..]),
            None => (*first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A pod that a runtime has made.
#[derive(Clone, Debug)]
pub struct PodSandbox {
    cri: Cri,
    id: String,
}

/// What a runtime says about a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxStatus {
    /// Whether the pod runs.
    pub ready: bool,
    /// The pod's addresses, the first of which is *the* pod IP.
    pub addresses: Vec<String>,
}

impl PodSandbox {
    /// Returns the pod's identity, which is the container ID that plugins get.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns what the runtime says about the pod.
    #[track_caller]
    #[must_use]
    pub fn status(&self) -> SandboxStatus {
        let status = self.answer(&self.request()).message(1);
        let network = status.message(5);
        let mut addresses = vec![network.text(1)];
        addresses.extend(network.messages(2).iter().map(|address| address.text(1)));
        addresses.retain(|address| !address.is_empty());
        SandboxStatus {
            ready: status.number(3) == 0,
            addresses,
        }
    }

    /// Returns the path of the pod's network namespace on the node.
    #[track_caller]
    #[must_use]
    pub fn netns(&self) -> PathBuf {
        let answer = self.answer(&self.request().bool(2, true));
        let info = answer.messages(2);
        let info = info.iter().find(|entry| entry.text(1) == "info");
        let info = info.expect("a verbose status").text(2);
        let info: Value = serde_json::from_str(&info).expect("a verbose status is JSON");
        let namespaces = info["runtimeSpec"]["linux"]["namespaces"].as_array();
        let mut namespaces = namespaces.expect("a container has namespaces").iter();
        let network = namespaces.find(|namespace| namespace["type"] == "network");
        let path = network.and_then(|network| network["path"].as_str());
        path.expect("a network namespace's path").into()
    }

    /// Runs `work` on this thread in the pod's network namespace, with the node's files.
    #[track_caller]
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let path = self.netns();
        self.cri.node.enter(|| Space::open_net(&path).enter(work))
    }

    /// Stops the pod, as often as it takes: the pod's network is taken down.
    pub fn stop(&self) -> Result<(), CriError> {
        let stopped = self.cri.runtime("StopPodSandbox", &self.request());
        stopped.map(drop)
    }

    /// Removes the pod; it is stopped if it was not.
    pub fn remove(&self) -> Result<(), CriError> {
        let removed = self.cri.runtime("RemovePodSandbox", &self.request());
        removed.map(drop)
    }

    fn request(&self) -> Writer {
        Writer::default().bytes(1, &self.id)
    }

    #[track_caller]
    fn answer(&self, request: &Writer) -> Reader {
        let answer = self.cri.runtime("PodSandboxStatus", request);
        answer.unwrap_or_else(|error| panic!("the status of pod {}: {error}", self.id))
    }
}

/// gRPC's status for errors that say nothing of themselves.
const UNKNOWN: u32 = 2;

/// `NamespaceMode.NODE`.
const NAMESPACE_OF_THE_NODE: u64 = 2;
