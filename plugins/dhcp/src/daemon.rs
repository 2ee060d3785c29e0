//! `dhcp daemon`: acquires, renews and gives back the leases of every pod on the node.
//!
//! One event loop in one thread does everything, and a few threads close packet sockets. A bound
//! lease costs memory alone: no descriptor, and nothing that keeps its pod's namespace alive.

mod apply;
mod arrivals;
mod asked;
mod claims;
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
mod mtu;
mod node;
mod outcome;
mod pace;
mod pid_file;
mod probing;
mod record;
mod record_store;
mod result;
mod timer;
mod uplinks;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use listenfd::ListenFd;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sd_notify::NotifyState;

use event_loop::{EventLoop, Signals};
use flags::Flags;
use host_root::HostRoot;
use listener::Claim;
use node::Node;
use pid_file::PidFile;
use record_store::RecordStore;
use uplinks::Uplinks;

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
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    runtime.block_on(async {
        // Before anybody can know that there is a daemon to be stopped.
        let signals = Signals::catch()?;
        let root = HostRoot::new(flags.host_prefix.as_deref());
        let socket = root.path_of(&flags.socket_path);
        let claim = Claim::stake(ListenFd::from_env(), &socket)?;
        let pid_file = flags.pid_file.as_deref().map(PidFile::write).transpose()?;
        let records = RecordStore::open(&root.path_of(&flags.state_dir()))?;
        let adopted = records.load()?;
        let node = Node::new(root, records, flags)?;
        let listener = claim.listen()?;
        let uplinks = Uplinks::watch()?;
        let mut event_loop = EventLoop::new(flags, node, uplinks, &listener, signals)?;
        event_loop.adopt(adopted);
        let activated = listener.is_inherited();
        tracing::info!(socket = %socket.display(), activated, "ready");
        tell_systemd(NotifyState::Ready);
        let served = event_loop.run().await;
        tell_systemd(NotifyState::Stopping);
        listener.close()?;
        drop(pid_file);
        Ok(served?)
    })
}

/// Each ADD under way needs a few descriptors; what the administrator allows at most is meant for that.
fn raise_descriptor_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(errno) = raised {
        tracing::warn!("cannot raise the limit of open files: {errno}");
    }
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
    #[error(transparent)]
    Uplinks(#[from] uplinks::Error),
    #[error("the event loop cannot run")]
    Io(#[from] io::Error),
}
