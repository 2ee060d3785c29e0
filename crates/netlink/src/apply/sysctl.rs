//! The sysctls of a link that gets addresses (`ip-sysctl` of the kernel's documentation).

use std::io;

use netns::Netns;

use crate::Error;

/// Which addresses the kernel will announce by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notify {
    pub(super) ipv4: bool,
    pub(super) ipv6: bool,
}

/// Sets what the link needs before it gets its addresses.
pub(super) fn prepare(netns: &Netns, ifname: &str, has_ipv6: bool) -> Result<Notify, Error> {
    // /proc/sys/net is that of the thread that opens the file.
    netns.run(|| {
        if has_ipv6 {
            // Without it the link's own addresses cannot be reached from inside; that is no reason to fail.
            let _ = set("ipv6", "lo", "disable_ipv6", "0");
            set("ipv6", ifname, "disable_ipv6", "0")?;
            set("ipv6", ifname, "keep_addr_on_down", "1")?;
        }
        Ok(Notify {
            ipv4: set("ipv4", ifname, "arp_notify", "1").is_ok(),
            ipv6: set("ipv6", ifname, "ndisc_notify", "1").is_ok(),
        })
    })?
}

/// Sets a sysctl, if it has another value. One that the kernel does not have is not missed: a kernel without IPv6 refuses
/// the address with a better text.
fn set(family: &str, ifname: &str, name: &str, value: &'static str) -> Result<(), Error> {
    let path = format!("/proc/sys/net/{family}/conf/{ifname}/{name}");
    match std::fs::read(&path) {
        Ok(found) if found.trim_ascii() == value.as_bytes() => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(_) | Err(_) => {}
    }
    std::fs::write(&path, value).map_err(|source| Error::Sysctl {
        path,
        value,
        source,
    })
}
