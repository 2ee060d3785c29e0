//! Every frame that passes in a namespace, which can be waited for.

use std::io::{self, PipeWriter};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket};

use crate::deadline::Deadline;
use crate::server::Message;
use crate::space::Space;

/// An Ethernet frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame(pub Vec<u8>);

impl Frame {
    /// Returns the destination's hardware address.
    #[must_use]
    pub fn destination(&self) -> [u8; 6] {
        self.0[..6].try_into().expect("six bytes")
    }

    /// Returns the source's hardware address.
    #[must_use]
    pub fn source(&self) -> [u8; 6] {
        self.0[6..12].try_into().expect("six bytes")
    }

    /// Returns operation, sender and target of an ARP packet for IPv4.
    #[must_use]
    pub fn arp(&self) -> Option<(u16, Ipv4Addr, Ipv4Addr)> {
        let packet = self
            .payload_of(0x0806)
            .filter(|packet| packet.len() >= 28)?;
        let address =
            |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
        Some((
            u16::from_be_bytes([packet[6], packet[7]]),
            address(14),
            address(24),
        ))
    }

    /// Returns source and destination addresses and the message of a DHCP packet.
    #[must_use]
    pub fn dhcp(&self) -> Option<(Ipv4Addr, Ipv4Addr, Message)> {
        let packet = self
            .payload_of(0x0800)
            .filter(|packet| packet.len() >= 28 && packet[9] == 17)?;
        let udp = packet.get(usize::from(packet[0] & 15) * 4..)?;
        let ports = [
            u16::from_be_bytes([*udp.first()?, *udp.get(1)?]),
            u16::from_be_bytes([*udp.get(2)?, *udp.get(3)?]),
        ];
        let message = ports
            .iter()
            .all(|port| matches!(port, 67 | 68))
            .then(|| Message::parse(udp.get(8..)?))??;
        let address =
            |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
        Some((address(12), address(16), message))
    }

    fn payload_of(&self, ethertype: u16) -> Option<&[u8]> {
        (self.0.get(12..14)? == ethertype.to_be_bytes()).then(|| &self.0[14..])
    }
}

/// A thread that keeps every frame seen on any link of a namespace, sent or received.
#[derive(Debug)]
pub struct Sniffer {
    frames: Arc<(Mutex<Vec<Frame>>, Condvar)>,
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Sniffer {
    /// Starts in a namespace.
    #[must_use]
    pub fn start(space: &Space) -> Self {
        space.enter(Self::start_here)
    }

    /// Starts in the namespace that the thread is in.
    #[must_use]
    pub fn start_here() -> Self {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            flags,
            SockProtocol::EthAll,
        )
        .expect("open a packet socket");
        let (wake, stop) = io::pipe().expect("make a pipe");
        let frames = Arc::new((Mutex::default(), Condvar::new()));
        let shared: Arc<(Mutex<Vec<Frame>>, Condvar)> = Arc::clone(&frames);
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            loop {
                while let Ok(length) = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                    shared
                        .0
                        .lock()
                        .expect("no test panics holding the frames")
                        .push(Frame(buffer[..length].to_vec()));
                    shared.1.notify_all();
                }
                let mut fds = [
                    PollFd::new(socket.as_fd(), PollFlags::POLLIN),
                    PollFd::new(wake.as_fd(), PollFlags::POLLIN),
                ];
                match poll(&mut fds, PollTimeout::NONE) {
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(error) => panic!("poll: {error}"),
                }
                if fds[1].revents().is_some_and(|events| !events.is_empty()) {
                    return;
                }
            }
        });
        Self {
            frames,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Returns the frames so far.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        self.frames.0.lock().expect("the sniffer is alive").clone()
    }

    /// Waits for a frame for which `find` returns something, and returns that.
    #[track_caller]
    pub fn wait_for<T>(&self, find: impl Fn(&Frame) -> Option<T>, deadline: Deadline) -> T {
        let mut frames = self.frames.0.lock().expect("the sniffer is alive");
        loop {
            if let Some(found) = frames.iter().find_map(&find) {
                return found;
            }
            assert!(
                !deadline.passed(),
                "the expected frame did not pass in time; {} others did",
                frames.len()
            );
            frames = self
                .frames
                .1
                .wait_timeout(frames, deadline.remaining())
                .expect("the sniffer is alive")
                .0;
        }
    }
}

impl Drop for Sniffer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
