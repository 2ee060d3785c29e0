//! Which link has the default route, when several networks bring one.

use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};

use crate::route::{KernelRoute, MAIN_TABLE, RouteFilter};
use crate::{Error, Netlink};

/// Whether a link gets the default routes that its result has. Only those of the main table count: one in another table
/// takes nothing away from the other links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultRoute {
    /// It does: of IPv4 the newest goes in front of others with its metric, of IPv6 they share the traffic.
    #[default]
    Always,
    /// Of each family, unless another link has one.
    UnlessPresent,
    /// It does not.
    Never,
}

impl DefaultRoute {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Always, Self::UnlessPresent, Self::Never];

    /// Returns the choice of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == name)
    }

    /// Returns the name of the choice.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::UnlessPresent => "unless-present",
            Self::Never => "never",
        }
    }

    /// Returns the default routes that the link `ifindex` is not to get now. A link that has the default route
    /// keeps its place, whatever other links have got since.
    pub fn unwanted(self, netlink: &mut Netlink, ifindex: u32) -> Result<Unwanted, Error> {
        match self {
            Self::Always => Ok(Unwanted::default()),
            Self::Never => Ok(Unwanted {
                ipv4: true,
                ipv6: true,
            }),
            Self::UnlessPresent => {
                let filter = RouteFilter {
                    ifindex: None,
                    table: Some(MAIN_TABLE),
                };
                Ok(Unwanted::beside(&netlink.routes(filter)?, ifindex))
            }
        }
    }
}

/// The families of which a link gets no default route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unwanted {
    ipv4: bool,
    ipv6: bool,
}

impl Unwanted {
    /// Whether a route to `dst` in `table` is one of them. No table, or 0, is the main one.
    #[must_use]
    pub fn has(self, dst: IpNetwork, table: Option<u32>) -> bool {
        let family = if dst.is_ipv4() { self.ipv4 } else { self.ipv6 };
        family && dst.prefix() == 0 && matches!(table, None | Some(0 | MAIN_TABLE))
    }

    /// The families of which another link has a default route, and this one none.
    fn beside(routes: &[KernelRoute], ifindex: u32) -> Self {
        let defaults = || routes.iter().filter(|route| route.dst.prefix() == 0);
        let of = |family: fn(&IpNetwork) -> bool| {
            let is_present = defaults()
                .any(|route| family(&route.dst) && route.ifindex.is_some_and(|of| of != ifindex));
            // The kernel makes one on any link when a router advertises itself.
            let is_own = defaults().any(|route| {
                family(&route.dst) && route.ifindex == Some(ifindex) && route.protocol != ADVERTISED
            });
            is_present && !is_own
        };
        Self {
            ipv4: of(IpNetwork::is_ipv4),
            ipv6: of(IpNetwork::is_ipv6),
        }
    }
}

/// `RTPROT_RA`.
const ADVERTISED: u8 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_has_the_same_name_everywhere() {
        for choice in DefaultRoute::ALL {
            assert_eq!(DefaultRoute::parse(choice.as_str()), Some(choice));
        }
        assert_eq!(DefaultRoute::parse("Always"), None);
    }

    #[test]
    fn a_default_route_of_another_link_counts_for_its_family() {
        let on_eth0 = route("0.0.0.0/0", 2);
        let unwanted = Unwanted::beside(&[on_eth0.clone(), route("fd00::/8", 2)], 3);
        assert!(unwanted.has(net("0.0.0.0/0"), None));
        assert!(!unwanted.has(net("::/0"), None));
        assert_eq!(
            Unwanted::beside(&[on_eth0.clone(), route("0.0.0.0/0", 3)], 3),
            Unwanted::default(),
            "it keeps its place"
        );
        let advertised = KernelRoute {
            protocol: ADVERTISED,
            ..route("::/0", 3)
        };
        assert!(Unwanted::beside(&[route("::/0", 2), advertised], 3).has(net("::/0"), None));
        let discarding = KernelRoute {
            ifindex: None,
            ..on_eth0
        };
        assert_eq!(Unwanted::beside(&[discarding], 3), Unwanted::default());
    }

    #[test]
    fn only_default_routes_of_the_main_table_are_unwanted() {
        let all = Unwanted {
            ipv4: true,
            ipv6: true,
        };
        for table in [None, Some(0), Some(254)] {
            assert!(all.has(net("0.0.0.0/0"), table) && all.has(net("::/0"), table));
        }
        assert!(!all.has(net("0.0.0.0/0"), Some(100)));
        assert!(!all.has(net("0.0.0.0/1"), None));
    }

    fn route(dst: &str, ifindex: u32) -> KernelRoute {
        KernelRoute {
            dst: net(dst),
            gw: None,
            ifindex: Some(ifindex),
            table: MAIN_TABLE,
            scope: 0,
            priority: 0,
            mtu: None,
            advmss: None,
            protocol: 3,
            onlink: false,
            kind: 1,
        }
    }

    fn net(text: &str) -> IpNetwork {
        text.parse().expect("a destination")
    }
}
