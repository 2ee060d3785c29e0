//! The socket: one request, its replies, its acknowledgement.

use std::io;

use netlink_packet_core::{
    Emitable, NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
    NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, NetlinkHeader,
};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use netns::Netns;
use nix::errno::Errno;
use nix::libc;

use crate::Error;
use crate::decode::{HEADER, attributes, messages, number, text};
use crate::error::Attempt;

/// A connection to the part of the kernel that configures the network of one namespace.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

/// A reply does not contain what it must.
pub(crate) struct Malformed;

impl Netlink {
    /// Opens a connection to the namespace that the calling thread is in.
    pub fn open() -> Result<Self, Error> {
        let socket = Socket::new(NETLINK_ROUTE)?;
        // Error texts and short acknowledgements need Linux 4.12, strict checks 4.20; without them requests still work.
        let _ = socket.set_ext_ack(true);
        let _ = socket.set_cap_ack(true);
        let _ = socket.set_netlink_get_strict_chk(true);
        Ok(Self {
            socket,
            sequence: 0,
            buffer: Vec::with_capacity(LARGEST_DATAGRAM),
        })
    }

    /// Opens a connection to `netns`; the calling thread stays where it is.
    pub fn open_in(netns: &Netns) -> Result<Self, Error> {
        netns.run(Self::open)?
    }

    /// Sends a request that changes something, and waits for the kernel's answer.
    ///
    /// `each` is given the type and the payload of every message that comes before the acknowledgement.
    pub(crate) fn request(
        &mut self,
        kind: u16,
        flags: u16,
        body: &impl Emitable,
        attempt: Attempt<'_>,
        mut each: impl FnMut(u16, &[u8]) -> Result<(), Malformed>,
    ) -> Result<(), Error> {
        self.exchange(kind, flags | NLM_F_ACK, body, attempt, &mut each)
            .map(drop)
    }

    /// Lists all objects of a kind; starts over when they change meanwhile.
    pub(crate) fn dump<T>(
        &mut self,
        kind: u16,
        body: &impl Emitable,
        attempt: Attempt<'_>,
        decode: impl Fn(&[u8]) -> Result<Option<T>, Malformed>,
    ) -> Result<Vec<T>, Error> {
        for _ in 0..DUMP_ATTEMPTS {
            let mut found = Vec::new();
            let outcome = self.exchange(kind, NLM_F_DUMP, body, attempt, &mut |_, payload| {
                found.extend(decode(payload)?);
                Ok(())
            })?;
            if outcome == Outcome::Complete {
                return Ok(found);
            }
        }
        Err(attempt.interrupted())
    }

    fn exchange(
        &mut self,
        kind: u16,
        flags: u16,
        body: &impl Emitable,
        attempt: Attempt<'_>,
        each: &mut Reader<'_>,
    ) -> Result<Outcome, Error> {
        self.send(kind, flags | NLM_F_REQUEST, body)?;
        let mut outcome = Outcome::Complete;
        loop {
            self.receive()?;
            for message in
                messages(&self.buffer).filter(|message| message.sequence == self.sequence)
            {
                if message.flags & NLM_F_DUMP_INTR != 0 {
                    outcome = Outcome::Interrupted;
                }
                match message.kind {
                    NLMSG_NOOP => {}
                    NLMSG_OVERRUN => return Err(io::Error::from(Errno::ENOBUFS).into()),
                    NLMSG_ERROR | NLMSG_DONE => {
                        // A DONE without a number is that of an old kernel.
                        let code = number(message.payload).map_or(0, u32::cast_signed);
                        return if code == 0 || message.kind == NLMSG_DONE && code > 0 {
                            Ok(outcome)
                        } else {
                            let text = explanation(message.kind, message.flags, message.payload);
                            Err(attempt.refused(Errno::from_raw(code.wrapping_neg()), text))
                        };
                    }
                    kind => each(kind, message.payload).map_err(|Malformed| attempt.malformed())?,
                }
            }
        }
    }

    fn send(&mut self, kind: u16, flags: u16, body: &impl Emitable) -> Result<(), Error> {
        self.sequence = self.sequence.wrapping_add(1);
        let length = HEADER + body.buffer_len();
        let mut header = NetlinkHeader::default();
        header.length = u32::try_from(length).map_err(|_| io::Error::from(Errno::EMSGSIZE))?;
        header.message_type = kind;
        header.flags = flags;
        header.sequence_number = self.sequence;
        self.buffer.clear();
        self.buffer.resize(length, 0);
        let (head, tail) = self.buffer.split_at_mut(HEADER);
        header.emit(head);
        body.emit(tail);
        self.socket
            .send_to(&self.buffer, &SocketAddr::new(KERNEL, 0), 0)?;
        Ok(())
    }

    /// Fills the buffer with one datagram from the kernel; those from other processes are dropped.
    fn receive(&mut self) -> Result<(), Error> {
        loop {
            self.buffer.clear();
            match self.socket.recv_from(&mut self.buffer, libc::MSG_TRUNC) {
                Ok((length, sender)) if sender.port_number() == KERNEL => {
                    return if length <= self.buffer.len() {
                        Ok(())
                    } else {
                        Err(io::Error::from(Errno::EMSGSIZE).into())
                    };
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl std::fmt::Debug for Netlink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Netlink")
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

/// Takes the type and the payload of a reply.
type Reader<'a> = dyn FnMut(u16, &[u8]) -> Result<(), Malformed> + 'a;

#[derive(PartialEq)]
enum Outcome {
    Complete,
    Interrupted,
}

/// Returns the text of an extended acknowledgement (`NLMSGERR_ATTR_MSG`).
fn explanation(kind: u16, flags: u16, payload: &[u8]) -> Option<String> {
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    // An error repeats the header of the request and, unless capped, its body; the end of a dump repeats nothing.
    let repeated = match kind {
        NLMSG_DONE => 0,
        _ if flags & NLM_F_CAPPED != 0 => HEADER,
        _ => payload
            .get(4..)
            .and_then(number)
            .map_or(0, |length| length as usize)
            .next_multiple_of(4),
    };
    attributes(payload.get(4 + repeated..)?)
        .find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG)
        .map(|(_, value)| text(value))
        .filter(|text| !text.is_empty())
}

/// The port of the kernel's end.
const KERNEL: u32 = 0;
const NLMSGERR_ATTR_MSG: u16 = 1;
/// Dumps come in parts of 32 KiB at most; a single link may need more than that, if it has many virtual functions.
const LARGEST_DATAGRAM: usize = 64 * 1024;
/// An interrupted dump is right at the next attempt unless something changes without end.
const DUMP_ATTEMPTS: u32 = 20;
