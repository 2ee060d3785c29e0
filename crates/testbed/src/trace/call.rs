//! Reading the system call at which a traced process stands.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use nix::sys::ptrace;
use nix::unistd::Pid;

/// What the process's descriptors are, as far as `/proc` does not tell.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The family of the socket that the process is making.
    making: Option<&'static str>,
    sockets: BTreeMap<u64, &'static str>,
}

/// Returns the step that the process is about to take; `None` where it is none, or the call is at its end.
pub(super) fn entered(pid: Pid, files: &Files) -> Option<(&'static str, String)> {
    if ptrace::syscall_info(pid).ok()?.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return None;
    }
    let (number, arguments) = call_of(pid)?;
    let [first, second, third, ..] = arguments;
    let (call, subject) = known(number)?;
    let target = match subject {
        Subject::PathFirst => text(pid, first),
        Subject::PathSecond => text(pid, second),
        Subject::File => files.name(pid, first),
        Subject::Buffer => said(&files.name(pid, first), &bytes(pid, second, third)),
        Subject::Vector => {
            let base = word(pid, word(pid, second + 16));
            let length = word(pid, word(pid, second + 16) + 8);
            said(&files.name(pid, first), &bytes(pid, base, length))
        }
    };
    // Neither the log is a step nor what the process tells itself.
    let is_file = target.starts_with('/');
    (call != "write" || is_file && !(1..=2).contains(&first)).then_some((call, target))
}

/// Learns from a call what descriptors are.
pub(super) fn left(pid: Pid, files: &mut Files) {
    let Ok(info) = ptrace::syscall_info(pid) else {
        return;
    };
    if info.op == libc::PTRACE_SYSCALL_INFO_ENTRY {
        files.making = match call_of(pid) {
            Some((libc::SYS_socket, [family, ..])) => Some(family_name(family)),
            Some((libc::SYS_accept4, _)) => Some("caller"),
            _ => None,
        };
    } else if let Some(made) = files.making.take()
        && let Some(fd) = returned(pid)
    {
        files.sockets.insert(fd, made);
    }
}

impl Files {
    fn name(&self, pid: Pid, fd: u64) -> String {
        let link = fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap_or_default();
        let link = link.display().to_string();
        match self.sockets.get(&fd) {
            Some(socket) if link.starts_with("socket:") => (*socket).to_owned(),
            _ => numberless(&link),
        }
    }
}

/// Which of a call's arguments tells what it is about.
#[derive(Clone, Copy)]
enum Subject {
    PathFirst,
    PathSecond,
    File,
    Buffer,
    Vector,
}

/// The calls that are steps.
fn known(number: i64) -> Option<(&'static str, Subject)> {
    Some(match number {
        libc::SYS_accept4 => ("accept", Subject::File),
        libc::SYS_bind => ("bind", Subject::File),
        libc::SYS_connect => ("connect", Subject::File),
        libc::SYS_ftruncate => ("truncate", Subject::File),
        libc::SYS_mkdirat => ("mkdir", Subject::PathSecond),
        libc::SYS_openat | libc::SYS_openat2 => ("open", Subject::PathSecond),
        libc::SYS_recvfrom => ("recv", Subject::File),
        libc::SYS_recvmsg => ("recvmsg", Subject::File),
        libc::SYS_renameat | libc::SYS_renameat2 => ("rename", Subject::PathSecond),
        libc::SYS_sendmsg => ("sendmsg", Subject::Vector),
        libc::SYS_sendto => ("send", Subject::Buffer),
        libc::SYS_setns => ("setns", Subject::File),
        libc::SYS_unlinkat => ("unlink", Subject::PathSecond),
        libc::SYS_write => ("write", Subject::File),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_mkdir => ("mkdir", Subject::PathFirst),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => ("open", Subject::PathFirst),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_rename => ("rename", Subject::PathFirst),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_unlink => ("unlink", Subject::PathFirst),
        _ => return None,
    })
}

/// What is sent, as far as it tells one message from another.
fn said(to: &str, message: &[u8]) -> String {
    let is = |what: &str| to == what;
    if is("netlink") {
        let kind = message
            .get(4..6)
            .map_or(0, |kind| u16::from_ne_bytes([kind[0], kind[1]]));
        return format!("netlink {kind}");
    }
    let dhcp = if is("packet") {
        message.get(IP_AND_UDP..)
    } else {
        Some(message)
    };
    match dhcp.and_then(|dhcp| dhcp.get(BOOTP..BOOTP + 7)) {
        Some([99, 130, 83, 99, 53, 1, kind]) => format!("DHCP {kind}"),
        _ if message.starts_with(ARP_FOR_IPV4) => "ARP".to_owned(),
        _ => to.to_owned(),
    }
}

/// RFC 826: Ethernet and IPv4.
const ARP_FOR_IPV4: &[u8] = &[0, 1, 8, 0];
const IP_AND_UDP: usize = 28;
const BOOTP: usize = 236;

fn family_name(family: u64) -> &'static str {
    match i32::try_from(family) {
        Ok(libc::AF_UNIX) => "unix",
        Ok(libc::AF_INET) => "inet",
        Ok(libc::AF_NETLINK) => "netlink",
        Ok(libc::AF_PACKET) => "packet",
        _ => "socket",
    }
}

#[cfg(target_arch = "x86_64")]
fn call_of(pid: Pid) -> Option<(i64, [u64; 6])> {
    let regs = ptrace::getregs(pid).ok()?;
    let arguments = [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9];
    Some((regs.orig_rax.cast_signed(), arguments))
}

#[cfg(target_arch = "aarch64")]
fn call_of(pid: Pid) -> Option<(i64, [u64; 6])> {
    let regs = ptrace::getregs(pid).ok()?.regs;
    let arguments = [regs[0], regs[1], regs[2], regs[3], regs[4], regs[5]];
    Some((regs[8].cast_signed(), arguments))
}

/// What the call gave back, unless it failed.
#[cfg(target_arch = "x86_64")]
fn returned(pid: Pid) -> Option<u64> {
    let value = ptrace::getregs(pid).ok()?.rax;
    (value.cast_signed() >= 0).then_some(value)
}

/// What the call gave back, unless it failed.
#[cfg(target_arch = "aarch64")]
fn returned(pid: Pid) -> Option<u64> {
    let value = ptrace::getregs(pid).ok()?.regs[0];
    (value.cast_signed() >= 0).then_some(value)
}

fn bytes(pid: Pid, address: u64, length: u64) -> Vec<u8> {
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(LONGEST);
    let mut bytes = vec![0; length];
    let read = File::open(format!("/proc/{pid}/mem"))
        .and_then(|memory| memory.read_at(&mut bytes, address));
    bytes.truncate(read.unwrap_or(0));
    bytes
}

fn word(pid: Pid, address: u64) -> u64 {
    <[u8; 8]>::try_from(bytes(pid, address, 8)).map_or(0, u64::from_ne_bytes)
}

fn text(pid: Pid, address: u64) -> String {
    let bytes = bytes(pid, address, 512);
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    numberless(&String::from_utf8_lossy(&bytes[..end]))
}

/// The text without what differs from run to run.
fn numberless(text: &str) -> String {
    text.split(|c: char| c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("#")
}

const LONGEST: usize = 1500;
