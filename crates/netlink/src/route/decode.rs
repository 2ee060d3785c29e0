//! Reading `RTM_NEWROUTE` (`rtnetlink(7)`, `linux/rtnetlink.h`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::IpNetwork;
use nix::libc;

use super::KernelRoute;
use crate::connection::Malformed;
use crate::decode::{attributes, ip, number};

/// Reads `struct rtmsg` and the attributes after it; nothing for what is not a route of a table (a cached exception, or
/// a family other than IPv4 and IPv6).
pub(super) fn routes(payload: &[u8]) -> Result<Option<Vec<KernelRoute>>, Malformed> {
    let (header, rest) = payload.split_first_chunk::<12>().ok_or(Malformed)?;
    let [
        family,
        prefix_len,
        _,
        _,
        table,
        protocol,
        scope,
        kind,
        f0,
        f1,
        f2,
        f3,
    ] = *header;
    let flags = u32::from_ne_bytes([f0, f1, f2, f3]);
    if flags & RTM_F_CLONED != 0 {
        return Ok(None);
    }
    let any: IpAddr = match i32::from(family) {
        libc::AF_INET => Ipv4Addr::UNSPECIFIED.into(),
        libc::AF_INET6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => return Ok(None),
    };
    let mut dst = any;
    let mut hops = Vec::new();
    let mut route = KernelRoute {
        dst: IpNetwork::new(any, 0).map_err(|_| Malformed)?,
        gw: None,
        ifindex: None,
        table: table.into(),
        scope,
        priority: 0,
        mtu: None,
        advmss: None,
        protocol,
        onlink: flags & RTNH_F_ONLINK != 0,
        kind,
    };
    for (kind, value) in attributes(rest) {
        match kind {
            libc::RTA_DST => dst = ip(value).ok_or(Malformed)?,
            libc::RTA_GATEWAY => route.gw = ip(value),
            libc::RTA_VIA => route.gw = via(value),
            libc::RTA_OIF => route.ifindex = number(value),
            libc::RTA_TABLE => route.table = number(value).ok_or(Malformed)?,
            libc::RTA_PRIORITY => route.priority = number(value).ok_or(Malformed)?,
            libc::RTA_METRICS => metrics(&mut route, value),
            libc::RTA_MULTIPATH => hops = next_hops(value),
            _ => {}
        }
    }
    route.dst = IpNetwork::new(dst, prefix_len).map_err(|_| Malformed)?;
    if hops.is_empty() {
        return Ok(Some(vec![route]));
    }
    let each = |hop: NextHop| KernelRoute {
        gw: hop.gw,
        ifindex: Some(hop.ifindex),
        onlink: hop.onlink,
        ..route.clone()
    };
    Ok(Some(hops.into_iter().map(each).collect()))
}

struct NextHop {
    ifindex: u32,
    gw: Option<IpAddr>,
    onlink: bool,
}

/// Reads the `struct rtnexthop`s of a route with several next hops.
fn next_hops(mut value: &[u8]) -> Vec<NextHop> {
    let mut hops = Vec::new();
    while let Some(([l0, l1, flags, _, i0, i1, i2, i3], _)) = value.split_first_chunk::<8>() {
        let length = usize::from(u16::from_ne_bytes([*l0, *l1]));
        let Some(rest) = value.get(8..length) else {
            break;
        };
        let mut hop = NextHop {
            ifindex: u32::from_ne_bytes([*i0, *i1, *i2, *i3]),
            gw: None,
            onlink: u32::from(*flags) & RTNH_F_ONLINK != 0,
        };
        for (kind, value) in attributes(rest) {
            match kind {
                libc::RTA_GATEWAY => hop.gw = ip(value),
                libc::RTA_VIA => hop.gw = via(value),
                _ => {}
            }
        }
        hops.push(hop);
        value = value.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    hops
}

fn metrics(route: &mut KernelRoute, value: &[u8]) {
    for (kind, value) in attributes(value) {
        match kind {
            RTAX_MTU => route.mtu = number(value),
            RTAX_ADVMSS => route.advmss = number(value),
            _ => {}
        }
    }
}

/// Reads `struct rtvia`: a family, then the address.
fn via(value: &[u8]) -> Option<IpAddr> {
    value.get(2..).and_then(ip)
}

const RTM_F_CLONED: u32 = 0x200;
const RTNH_F_ONLINK: u32 = 4;
const RTAX_MTU: u16 = 2;
const RTAX_ADVMSS: u16 = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = super::routes(&bytes);
        }
    }
}
