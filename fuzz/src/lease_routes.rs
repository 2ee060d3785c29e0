//! Route plans of any lease (RFC 3442, RFC 2132 §5.8).

use std::net::Ipv4Addr;

use dhcp_client::{ClasslessRoute, Instant, Lease, RawOptions, StaticRoute};
use ipnetwork::Ipv4Network;

use crate::routes::check_plan;
use crate::tape::Tape;

/// Reads the input as the parts of a lease that routes are made of.
pub fn lease_routes(data: &[u8]) {
    let mut tape = Tape::new(data);
    let address = tape.address();
    // A record may say anything, so may the prefix length.
    let prefix_len = tape.byte();
    let counts = tape.u16();
    let routers = list(counts & 3, || tape.address());
    let static_routes = list(counts >> 2 & 15, || StaticRoute {
        destination: near(&mut tape, address),
        router: near(&mut tape, address),
    });
    let classless = list(counts >> 6 & 31, || ClasslessRoute {
        destination: network(&mut tape, address),
        router: near(&mut tape, address),
    });
    check_plan(&Lease {
        address,
        prefix_len,
        server_id: Ipv4Addr::UNSPECIFIED,
        acquired_at: Instant::default(),
        times: None,
        routers,
        dns: Vec::new(),
        domain: None,
        search: Vec::new(),
        mtu: None,
        broadcast: None,
        ntp: Vec::new(),
        static_routes,
        classless_routes: (counts >> 15 == 1).then_some(classless),
        options: RawOptions::default(),
    });
}

fn list<T>(count: u16, mut item: impl FnMut() -> T) -> Vec<T> {
    (0..count).map(|_| item()).collect()
}

/// Reads an address, or one that has to do with the lease's.
fn near(tape: &mut Tape<'_>, address: Ipv4Addr) -> Ipv4Addr {
    match tape.byte() {
        0 => Ipv4Addr::UNSPECIFIED,
        1 => address,
        2 => Ipv4Addr::from_bits(address.to_bits() ^ u32::from(tape.byte())),
        3 => Ipv4Addr::from_bits(address.to_bits() & u32::MAX.unbounded_shl(tape.byte().into())),
        _ => tape.address(),
    }
}

fn network(tape: &mut Tape<'_>, address: Ipv4Addr) -> Ipv4Network {
    let destination = near(tape, address);
    Ipv4Network::new_checked(destination, tape.byte() % 33).expect("a prefix length")
}
