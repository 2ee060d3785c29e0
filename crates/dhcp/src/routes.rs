//! What a lease means for the routing table (RFC 3442, RFC 2132 §3.5 and §5.8).

use std::net::Ipv4Addr;

use ipnetwork::Ipv4Network;

use crate::lease::Lease;

/// The routes of a lease, in the order in which they can be set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoutePlan {
    /// Link-scope routes first, then by prefix length, the default route last.
    pub routes: Vec<PlannedRoute>,
    /// The router of the default route, `None` without one.
    pub gateway: Option<Ipv4Addr>,
}

/// One route to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRoute {
    /// The destination, without host bits.
    pub dst: Ipv4Network,
    /// The next hop; `None` for a route of link scope.
    pub gw: Option<Ipv4Addr>,
    /// The next hop is outside the lease's subnet and every link-scope route of this plan, so that
    /// the kernel has to be told that it is on the link.
    pub onlink: bool,
}

/// Returns the routes that `lease` asks for.
#[must_use]
pub fn plan(lease: &Lease) -> RoutePlan {
    let _ = lease;
    RoutePlan::default()
}
