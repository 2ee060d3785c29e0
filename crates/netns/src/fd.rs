//! Passing a descriptor over a Unix socket, and knowing who is at the other end (`unix(7)`).
//!
//! The functions work on blocking and non-blocking sockets of any library; they return [`io::Error`] because that is
//! what the readiness loops of async runtimes look at.
#![expect(
    unsafe_code,
    reason = "received descriptors come as numbers that someone has to take ownership of"
)]

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, getsockopt, recvmsg, sendmsg,
    sockopt::PeerCredentials,
};

/// The process at the other end of a Unix socket, as the kernel saw it when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its process id; 0 when it is in a PID namespace that is not visible from here.
    pub pid: i32,
    /// Its effective user id.
    pub uid: u32,
    /// Its effective group id.
    pub gid: u32,
}

/// What one receive brought.
#[derive(Debug)]
pub struct Received {
    /// How many bytes were read; 0 at the end of the stream.
    pub len: usize,
    /// The descriptors that came with them, close-on-exec.
    pub fds: Vec<OwnedFd>,
}

/// Sends `bytes` with a descriptor attached to the first of them; returns how many bytes were taken.
///
/// On a stream the rest is sent by ordinary writes. `SIGPIPE` is not raised.
pub fn send_with_fd(socket: impl AsFd, bytes: &[u8], fd: BorrowedFd<'_>) -> io::Result<usize> {
    let fds = [fd.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&fds)];
    let socket = socket.as_fd().as_raw_fd();
    Ok(sendmsg::<()>(
        socket,
        &[IoSlice::new(bytes)],
        &control,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?)
}

/// Reads what is there, with any descriptors attached to it.
pub fn recv_with_fd(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
    // Room for as many as the kernel passes at once (SCM_MAX_FD), so that none is ever cut off and lost unclosed.
    let mut control = nix::cmsg_space!([RawFd; 253]);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(
        socket.as_fd().as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )?;
    let mut fds = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            for number in numbers {
                // SAFETY: the kernel has just installed this descriptor for us by SCM_RIGHTS; nothing else knows it.
                fds.push(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
    }
    Ok(Received {
        len: message.bytes,
        fds,
    })
}

/// Returns who connected, or listens, at the other end.
pub fn peer(socket: impl AsFd) -> io::Result<Peer> {
    let credentials = getsockopt(&socket, PeerCredentials)?;
    Ok(Peer {
        pid: credentials.pid(),
        uid: credentials.uid(),
        gid: credentials.gid(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::{peer, recv_with_fd, send_with_fd};
    use std::os::fd::AsFd as _;

    #[test]
    fn a_descriptor_arrives_with_the_first_bytes() {
        let (here, there) = UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"inside").unwrap();
        assert_eq!(send_with_fd(&here, b"hello", file.as_fd()).unwrap(), 5);
        drop(file);

        let mut buffer = [0; 16];
        let received = recv_with_fd(&there, &mut buffer).unwrap();
        assert_eq!(&buffer[..received.len], b"hello");
        let [fd] = <[_; 1]>::try_from(received.fds).unwrap();
        let mut file = File::from(fd);
        std::io::Seek::rewind(&mut file).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "inside");
    }

    #[test]
    fn bytes_without_a_descriptor_are_just_bytes() {
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(b"plain").unwrap();
        let mut buffer = [0; 16];
        let received = recv_with_fd(&there, &mut buffer).unwrap();
        assert_eq!((received.len, received.fds.len()), (5, 0));
        drop(here);
        assert_eq!(recv_with_fd(&there, &mut buffer).unwrap().len, 0);
    }

    #[test]
    fn the_peer_of_a_pair_is_this_process() {
        let (here, _there) = UnixStream::pair().unwrap();
        let peer = peer(&here).unwrap();
        assert_eq!(peer.pid, i32::try_from(std::process::id()).unwrap());
        assert_eq!(peer.uid, nix::unistd::geteuid().as_raw());
    }
}
