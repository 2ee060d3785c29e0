//! The LAN: a bridge in a namespace of its own, which has the router's and server's address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use crate::deadline::Deadline;
use crate::space::Space;
use crate::{carrier, wiring};

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
    /// The link at the other end of each port.
    cables: Mutex<BTreeMap<String, (String, Space)>>,
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
            cables: Mutex::default(),
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
        let number = self
            .cables
            .lock()
            .expect("nobody panics holding the cables")
            .len()
            + 1;
        let port = format!("port{number}");
        self.enter(|| {
            wiring::create_veth(&port, name, far);
            wiring::attach(&port, BRIDGE);
            for link in [&port, BRIDGE] {
                carrier::await_carrier(link, true, Deadline::secs(10));
            }
        });
        let far = far.net_only();
        far.enter(|| carrier::await_carrier(name, true, Deadline::secs(10)));
        self.cables
            .lock()
            .expect("nobody panics holding the cables")
            .insert(port.clone(), (name.to_owned(), far));
        port
    }

    /// Takes the cable of a node out of the bridge: its `eth1` stays, without carrier.
    pub fn unplug(&self, port: &str) {
        self.enter(|| wiring::set_down(port));
        self.await_carrier_of(port, false);
    }

    /// Puts the cable back.
    pub fn replug(&self, port: &str) {
        self.enter(|| wiring::set_up(port));
        self.await_carrier_of(port, true);
    }

    fn await_carrier_of(&self, port: &str, wanted: bool) {
        let cables = self
            .cables
            .lock()
            .expect("nobody panics holding the cables");
        let (name, far) = cables.get(port).expect("the port has a cable");
        far.enter(|| carrier::await_carrier(name, wanted, Deadline::secs(10)));
    }
}

const BRIDGE: &str = "br0";
