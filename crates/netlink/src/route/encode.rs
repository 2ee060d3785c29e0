//! Writing `RTM_NEWROUTE` and `RTM_DELROUTE`.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric,
    RouteProtocol, RouteScope, RouteType, RouteVia,
};

use super::NewRoute;
use crate::Error;

/// Returns the message that describes a route, to be made or to be removed.
pub(super) fn message(route: &NewRoute) -> Result<RouteMessage, Error> {
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = match route.dst {
        IpNetwork::V4(_) => AddressFamily::Inet,
        IpNetwork::V6(_) => AddressFamily::Inet6,
    };
    header.destination_prefix_length = route.dst.prefix();
    header.table = u8::try_from(route.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    header.kind = RouteType::Unicast;
    // As the reference plugins say.
    header.protocol = RouteProtocol::Boot;
    header.scope = match (route.scope, route.gw) {
        (Some(scope), _) => RouteScope::from(scope),
        (None, Some(_)) => RouteScope::Universe,
        (None, None) => RouteScope::Link,
    };
    if route.onlink {
        header.flags = RouteFlags::Onlink;
    }

    let attributes = &mut message.attributes;
    attributes.push(RouteAttribute::Destination(route_address(
        route.dst.network(),
    )));
    attributes.push(RouteAttribute::Oif(route.ifindex));
    attributes.push(RouteAttribute::Table(route.table));
    attributes.extend(route.gw.map(|gw| gateway(route.dst, gw)).transpose()?);
    attributes.extend(route.priority.map(RouteAttribute::Priority));
    let metrics: Vec<_> = route
        .mtu
        .map(RouteMetric::Mtu)
        .into_iter()
        .chain(route.advmss.map(RouteMetric::Advmss))
        .collect();
    if !metrics.is_empty() {
        attributes.push(RouteAttribute::Metrics(metrics));
    }
    Ok(message)
}

/// RFC 5549: an IPv4 destination may have an IPv6 next hop, but not the other way round.
fn gateway(dst: IpNetwork, gw: IpAddr) -> Result<RouteAttribute, Error> {
    match (dst, gw) {
        (IpNetwork::V4(_), IpAddr::V4(_)) | (IpNetwork::V6(_), IpAddr::V6(_)) => {
            Ok(RouteAttribute::Gateway(route_address(gw)))
        }
        (IpNetwork::V4(_), IpAddr::V6(gw)) => Ok(RouteAttribute::Via(RouteVia::Inet6(gw))),
        (IpNetwork::V6(_), IpAddr::V4(_)) => Err(Error::RouteFamily { dst, gw }),
    }
}

fn route_address(address: IpAddr) -> RouteAddress {
    match address {
        IpAddr::V4(address) => RouteAddress::Inet(address),
        IpAddr::V6(address) => RouteAddress::Inet6(address),
    }
}
