//! A DHCP server that answers as a test tells it to, for what real servers cannot be made to do.

use std::io::{self, PipeWriter};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket, sockopt,
};

use super::message::{Message, MessageType};
use crate::deadline::Deadline;
use crate::lan::Lan;
use crate::wiring;

/// What the server sends for a message it has received.
#[derive(Clone, Debug)]
#[must_use]
pub struct Reply {
    bytes: Vec<u8>,
    unicast: Option<(Ipv4Addr, [u8; 6])>,
    delay: Duration,
    source: Option<Ipv4Addr>,
}

impl Reply {
    /// Broadcasts a message.
    pub fn broadcast(message: &Message) -> Self {
        Self::raw(message.bytes())
    }

    /// Sends a message to `ciaddr`, or else `yiaddr`, at the client's hardware address.
    pub fn unicast(message: &Message) -> Self {
        let address = if message.ciaddr.is_unspecified() {
            message.yiaddr
        } else {
            message.ciaddr
        };
        Self {
            unicast: Some((address, message.mac())),
            ..Self::broadcast(message)
        }
    }

    /// Broadcasts any bytes as the payload.
    pub fn raw(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            unicast: None,
            delay: Duration::ZERO,
            source: None,
        }
    }

    /// Sends it so much later.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sends it from another of the router's addresses.
    pub fn from(mut self, source: Ipv4Addr) -> Self {
        self.source = Some(source);
        self
    }
}

/// A server thread that runs a script for each message, and keeps every message.
#[derive(Debug)]
pub struct ScriptedServer {
    received: Arc<(Mutex<Vec<Message>>, Condvar)>,
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl ScriptedServer {
    /// Starts a server on the LAN that sends what `script` returns for each message.
    #[must_use]
    pub fn start(lan: &Lan, script: impl FnMut(&Message) -> Vec<Reply> + Send + 'static) -> Self {
        let (wake, stop) = io::pipe().expect("make a pipe");
        let received = Arc::new((Mutex::default(), Condvar::new()));
        let shared = Arc::clone(&received);
        let bridge = lan.bridge();
        let socket = lan.enter(|| server_socket(bridge, Ipv4Addr::UNSPECIFIED));
        let space = lan.space();
        let mut service = Service {
            socket,
            bridge,
            script: Box::new(script),
            received: shared,
            pending: Vec::new(),
        };
        let thread = thread::spawn(move || space.enter(|| service.run(&wake)));
        Self {
            received,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Returns the messages received so far.
    #[must_use]
    pub fn received(&self) -> Vec<Message> {
        self.received.0.lock().expect("the server is alive").clone()
    }

    /// Waits for the `nth` message (from 1) of a type, and returns it.
    #[track_caller]
    #[must_use]
    pub fn wait_for(&self, kind: MessageType, nth: usize, deadline: Deadline) -> Message {
        self.wait_until(|message| message.kind() == Some(kind), nth, deadline)
    }

    /// Waits for the `nth` message (from 1) that `wanted` accepts, and returns it.
    #[track_caller]
    #[must_use]
    pub fn wait_until(
        &self,
        wanted: impl Fn(&Message) -> bool,
        nth: usize,
        deadline: Deadline,
    ) -> Message {
        let mut received = self.received.0.lock().expect("the server is alive");
        loop {
            if let Some(message) = received
                .iter()
                .filter(|message| wanted(message))
                .nth(nth - 1)
            {
                return message.clone();
            }
            let kinds: Vec<_> = received.iter().map(Message::kind).collect();
            assert!(
                !deadline.passed(),
                "the expected message did not come in time; received: {kinds:?}"
            );
            received = self
                .received
                .1
                .wait_timeout(received, deadline.remaining())
                .expect("the server is alive")
                .0;
        }
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(cause)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            std::panic::resume_unwind(cause);
        }
    }
}

type Script = Box<dyn FnMut(&Message) -> Vec<Reply> + Send>;

struct Service {
    socket: UdpSocket,
    bridge: &'static str,
    script: Script,
    received: Arc<(Mutex<Vec<Message>>, Condvar)>,
    pending: Vec<(Deadline, Reply)>,
}

impl Service {
    fn run(&mut self, wake: &impl AsFd) {
        loop {
            self.send_due();
            let next = self.pending.iter().map(|(due, _)| due.remaining()).min();
            let timeout = next.map_or(nix::poll::PollTimeout::NONE, |wait| {
                Deadline::after(wait).poll_timeout()
            });
            let mut fds = [
                PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(wake.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => panic!("poll: {error}"),
            }
            if fds[1].revents().is_some_and(|events| !events.is_empty()) {
                return;
            }
            self.receive();
        }
    }

    fn receive(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let Some(message) = Message::parse(&buffer[..length]) else {
                continue;
            };
            // The replies are on their way before a test learns of the message, and may change what the script does.
            let replies = (self.script)(&message);
            self.pending.extend(
                replies
                    .into_iter()
                    .map(|reply| (Deadline::after(reply.delay), reply)),
            );
            self.send_due();
            self.received
                .0
                .lock()
                .expect("no test panics holding the messages")
                .push(message);
            self.received.1.notify_all();
        }
    }

    fn send_due(&mut self) {
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|(due, _)| due.passed());
        self.pending = later;
        for (_, reply) in due {
            self.send(&reply);
        }
    }

    fn send(&self, reply: &Reply) {
        let target = reply.unicast.map_or(Ipv4Addr::BROADCAST, |(address, mac)| {
            wiring::pin_neighbor(self.bridge, address, mac);
            address
        });
        let target = SocketAddrV4::new(target, CLIENT_PORT);
        let sent = match reply.source {
            None => self.socket.send_to(&reply.bytes, target),
            Some(source) => server_socket(self.bridge, source).send_to(&reply.bytes, target),
        };
        sent.unwrap_or_else(|error| panic!("send a reply to {target}: {error}"));
    }
}

fn server_socket(bridge: &str, address: Ipv4Addr) -> UdpSocket {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket: OwnedFd =
        socket(AddressFamily::Inet, SockType::Datagram, flags, None).expect("open a UDP socket");
    setsockopt(&socket, sockopt::ReuseAddr, &true).expect("share the server port");
    setsockopt(&socket, sockopt::Broadcast, &true).expect("allow broadcasts");
    setsockopt(&socket, sockopt::BindToDevice, &bridge.into()).expect("bind to the bridge");
    let address = SockaddrIn::from(SocketAddrV4::new(address, SERVER_PORT));
    bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &address)
        .unwrap_or_else(|error| panic!("bind to {address}: {error}"));
    UdpSocket::from(socket)
}

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
