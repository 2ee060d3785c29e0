//! The short-lived side: each verb becomes one request to the daemon.

mod daemon_connection;
mod socket_path;
mod tombstone;

use std::path::{Path, absolute};

use cni::{AddResult, Attachment, Code, ContainerId, Error, IfName};
use cni_plugin::{Call, Plugin};
use ipnetwork::IpNetwork;
use netns::Netns;
use serde_json::Value;

use crate::config::Document;
use crate::identity::Pod;
use crate::lease_config::LeaseConfig;
use crate::protocol::{AddRequest, Foreign, Request};
use daemon_connection::{DaemonConnection, Unreachable};

/// The IPAM plugin `dhcp`.
pub(crate) struct Dhcp;

impl Plugin for Dhcp {
    fn name(&self) -> &'static str {
        "dhcp"
    }

    fn add(&self, call: &Call, attachment: &Attachment, netns: &Path) -> Result<AddResult, Error> {
        let document = call.config.decode::<Document>()?;
        let lease = document.resolve(attachment, &call.args)?;
        let (add, namespace) = add_request(call, attachment, lease, netns)?;
        let request = Request::Add(Box::new(add));
        let mut daemon = DaemonConnection::open(document.ipam.daemon_socket_path.as_deref())
            .map_err(|error| error.into_cni(Code::TryAgainLater))?;
        let result = daemon
            .ask(&request, Some(&namespace))?
            .unwrap_or(Value::Null);
        AddResult::from_json(&result)
    }

    fn del(&self, call: &Call, attachment: &Attachment, netns: Option<&Path>) -> Result<(), Error> {
        let socket = daemon_socket(call)?;
        let promised = call.config.prev_result.as_ref();
        let (foreign, namespace) = netns
            .zip(promised)
            .and_then(|(netns, promised)| foreign(call, attachment, promised, netns))
            .unzip();
        let request = Request::Del {
            attachment: attachment.clone(),
            foreign,
        };
        let mut unanswered = None;
        for _ in 0..DEL_ATTEMPTS {
            match DaemonConnection::open(socket.as_deref()) {
                Ok(mut daemon) => match daemon.ask(&request, namespace.as_ref()) {
                    Ok(_) => return Ok(()),
                    // It may have died over the request. Then another one is there, or soon none.
                    Err(error) if error.code == Code::TryAgainLater => unanswered = Some(error),
                    Err(error) => return Err(error),
                },
                Err(Unreachable::NotRunning { path }) => {
                    return leave_to_the_next_daemon(
                        &path,
                        socket.as_deref(),
                        attachment,
                        &request,
                    );
                }
                Err(error @ (Unreachable::Refused(_) | Unreachable::Io { .. })) => {
                    return Err(error.into_cni(Code::Io));
                }
            }
        }
        unanswered.map_or(Ok(()), Err)
    }

    fn check(&self, call: &Call, attachment: &Attachment, netns: &Path) -> Result<(), Error> {
        let promised = call.config.required_prev_result()?;
        let (foreign, namespace) = foreign(call, attachment, promised, netns).unzip();
        let request = Request::Check {
            attachment: attachment.clone(),
            addresses: addresses(promised),
            foreign,
        };
        ask(call, &request, namespace.as_ref(), Code::TryAgainLater)
    }

    fn status(&self, call: &Call) -> Result<(), Error> {
        ask(call, &Request::Status, None, Code::NotAvailable)
    }

    fn gc(&self, call: &Call, valid: &[(ContainerId, IfName)]) -> Result<(), Error> {
        let request = Request::Gc {
            network: call.config.name.clone(),
            valid: valid.to_vec(),
        };
        ask(call, &request, None, Code::TryAgainLater)
    }
}

/// The request for a lease, and the namespace that goes with it.
fn add_request(
    call: &Call,
    attachment: &Attachment,
    lease: LeaseConfig,
    netns: &Path,
) -> Result<(AddRequest, Netns), Error> {
    let cannot_open = |why: &dyn std::fmt::Display| {
        Error::new(
            Code::InvalidEnvironment,
            format!("cannot open CNI_NETNS \"{}\": {why}", netns.display()),
        )
    };
    // The daemon finds the namespace again by its path, from another working directory.
    let path = absolute(netns).map_err(|error| cannot_open(&error))?;
    let Some(netns_path) = path.to_str() else {
        return Err(cannot_open(&"the path is not UTF-8"));
    };
    let namespace = Netns::open(&path).map_err(|error| cannot_open(&error))?;
    let add = AddRequest {
        attachment: attachment.clone(),
        netns_path: netns_path.to_owned(),
        pod: Pod::from_args(&call.args).map(|pod| pod.to_string()),
        lease,
    };
    Ok((add, namespace))
}

/// What a daemon needs that knows nothing of the attachment, where it is all there.
fn foreign(
    call: &Call,
    attachment: &Attachment,
    promised: &AddResult,
    netns: &Path,
) -> Option<(Box<Foreign>, Netns)> {
    let document = call.config.decode::<Document>().ok()?;
    let lease = document.resolve(attachment, &call.args).ok()?;
    let (add, namespace) = add_request(call, attachment, lease, netns).ok()?;
    let addresses = addresses(promised);
    Some((Box::new(Foreign { add, addresses }), namespace))
}

fn addresses(result: &AddResult) -> Vec<IpNetwork> {
    result.ips.iter().map(|ip| ip.address).collect()
}

/// Has the lease released though no daemon is there now.
fn leave_to_the_next_daemon(
    path: &str,
    socket: Option<&str>,
    attachment: &Attachment,
    request: &Request,
) -> Result<(), Error> {
    let left = tombstone::leave(path, attachment);
    // One that started meanwhile may have read the record before it was marked.
    if let Ok(mut daemon) = DaemonConnection::open(socket) {
        return daemon.ask(request, None).map(drop);
    }
    match left {
        Ok(true) => eprintln!(
            "dhcp: no daemon at {path:?}: the next one will release the lease of {attachment}"
        ),
        Ok(false) => {}
        Err(error) => eprintln!(
            "dhcp: no daemon at {path:?}, and the next one will not know that it has to release \
             the lease of {attachment}: {error}"
        ),
    }
    Ok(())
}

fn ask(
    call: &Call,
    request: &Request,
    namespace: Option<&Netns>,
    unreachable: Code,
) -> Result<(), Error> {
    let socket = daemon_socket(call)?;
    let mut daemon =
        DaemonConnection::open(socket.as_deref()).map_err(|error| error.into_cni(unreachable))?;
    daemon.ask(request, namespace).map(drop)
}

fn daemon_socket(call: &Call) -> Result<Option<String>, Error> {
    Ok(call.config.decode::<Document>()?.ipam.daemon_socket_path)
}

/// The socket of a dying daemon takes one more connection before it is gone.
const DEL_ATTEMPTS: usize = 3;
