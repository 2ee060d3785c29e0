//! Every option that is well-formed means to a lease what dhcproto reads in it; no option makes a lease grow.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "dhcproto knows a hundred options, a lease eleven"
)]

use std::net::Ipv4Addr;
use std::time::Duration;

use dhcp_client::{Instant, Lease};
use dhcproto::v4::DhcpOption;
use dhcproto::{Decodable, Decoder};

use super::reading::Options;

pub(super) fn check(lease: &Lease, options: &Options) {
    check_sizes(lease);
    let value = |code: u8| options.single.get(&code).and_then(|bytes| decoded(bytes));
    check_times(lease, options);
    for code in TYPED {
        if let Some(option) = value(code) {
            check_option(lease, &option);
        }
    }
}

/// Decodes an option whose length is one that its code can have.
fn decoded(bytes: &[u8]) -> Option<DhcpOption> {
    let length = bytes.len() - 2;
    let well_formed = match bytes[0] {
        1 | 28 | 51 | 54 | 58 | 59 => length == 4,
        3 | 6 | 42 => length > 0 && length.is_multiple_of(4),
        26 => length == 2,
        33 => length > 0 && length.is_multiple_of(8),
        _ => length > 0,
    };
    let option = DhcpOption::decode(&mut Decoder::new(bytes)).ok()?;
    // dhcproto stops at a route that makes no sense.
    let whole = match &option {
        DhcpOption::ClasslessStaticRoute(routes) => {
            let sizes = routes.iter();
            let sizes = sizes.map(|(net, _)| 5 + usize::from(net.prefix_len().div_ceil(8)));
            sizes.sum::<usize>() == length
        }
        _ => true,
    };
    (well_formed && whole).then_some(option)
}

fn check_option(lease: &Lease, option: &DhcpOption) {
    match option {
        DhcpOption::SubnetMask(mask) => {
            let prefix_len = u8::try_from(mask.to_bits().leading_ones()).expect("at most 32");
            assert_eq!(lease.prefix_len, prefix_len);
            assert_eq!(mask.to_bits().unbounded_shl(prefix_len.into()), 0, "{mask}");
        }
        DhcpOption::Router(hosts) => assert_eq!(lease.routers, usable(hosts)),
        DhcpOption::DomainNameServer(hosts) => assert_eq!(lease.dns, usable(hosts)),
        DhcpOption::NtpServers(hosts) => assert_eq!(lease.ntp, usable(hosts)),
        DhcpOption::InterfaceMtu(mtu) => {
            assert_eq!(lease.mtu, Some(*mtu).filter(|mtu| *mtu >= 576));
        }
        DhcpOption::BroadcastAddr(address) => assert_eq!(lease.broadcast, Some(*address)),
        DhcpOption::ServerIdentifier(server) => assert_eq!(lease.server_id, *server),
        DhcpOption::StaticRoutingTable(pairs) => {
            let read = lease.static_routes.iter();
            assert!(
                read.map(|route| (route.destination, route.router))
                    .eq(pairs.iter().copied())
            );
        }
        DhcpOption::ClasslessStaticRoute(routes) => {
            let read = lease.classless_routes.iter().flatten();
            let read = read.map(|route| {
                let net = route.destination;
                (net.network(), net.prefix(), route.router)
            });
            let routes = routes.iter();
            let routes = routes.map(|(net, router)| (net.network(), net.prefix_len(), *router));
            assert!(read.eq(routes), "{:?}", lease.classless_routes);
        }
        DhcpOption::DomainName(name) => check_domain(lease, name),
        DhcpOption::DomainSearch(names) => {
            let names: Vec<String> = names.iter().map(|name| plain(&name.to_string())).collect();
            assert!(
                lease.search.iter().all(|name| names.contains(&plain(name))),
                "{lease:?} {names:?}"
            );
            let first = names.iter().find(|name| is_plain(name));
            assert!(first.is_none_or(|name| lease.search.is_empty()
                || lease.search.iter().any(|read| plain(read) == *name)));
        }
        other => panic!("not asked about: {other:?}"),
    }
}

fn check_domain(lease: &Lease, name: &str) {
    match &lease.domain {
        Some(domain) => assert_eq!(plain(domain), plain(name.trim_end_matches('\0'))),
        None => assert!(!is_plain(name), "{name:?} is a domain"),
    }
}

fn check_times(lease: &Lease, options: &Options) {
    let seconds = |code: u8| match options.single.get(&code).map(|bytes| &bytes[2..]) {
        Some([a, b, c, d]) => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        Some(_) | None => None,
    };
    let Some(times) = lease.times else {
        assert_eq!(seconds(51).unwrap_or(u32::MAX), u32::MAX, "without end");
        return;
    };
    assert!(lease.acquired_at < times.t1 && times.t1 < times.t2 && times.t2 < times.expiry);
    let after = |at: Instant| at.duration_since(lease.acquired_at);
    let given = |code| seconds(code).map(|seconds| Duration::from_secs(seconds.into()));
    let lasts = after(times.expiry);
    if let Some(asked) = given(51) {
        assert_eq!(lasts, asked);
    } else if !options.values.contains_key(&51) {
        assert_eq!(lasts, Duration::from_hours(1));
    }
    if let (Some(t1), Some(t2)) = (given(58), given(59))
        && t1 >= Duration::from_mins(1)
        && t1 < t2
        && t2 < lasts
    {
        assert_eq!((after(times.t1), after(times.t2)), (t1, t2));
    }
}

fn check_sizes(lease: &Lease) {
    for hosts in [&lease.routers, &lease.dns, &lease.ntp] {
        assert!(hosts.len() <= 32);
    }
    assert!(lease.search.len() <= 32);
    assert!(lease.static_routes.len() <= 256);
    assert!(
        lease
            .classless_routes
            .as_ref()
            .is_none_or(|routes| (1..=256).contains(&routes.len()))
    );
    for name in lease.search.iter().chain(&lease.domain) {
        assert!(
            (1..=253).contains(&name.len())
                && name.split('.').all(|label| (1..=63).contains(&label.len()))
        );
        assert!(
            name.bytes()
                .all(|c| c.is_ascii_alphanumeric() || b".-_".contains(&c)),
            "{name:?}"
        );
    }
    assert!((1..=32).contains(&lease.prefix_len));
    assert!(lease.mtu.is_none_or(|mtu| mtu >= 576));
}

fn usable(hosts: &[Ipv4Addr]) -> Vec<Ipv4Addr> {
    let is_host = |host: &&Ipv4Addr| (1..224).contains(&host.octets()[0]);
    hosts.iter().filter(is_host).take(32).copied().collect()
}

fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// A name of letters and digits only, about which there can be no two opinions.
fn is_plain(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|c| c.is_ascii_alphanumeric())
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// The options that have a field in a lease.
const TYPED: [u8; 11] = [1, 3, 6, 15, 26, 28, 33, 42, 54, 119, 121];
