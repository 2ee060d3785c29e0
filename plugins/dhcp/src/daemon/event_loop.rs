//! The loop: connections, packets and the time, one after the other.

use std::io::{self, ErrorKind};
use std::time::Duration;

use dhcp_client::Instant;
use tokio::net::{UnixListener, UnixStream};
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::{self, Message};
use super::flags::Flags;
use super::leases::Leases;
use super::listener::Listener;
use super::node::{Node, now};
use super::record_store::Records;
use super::timer::Timer;
use super::uplinks::Uplinks;

/// Everything the daemon waits for, and the leases it does it for.
pub(crate) struct EventLoop {
    leases: Leases,
    timer: Timer,
    uplinks: Uplinks,
    listener: UnixListener,
    connections: JoinSet<io::Result<()>>,
    messages: mpsc::Receiver<Message>,
    to_loop: mpsc::Sender<Message>,
    accepted: u64,
    /// How long an ADD may take that does not say itself.
    patience: Duration,
    /// Set while the kernel has no more descriptors for callers.
    accept_again: Option<Instant>,
    signals: Signals,
}

impl EventLoop {
    /// Prepares the loop. Has to be called inside the runtime.
    pub(crate) fn new(
        flags: &Flags,
        node: Node,
        uplinks: Uplinks,
        listener: &Listener,
        signals: Signals,
    ) -> io::Result<Self> {
        let (to_loop, messages) = mpsc::channel(QUEUED_MESSAGES);
        Ok(Self {
            leases: Leases::new(node),
            timer: Timer::new()?,
            uplinks,
            listener: UnixListener::from_std(listener.socket().try_clone()?)?,
            connections: JoinSet::new(),
            messages,
            to_loop,
            accepted: 0,
            patience: flags.resend_timeout,
            accept_again: None,
            signals,
        })
    }

    /// Goes on with the leases of an earlier daemon.
    pub(crate) fn adopt(&mut self, records: Records) {
        self.leases.adopt(records, now());
    }

    /// Runs until a signal says to stop. Bound leases stay as they are.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        loop {
            self.timer.set(
                self.leases
                    .deadline()
                    .into_iter()
                    .chain(self.accept_again)
                    .min(),
            )?;
            let room = self.connections.len() < MOST_CONNECTIONS && self.accept_again.is_none();
            select! {
                _ = self.signals.terminate.recv() => break,
                _ = self.signals.interrupt.recv() => break,
                expired = self.timer.expired() => {
                    expired?;
                    self.accept_again = self.accept_again.filter(|again| *again > now());
                    self.leases.on_time(now());
                }
                ready = self.leases.node().arrivals.ready() => {
                    for number in ready? {
                        self.leases.on_packets(number, now());
                    }
                }
                changes = self.uplinks.changes() => {
                    for change in changes.map_err(io::Error::other)? {
                        self.leases.on_uplink(change, now());
                    }
                }
                Some(message) = self.messages.recv() => self.leases.on_message(message, now()),
                accepted = self.listener.accept(), if room => {
                    self.accepted(accepted.map(|(stream, _)| stream));
                }
                Some(ended) = self.connections.join_next() => log_connection(ended),
            }
        }
        tracing::info!(
            leases = self.leases.len(),
            "stopping; leases stay as they are"
        );
        self.leases.stop(now());
        // Each caller that waited has its answer by now; it only has to get out.
        let flush = async { while self.connections.join_next().await.is_some() {} };
        if timeout(FLUSH, flush).await.is_err() {
            tracing::warn!("some callers did not take their answers");
        }
        Ok(())
    }

    fn accepted(&mut self, accepted: io::Result<UnixStream>) {
        match accepted {
            Ok(stream) => {
                self.accepted += 1;
                let (number, to_loop) = (self.accepted, self.to_loop.clone());
                self.connections
                    .spawn(connection::serve(stream, number, to_loop, self.patience));
            }
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::error!("cannot accept connections for a while: {error}");
                self.accept_again = Some(now() + ACCEPT_PAUSE);
            }
        }
    }
}

/// The signals that end the daemon, caught instead of obeyed.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them from now on. Has to be called inside the runtime.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

fn log_connection(ended: Result<io::Result<()>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("a connection broke: {error}"),
        Err(error) => tracing::error!("a connection's task failed: {error}"),
    }
}

/// More callers wait in the socket's queue. Each ADD under way has a connection.
const MOST_CONNECTIONS: usize = 1024;

const QUEUED_MESSAGES: usize = 64;

const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// How long callers get to take their last answer when the daemon stops.
const FLUSH: Duration = Duration::from_secs(1);
