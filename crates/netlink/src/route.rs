//! Routes: listed, made, removed; and the link of the default one.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use netlink_packet_core::NLM_F_CREATE;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAttribute, RouteFlags, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use nix::errno::Errno;
use nix::libc;

use crate::error::Attempt;
use crate::link::Link;
use crate::{Error, Netlink};

mod decode;
mod encode;
mod text;

use encode::message;

/// A route that the kernel has. One with several next hops appears once for each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelRoute {
    /// Where it leads.
    pub dst: IpNetwork,
    /// The next hop, unless the destination is on the link itself.
    pub gw: Option<IpAddr>,
    /// The link; nothing for a route that discards.
    pub ifindex: Option<u32>,
    /// The table it is in.
    pub table: u32,
    /// Its scope (`rtnetlink(7)`); always 0 for IPv6.
    pub scope: u8,
    /// Its metric; 0 where there is none.
    pub priority: u32,
    /// The MTU of the path, if it is not that of the link.
    pub mtu: Option<u32>,
    /// The segment size to advertise, if it is not derived.
    pub advmss: Option<u32>,
    /// Who made it (`RTPROT_*`): 2 is the kernel itself.
    pub protocol: u8,
    /// Whether the next hop is taken to be on the link whatever the addresses say.
    pub onlink: bool,
    /// Its kind (`RTN_*`): 1 is unicast.
    pub kind: u8,
}

/// A route to be made, changed or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRoute {
    /// Where it leads; bits beyond the prefix are ignored.
    pub dst: IpNetwork,
    /// The next hop, unless the destination is on the link itself.
    pub gw: Option<IpAddr>,
    /// The link.
    pub ifindex: u32,
    /// The table; the main one is 254.
    pub table: u32,
    /// Its scope; nothing for what goes with its next hop: global with one, link without.
    pub scope: Option<u8>,
    /// Its metric; nothing for the kernel's default.
    pub priority: Option<u32>,
    /// The MTU of the path.
    pub mtu: Option<u32>,
    /// The segment size to advertise.
    pub advmss: Option<u32>,
    /// Whether to take the next hop to be on the link whatever the addresses say.
    pub onlink: bool,
}

impl NewRoute {
    /// Describes a route in the main table, with nothing special about it.
    #[must_use]
    pub const fn new(dst: IpNetwork, gw: Option<IpAddr>, ifindex: u32) -> Self {
        Self {
            dst,
            gw,
            ifindex,
            table: MAIN_TABLE,
            scope: None,
            priority: None,
            mtu: None,
            advmss: None,
            onlink: false,
        }
    }
}

/// Which routes to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteFilter {
    /// Those through this link.
    pub ifindex: Option<u32>,
    /// Those in this table.
    pub table: Option<u32>,
}

impl Netlink {
    /// Returns the unicast routes of both families that pass the filter.
    pub fn routes(&mut self, filter: RouteFilter) -> Result<Vec<KernelRoute>, Error> {
        let mut routes = self.family_routes(AddressFamily::Inet, filter)?;
        routes.extend(self.family_routes(AddressFamily::Inet6, filter)?);
        Ok(routes)
    }

    /// Makes a route, unless the very same one is there. Returns whether it was not.
    ///
    /// Of several to the same destination with the same metric, the newest of IPv4 goes in front, and those of IPv6 share
    /// the traffic.
    pub fn add_route(&mut self, new: &NewRoute) -> Result<bool, Error> {
        let message = message(new)?;
        let attempt = Attempt {
            operation: "add route",
            object: new,
        };
        match self.request(
            libc::RTM_NEWROUTE,
            NLM_F_CREATE,
            &message,
            attempt,
            |_, _| Ok(()),
        ) {
            Ok(()) => Ok(true),
            Err(error) if error.errno() == Some(Errno::EEXIST) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a route. Returns whether it was there.
    pub fn delete_route(&mut self, route: &NewRoute) -> Result<bool, Error> {
        let mut message = message(route)?;
        // Whoever made the route and whatever its scope: what it does is what identifies it.
        message.header.protocol = RouteProtocol::Unspec;
        message.header.kind = RouteType::Unspec;
        message.header.scope = RouteScope::NoWhere;
        message.header.flags = RouteFlags::empty();
        let attempt = Attempt {
            operation: "delete route",
            object: route,
        };
        match self.request(libc::RTM_DELROUTE, 0, &message, attempt, |_, _| Ok(())) {
            Ok(()) => Ok(true),
            // ENODEV, ENETUNREACH: the link is gone or down, and its routes with it. ENOENT: so is the table.
            Err(error)
                if matches!(
                    error.errno(),
                    Some(Errno::ESRCH | Errno::ENOENT | Errno::ENODEV | Errno::ENETUNREACH)
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the link that the default route goes out of: that of IPv4 if there is one, else that of IPv6; of several,
    /// that of the lowest metric.
    pub fn default_parent(&mut self) -> Result<Option<Link>, Error> {
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let filter = RouteFilter {
                ifindex: None,
                table: Some(MAIN_TABLE),
            };
            let routes = self.family_routes(family, filter)?;
            let default = routes
                .iter()
                .filter(|route| route.dst.prefix() == 0 && route.kind == UNICAST)
                .min_by_key(|route| route.priority);
            if let Some(ifindex) = default.and_then(|route| route.ifindex) {
                return self.link_by_index(ifindex).map(Some);
            }
        }
        Ok(None)
    }

    fn family_routes(
        &mut self,
        family: AddressFamily,
        filter: RouteFilter,
    ) -> Result<Vec<KernelRoute>, Error> {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        // Only a kernel that checks strictly filters by these.
        if let Some(ifindex) = filter.ifindex {
            message.attributes.push(RouteAttribute::Oif(ifindex));
        }
        if let Some(table) = filter.table {
            message.attributes.push(RouteAttribute::Table(table));
        }
        let attempt = Attempt {
            operation: "list",
            object: &"routes",
        };
        let found = self.dump(libc::RTM_GETROUTE, &message, attempt, decode::routes);
        let routes = match found {
            // There is no such table, or no IPv6.
            Err(error) if matches!(error.errno(), Some(Errno::ENOENT | Errno::EOPNOTSUPP)) => {
                Vec::new()
            }
            found => found?.into_iter().flatten().collect(),
        };
        Ok(routes
            .into_iter()
            .filter(|route| {
                filter.table.is_none_or(|table| route.table == table)
                    && filter
                        .ifindex
                        .is_none_or(|ifindex| route.ifindex == Some(ifindex))
            })
            .collect())
    }
}

/// `RT_TABLE_MAIN`.
pub const MAIN_TABLE: u32 = 254;
/// `RT_SCOPE_LINK`.
pub const LINK_SCOPE: u8 = 253;
/// `RTN_UNICAST`.
const UNICAST: u8 = 1;
