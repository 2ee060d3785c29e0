//! The plugin's end of its connection to the daemon.

use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use cni::{Code, Error};
use netns::Netns;
use nix::errno::Errno;
use nix::sys::socket::sockopt::SendTimeout;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};
use serde_json::Value;

use super::socket_path;
use crate::DEFAULT_SOCKET;
use crate::protocol::{self, PROMPT, Reply, Request};

/// A connection to a daemon that runs as root.
pub(crate) struct DaemonConnection {
    stream: UnixStream,
}

impl DaemonConnection {
    /// Connects to the socket that the configuration names, or to the usual one.
    pub(crate) fn open(configured: Option<&str>) -> Result<Self, Unreachable> {
        let path = configured
            .filter(|path| !path.is_empty())
            .unwrap_or(DEFAULT_SOCKET);
        let socket = socket_path::admit(path).map_err(|error| match error {
            socket_path::Error::Missing { path } => Unreachable::NotRunning { path },
            socket_path::Error::Io { path, source } => Unreachable::Io { path, source },
            refused @ socket_path::Error::Refused { .. } => Unreachable::Refused(refused),
        })?;
        let stream = connect_within(&socket, PROMPT).map_err(|errno| {
            if matches!(errno, Errno::ECONNREFUSED | Errno::ENOENT) {
                Unreachable::NotRunning {
                    path: path.to_owned(),
                }
            } else {
                Unreachable::Io {
                    path: path.to_owned(),
                    source: errno.into(),
                }
            }
        })?;
        let peer = netns::fd::peer(&stream).map_err(|source| Unreachable::Io {
            path: path.to_owned(),
            source,
        })?;
        if peer.uid != 0 {
            let source = io::Error::other("its process does not run as root");
            return Err(Unreachable::Io {
                path: path.to_owned(),
                source,
            });
        }
        Ok(Self { stream })
    }

    /// Sends a request, with the pod's namespace where it needs one, and waits for the outcome.
    pub(crate) fn ask(
        &mut self,
        request: &Request,
        namespace: Option<&Netns>,
    ) -> Result<Option<Value>, Error> {
        let broken = |error: protocol::Error| {
            Error::new(
                Code::TryAgainLater,
                format!("the dhcp daemon did not answer: {error}"),
            )
            .with_details("see the daemon's log; restart it if it is not of this version")
        };
        let message = protocol::encode(request).map_err(broken)?;
        self.send(&message, namespace)
            .map_err(|error| broken(error.into()))?;
        let mut patience = PROMPT;
        loop {
            self.stream
                .set_read_timeout(Some(patience))
                .map_err(|error| broken(error.into()))?;
            match protocol::read::<Reply>(&mut self.stream).map_err(broken)? {
                Reply::Accepted { within_ms } => {
                    patience = Duration::from_millis(within_ms).saturating_add(PROMPT);
                }
                Reply::Done { result } => return Ok(result),
                Reply::Failed { code, msg, details } => {
                    return Err(Error {
                        code: Code::from(code),
                        msg,
                        details,
                    });
                }
            }
        }
    }
}

impl DaemonConnection {
    fn send(&mut self, message: &[u8], namespace: Option<&Netns>) -> io::Result<()> {
        let sent = match namespace {
            Some(namespace) => netns::fd::send_with_fd(&self.stream, message, namespace.as_fd())?,
            None => 0,
        };
        self.stream
            .write_all(message.get(sent..).unwrap_or_default())
    }
}

/// Connects; gives up if the daemon does not make room in its queue in time.
fn connect_within(path: &Path, time: Duration) -> nix::Result<UnixStream> {
    let fd = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    setsockopt(&fd, SendTimeout, &TimeVal::seconds(seconds))?;
    connect(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(fd))
}

/// Why the daemon cannot be asked.
#[derive(Debug)]
pub(crate) enum Unreachable {
    /// Nobody listens.
    NotRunning {
        /// The socket.
        path: String,
    },
    /// The configuration names a socket that is not allowed.
    Refused(socket_path::Error),
    /// The socket is there and cannot be used.
    Io {
        /// The socket.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl Unreachable {
    /// The error to show; `code` is that of a daemon that is not running.
    pub(crate) fn into_cni(self, code: Code) -> Error {
        match self {
            Self::NotRunning { path } => {
                let msg = format!("the dhcp daemon is not running: nobody listens on {path:?}");
                Error::new(code, msg).with_details(start_it())
            }
            Self::Refused(refused) => Error::new(
                Code::InvalidConfig,
                format!("ipam.daemonSocketPath: {refused}"),
            )
            .with_details("use a socket under /run that only root can have made"),
            Self::Io { path, source } => {
                let msg = format!("cannot connect to the dhcp daemon at {path:?}: {source}");
                Error::new(
                    if code == Code::NotAvailable {
                        code
                    } else {
                        Code::Io
                    },
                    msg,
                )
                .with_details("see the daemon's log")
            }
        }
    }
}

fn start_it() -> String {
    let program = std::env::current_exe().map_or_else(
        |_| "/opt/cni/bin/dhcp".to_owned(),
        |path| path.display().to_string(),
    );
    format!("start it: systemctl start cni-dhcp.socket, or run \"{program} daemon\"")
}

#[cfg(test)]
mod tests;
