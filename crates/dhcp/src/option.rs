//! The values of single options (RFC 2132): each either well-formed or absent.

use std::net::Ipv4Addr;

use ipnetwork::{Ipv4Network, ipv4_mask_to_prefix};

use crate::lease::{ClasslessRoute, StaticRoute};

/// Returns a value of fixed length.
///
/// RFC 3396 joins options that stand in a message more than once; a server that repeats itself is
/// understood, one that contradicts itself is not.
pub(crate) fn repeated<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    let first = *value.first_chunk()?;
    let (copies, rest) = value.as_chunks::<N>();
    (rest.is_empty() && copies.iter().all(|copy| *copy == first)).then_some(first)
}

pub(crate) fn u16(value: &[u8]) -> Option<u16> {
    repeated(value).map(u16::from_be_bytes)
}

pub(crate) fn u32(value: &[u8]) -> Option<u32> {
    repeated(value).map(u32::from_be_bytes)
}

pub(crate) fn address(value: &[u8]) -> Option<Ipv4Addr> {
    repeated::<4>(value).map(Ipv4Addr::from)
}

/// Returns the prefix length of a contiguous mask that is not empty.
pub(crate) fn mask(value: &[u8]) -> Option<u8> {
    let prefix_len = ipv4_mask_to_prefix(address(value)?).ok()?;
    (prefix_len > 0).then_some(prefix_len)
}

/// Returns the hosts of a list of addresses; what is no host's address is left out.
pub(crate) fn hosts(value: &[u8]) -> Option<Vec<Ipv4Addr>> {
    let (addresses, rest) = value.as_chunks::<4>();
    let hosts = addresses
        .iter()
        .copied()
        .map(Ipv4Addr::from)
        .filter(|host| is_host(*host));
    rest.is_empty().then(|| hosts.take(MAX_HOSTS).collect())
}

/// Returns whether `address` can be that of a single host.
pub(crate) fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    first != 0 && first < FIRST_MULTICAST
}

/// RFC 2132 §5.1 allows 68 and more. RFC 791 has every link carry 576; a smaller one is a mistake of
/// the server that would only break the pod.
pub(crate) fn mtu(value: &[u8]) -> Option<u16> {
    u16(value).filter(|mtu| *mtu >= MIN_MTU)
}

/// Returns the routes of option 33 (RFC 2132 §5.8).
pub(crate) fn static_routes(value: &[u8]) -> Option<Vec<StaticRoute>> {
    let (pairs, rest) = value.as_chunks::<8>();
    let routes = pairs.iter().map(|&[a, b, c, d, e, f, g, h]| StaticRoute {
        destination: Ipv4Addr::new(a, b, c, d),
        router: Ipv4Addr::new(e, f, g, h),
    });
    rest.is_empty().then(|| routes.take(MAX_ROUTES).collect())
}

/// Returns the routes of option 121 (RFC 3442), `None` if any of it is malformed: half a routing
/// table may lead traffic astray.
pub(crate) fn classless_routes(mut value: &[u8]) -> Option<Vec<ClasslessRoute>> {
    let mut routes = Vec::new();
    while let Some((&prefix_len, rest)) = value.split_first() {
        let significant = usize::from(prefix_len.div_ceil(8));
        let (network, rest) = rest.split_at_checked(significant)?;
        let (next_hop, rest) = rest.split_first_chunk::<4>()?;
        let mut octets = [0; 4];
        octets.get_mut(..significant)?.copy_from_slice(network);
        routes.push(ClasslessRoute {
            destination: Ipv4Network::new_checked(octets.into(), prefix_len)?,
            router: Ipv4Addr::from(*next_hop),
        });
        value = rest;
    }
    routes.truncate(MAX_ROUTES);
    (!routes.is_empty()).then_some(routes)
}

/// Returns text for people: printable, short and the same when it is quoted, without surrounding
/// space; `None` if that leaves nothing.
pub(crate) fn printable(value: &[u8]) -> Option<String> {
    let text: String = String::from_utf8_lossy(value)
        .chars()
        .map(|c| if is_plain(c) { c } else { ' ' })
        .take(MAX_TEXT)
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Whether `c` stands for itself where text is quoted.
fn is_plain(c: char) -> bool {
    c == '\'' || c.escape_debug().len() == 1
}

const FIRST_MULTICAST: u8 = 224;
const MIN_MTU: u16 = 576;

/// More than any LAN has use for; what a packet can make a pod set up is bounded.
const MAX_HOSTS: usize = 32;
const MAX_ROUTES: usize = 256;

/// The characters that a line has room for beside what else an error says.
const MAX_TEXT: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_fixed_length_may_be_repeated_but_not_contradicted() {
        assert_eq!(u16(&[1, 2]), Some(0x102));
        assert_eq!(u16(&[1, 2, 1, 2]), Some(0x102));
        for bad in [&[][..], &[1], &[1, 2, 1], &[1, 2, 1, 3]] {
            assert_eq!(u16(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_contiguous_masks_are_masks() {
        let cases = [
            ([255, 255, 255, 0], Some(24)),
            ([255; 4], Some(32)),
            ([255, 255, 255, 254], Some(31)),
        ];
        for (value, expected) in cases {
            assert_eq!(mask(&value), expected);
        }
        for bad in [
            &[255, 0, 255, 0][..],
            &[0; 4],
            &[255, 255, 255],
            &[255; 5],
            &[],
        ] {
            assert_eq!(mask(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn lists_keep_their_hosts_and_a_ragged_list_is_dropped() {
        let value = [
            192, 0, 2, 1, 0, 0, 0, 0, 224, 0, 0, 1, 255, 255, 255, 255, 192, 0, 2, 2,
        ];
        let hosts_of = |value| hosts(value).unwrap();
        assert_eq!(
            hosts_of(&value),
            [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)]
        );
        assert_eq!(hosts(&value[..5]), None);
        assert_eq!(hosts_of(&[10; 4 * 1000]).len(), MAX_HOSTS);
    }

    #[test]
    fn absurd_mtus_are_ignored() {
        let cases = [
            (0, None),
            (67, None),
            (575, None),
            (576, Some(576)),
            (65535, Some(65535)),
        ];
        for (value, expected) in cases {
            assert_eq!(mtu(&u16::to_be_bytes(value)), expected);
        }
        assert_eq!(mtu(&[5]), None);
    }

    #[test]
    fn classless_routes_are_read_whole_or_not_at_all() {
        let good = [
            24, 10, 1, 2, 192, 0, 2, 1, 0, 192, 0, 2, 254, 32, 10, 0, 0, 1, 0, 0, 0, 0,
        ];
        let routes = classless_routes(&good).unwrap();
        let seen: Vec<_> = routes
            .iter()
            .map(|route| format!("{} via {}", route.destination, route.router))
            .collect();
        let expected = [
            "10.1.2.0/24 via 192.0.2.1",
            "0.0.0.0/0 via 192.0.2.254",
            "10.0.0.1/32 via 0.0.0.0",
        ];
        assert_eq!(seen, expected);
        let boundaries = [0, 8, 13, 22];
        for length in (0..good.len()).filter(|length| !boundaries.contains(length)) {
            assert_eq!(classless_routes(&good[..length]), None, "cut to {length}");
        }
        assert_eq!(classless_routes(&[]), None);
        assert_eq!(classless_routes(&[33, 1, 2, 3, 4, 5, 192, 0, 2, 1]), None);
        assert_eq!(classless_routes(&[255; 64]), None);
    }

    #[test]
    fn more_routes_than_a_pod_can_want_are_cut() {
        assert_eq!(classless_routes(&[0; 5 * 1000]).unwrap().len(), MAX_ROUTES);
        assert_eq!(static_routes(&[1; 8 * 1000]).unwrap().len(), MAX_ROUTES);
        assert_eq!(static_routes(&[1; 9]), None);
    }

    #[test]
    fn text_for_people_is_one_short_line() {
        assert_eq!(printable(b"no lease\0").as_deref(), Some("no lease"));
        assert_eq!(printable(b"a\nb\x1b[0m").as_deref(), Some("a b [0m"));
        assert_eq!(printable(&[0xff, b'x']).as_deref(), Some("\u{fffd}x"));
        assert_eq!(printable(b"\0\0"), None);
        assert_eq!(printable(&[b'x'; 255]).unwrap().len(), MAX_TEXT);
        let odd = "don't say \u{200b}\u{202e}\"\\".repeat(4);
        let text = printable(odd.as_bytes()).unwrap();
        assert_eq!(format!("{text:?}"), format!("\"{text}\""));
    }
}
