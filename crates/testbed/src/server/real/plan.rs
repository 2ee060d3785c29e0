//! What a server is to do, in words that all four servers have.

use std::fmt::Write;
use std::net::Ipv4Addr;

use crate::lan::Lan;

/// How a server is to serve. By default it has the addresses `.100` to `.199` of the LAN for an hour, with the LAN's
/// router as router and DNS server, and leaves T1 and T2 to itself.
#[derive(Clone, Debug)]
#[must_use]
pub struct ServerPlan {
    pub(super) interface: String,
    pub(super) subnet: (Ipv4Addr, u8),
    pub(super) netmask: Ipv4Addr,
    pub(super) range: (Ipv4Addr, Ipv4Addr),
    pub(super) lease: u32,
    pub(super) times: Option<(u32, u32)>,
    pub(super) routers: Vec<Ipv4Addr>,
    pub(super) dns: Vec<Ipv4Addr>,
    pub(super) classless_routes: Vec<(Ipv4Addr, u8, Ipv4Addr)>,
    pub(super) mtu: Option<u16>,
    pub(super) reservations: Vec<(Identity, Ipv4Addr)>,
}

/// What a reservation knows its client by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The hardware address.
    Mac([u8; 6]),
    /// The value of option 61. udhcpd has no such reservations.
    ClientId(Vec<u8>),
}

impl ServerPlan {
    /// Starts from the defaults for a LAN.
    pub fn new(lan: &Lan) -> Self {
        Self {
            interface: lan.bridge().to_owned(),
            subnet: (lan.address(0), lan.prefix_len()),
            netmask: lan.netmask(),
            range: (lan.address(100), lan.address(199)),
            lease: 3600,
            times: None,
            routers: vec![lan.router()],
            dns: vec![lan.router()],
            classless_routes: Vec::new(),
            mtu: None,
            reservations: Vec::new(),
        }
    }

    /// Serves the addresses from `first` to `last`.
    pub fn range(mut self, first: Ipv4Addr, last: Ipv4Addr) -> Self {
        self.range = (first, last);
        self
    }

    /// Sets the lease time in seconds. dnsmasq gives no less than 120.
    pub fn lease(mut self, seconds: u32) -> Self {
        self.lease = seconds;
        self
    }

    /// Sets T1 and T2 in seconds. dnsmasq takes them from 3 on.
    pub fn times(mut self, renewal: u32, rebinding: u32) -> Self {
        self.times = Some((renewal, rebinding));
        self
    }

    /// Sets the routers (option 3), none to send no such option.
    pub fn routers(mut self, routers: &[Ipv4Addr]) -> Self {
        routers.clone_into(&mut self.routers);
        self
    }

    /// Sets the DNS servers (option 6).
    pub fn dns(mut self, servers: &[Ipv4Addr]) -> Self {
        servers.clone_into(&mut self.dns);
        self
    }

    /// Adds a classless static route (option 121).
    pub fn classless_route(mut self, subnet: Ipv4Addr, prefix_len: u8, router: Ipv4Addr) -> Self {
        self.classless_routes.push((subnet, prefix_len, router));
        self
    }

    /// Sets the MTU (option 26).
    pub fn mtu(mut self, mtu: u16) -> Self {
        self.mtu = Some(mtu);
        self
    }

    /// Keeps an address for one client.
    pub fn reserve(mut self, identity: Identity, address: Ipv4Addr) -> Self {
        self.reservations.push((identity, address));
        self
    }

    /// Returns the value of option 121 (RFC 3442), empty without routes.
    pub(super) fn classless_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (subnet, prefix_len, router) in &self.classless_routes {
            bytes.push(*prefix_len);
            bytes.extend(&subnet.octets()[..usize::from(prefix_len.div_ceil(8))]);
            bytes.extend(router.octets());
        }
        bytes
    }
}

/// Writes bytes in hexadecimal with a separator between them.
pub(super) fn hex(bytes: &[u8], separator: &str) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let separator = if text.is_empty() { "" } else { separator };
        let _ = write!(text, "{separator}{byte:02x}");
        text
    })
}

/// Writes addresses with a separator between them.
pub(super) fn list(addresses: &[Ipv4Addr], separator: &str) -> String {
    let texts: Vec<_> = addresses.iter().map(Ipv4Addr::to_string).collect();
    texts.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bed::Bed;

    #[test]
    fn a_route_is_as_long_as_its_prefix_needs() {
        let bed = Bed::new();
        let router = Ipv4Addr::new(192, 168, 50, 1);
        let plan = ServerPlan::new(&bed.lan)
            .classless_route(Ipv4Addr::new(10, 17, 0, 0), 12, router)
            .classless_route(Ipv4Addr::UNSPECIFIED, 0, router);
        assert_eq!(
            hex(&plan.classless_bytes(), ":"),
            "0c:0a:11:c0:a8:32:01:00:c0:a8:32:01"
        );
    }
}
