//! The LAN: a bridge in a namespace of its own, which has the router's and server's address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::space::Space;
use crate::wiring;

/// The addresses of a [`Lan`]'s router, which is where its DHCP server runs too.
#[derive(Clone, Copy, Debug)]
pub struct LanAddresses {
    /// The router's address and the prefix length of the LAN.
    pub ipv4: (Ipv4Addr, u8),
    /// The router's IPv6 address, for a LAN that has IPv6.
    pub ipv6: Option<(Ipv6Addr, u8)>,
}

impl Default for LanAddresses {
    fn default() -> Self {
        Self {
            ipv4: (Ipv4Addr::new(192, 168, 50, 1), 24),
            ipv6: None,
        }
    }
}

/// A bridge that nodes are plugged into, in a namespace with the router's addresses.
#[derive(Debug)]
pub struct Lan {
    addresses: LanAddresses,
    space: Arc<Space>,
    ports: AtomicUsize,
}

impl Lan {
    pub(crate) fn new(addresses: LanAddresses) -> Self {
        let space = Space::new_net();
        space.enter(|| {
            wiring::create_bridge(BRIDGE);
            wiring::add_address(BRIDGE, addresses.ipv4.0.into(), addresses.ipv4.1);
            if let Some((address, prefix_len)) = addresses.ipv6 {
                wiring::add_address(BRIDGE, address.into(), prefix_len);
            }
        });
        Self {
            addresses,
            space: Arc::new(space),
            ports: AtomicUsize::new(0),
        }
    }

    /// Runs `work` on this thread in the LAN's network namespace.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        self.space.enter(work)
    }

    /// Returns the LAN's namespaces.
    #[must_use]
    pub fn space(&self) -> Arc<Space> {
        Arc::clone(&self.space)
    }

    /// Returns the router's IPv4 address.
    #[must_use]
    pub fn router(&self) -> Ipv4Addr {
        self.addresses.ipv4.0
    }

    /// Returns the prefix length of the LAN.
    #[must_use]
    pub fn prefix_len(&self) -> u8 {
        self.addresses.ipv4.1
    }

    /// Returns the netmask of the LAN.
    #[must_use]
    pub fn netmask(&self) -> Ipv4Addr {
        let host_bits = 32 - u32::from(self.prefix_len());
        Ipv4Addr::from_bits(u32::MAX.checked_shl(host_bits).unwrap_or(0))
    }

    /// Returns the address `offset` places after the start of the LAN's subnet.
    #[must_use]
    pub fn address(&self, offset: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits((self.router() & self.netmask()).to_bits() + offset)
    }

    /// Returns the name of the bridge, which servers listen on.
    #[must_use]
    pub fn bridge(&self) -> &'static str {
        BRIDGE
    }

    /// Gives the router another address on the LAN.
    pub fn add_address(&self, address: IpAddr, prefix_len: u8) {
        self.enter(|| wiring::add_address(BRIDGE, address, prefix_len));
    }

    /// Takes an address from the router.
    pub fn delete_address(&self, address: IpAddr, prefix_len: u8) {
        self.enter(|| wiring::delete_address(BRIDGE, address, prefix_len));
    }

    /// Plugs a new link `name` of another namespace into the bridge; returns the port's name.
    pub(crate) fn plug(&self, name: &str, far: &Space) -> String {
        let port = format!("port{}", self.ports.fetch_add(1, Ordering::Relaxed) + 1);
        self.enter(|| {
            wiring::create_veth(&port, name, far);
            wiring::attach(&port, BRIDGE);
        });
        port
    }

    /// Takes the cable of a node out of the bridge: its `eth1` stays, without carrier.
    pub fn unplug(&self, port: &str) {
        self.enter(|| wiring::set_down(port));
    }

    /// Puts the cable back.
    pub fn replug(&self, port: &str) {
        self.enter(|| wiring::set_up(port));
    }
}

const BRIDGE: &str = "br0";
