//! The classic BPF program that keeps a pod's traffic away from its DHCP client.
#![expect(
    unsafe_code,
    reason = "nix has no SO_ATTACH_FILTER and no PACKET_AUXDATA"
)]

use std::ffi::c_int;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;

/// Lets through unfragmented IPv4 UDP to port 68 whose BOOTP `chaddr` is the given one (RFC 2131 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DhcpFilter {
    /// The Ethernet address of the client, as in its own messages.
    pub chaddr: [u8; 6],
}

impl DhcpFilter {
    pub(super) fn attach(self, socket: &OwnedFd) -> Result<(), Errno> {
        let mut program = self.program();
        let filter = libc::sock_fprog {
            len: u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?,
            filter: program.as_mut_ptr(),
        };
        set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
    }

    /// Offsets are from the IPv4 header, which is where a `SOCK_DGRAM` packet socket begins. A load beyond the end of
    /// the packet rejects it, so no length is checked here. `rest` is how many instructions lie between a test and
    /// the last one, which rejects.
    fn program(self) -> [libc::sock_filter; 18] {
        let [c0, c1, c2, c3, c4, c5] = self.chaddr;
        let chaddr_head = u32::from_be_bytes([c0, c1, c2, c3]);
        let chaddr_tail = u32::from(u16::from_be_bytes([c4, c5]));
        [
            // IP version 4.
            load(BYTE, 0),
            mask(0xf0),
            go_on_if_equal(0x40, 14),
            // Protocol UDP.
            load(BYTE, 9),
            go_on_if_equal(17, 12),
            // Not a fragment: neither "more fragments" nor an offset.
            load(HALF, 6),
            reject_if_any_bit(0x3fff, 10),
            // X becomes the length of the IPv4 header, options included.
            header_length_to_x(0),
            // UDP destination port of a DHCP client.
            load_from_x(HALF, 2),
            go_on_if_equal(68, 7),
            // BOOTP op: a reply.
            load_from_x(BYTE, UDP_HEADER),
            go_on_if_equal(2, 5),
            // BOOTP chaddr, in two pieces.
            load_from_x(WORD, UDP_HEADER + CHADDR),
            go_on_if_equal(chaddr_head, 3),
            load_from_x(HALF, UDP_HEADER + CHADDR + 4),
            go_on_if_equal(chaddr_tail, 1),
            // Accept all of it.
            give(u32::MAX),
            // Reject.
            give(0),
        ]
    }
}

/// Makes the kernel say of each packet whether its checksum was finished and verified.
pub(super) fn request_auxiliary_data(socket: &OwnedFd) -> Result<(), Errno> {
    let on: c_int = 1;
    set_option(socket, libc::SOL_PACKET, libc::PACKET_AUXDATA, &on)
}

fn set_option<T>(socket: &OwnedFd, level: c_int, name: c_int, value: &T) -> Result<(), Errno> {
    let length = u32::try_from(size_of::<T>()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the pointer and the length are those of a live value of the type that the option takes (a c_int, or a
    // sock_fprog whose own pointer and length are those of an array that outlives the call); the kernel only reads it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            length,
        )
    };
    Errno::result(result).map(drop)
}

const fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    // All codes of classic BPF are below 256.
    let [low, high, ..] = code.to_le_bytes();
    libc::sock_filter {
        code: u16::from_le_bytes([low, high]),
        jt,
        jf,
        k,
    }
}

const fn load(size: u32, offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_ABS | size, 0, 0, offset)
}

const fn load_from_x(size: u32, offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_IND | size, 0, 0, offset)
}

const fn header_length_to_x(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, 0, 0, offset)
}

const fn mask(bits: u32) -> libc::sock_filter {
    instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, bits)
}

const fn go_on_if_equal(value: u32, rest: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, rest, value)
}

const fn reject_if_any_bit(bits: u32, rest: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, rest, 0, bits)
}

const fn give(length: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, length)
}

const BYTE: u32 = libc::BPF_B;
const HALF: u32 = libc::BPF_H;
const WORD: u32 = libc::BPF_W;
const UDP_HEADER: u32 = 8;
/// RFC 2131 §2, figure 1.
const CHADDR: u32 = 28;
