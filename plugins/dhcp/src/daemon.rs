//! `dhcp daemon`: acquires, renews and gives back the leases of every pod on the node.
//!
//! One event loop in one thread does everything, and a second thread closes packet sockets. A bound
//! lease costs memory alone: no descriptor, and nothing that keeps its pod's namespace alive.

mod apply;
mod arrivals;
mod client_config;
mod closer;
mod connection;
mod event_loop;
mod exchange;
mod flags;
mod holder;
mod host_root;
mod leases;
mod link;
mod listener;
mod log;
mod node;
mod outcome;
mod pid_file;
mod probing;
mod record;
mod record_store;
mod result;
mod timer;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use event_loop::EventLoop;
use flags::Flags;
use host_root::HostRoot;
use listener::Listener;
use node::Node;
use pid_file::PidFile;
use record_store::RecordStore;

/// Runs the daemon until SIGTERM or SIGINT.
pub(crate) fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let flags = match Flags::parse_from_args(args) {
        Ok(flags) => flags,
        Err(error) => error.exit(),
    };
    log::start();
    match serve(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", log::with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

fn serve(flags: &Flags) -> Result<(), Error> {
    let root = HostRoot::new(flags.host_prefix.as_deref());
    let pid_file = flags.pid_file.as_deref().map(PidFile::write).transpose()?;
    let listener = Listener::acquire(ListenFd::from_env(), &root.path_of(&flags.socket_path))?;
    let records = RecordStore::open(&root.path_of(&flags.state_dir()))?;
    let adopted = records.load()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let served = runtime.block_on(async {
        let node = Node::new(root, records, flags)?;
        let mut event_loop = EventLoop::new(flags, node, &listener)?;
        event_loop.adopt(adopted);
        tracing::info!(
            socket = %flags.socket_path.display(),
            activated = listener.is_inherited(),
            "ready"
        );
        tell_systemd(NotifyState::Ready);
        event_loop.run().await
    });
    tell_systemd(NotifyState::Stopping);
    listener.close()?;
    drop(pid_file);
    Ok(served?)
}

fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("cannot notify systemd: {error}");
    }
}

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Listener(#[from] listener::Error),
    #[error(transparent)]
    PidFile(#[from] pid_file::Error),
    #[error(transparent)]
    RecordStore(#[from] record_store::Error),
    #[error("the event loop cannot run")]
    Io(#[from] io::Error),
}
