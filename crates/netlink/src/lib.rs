//! Links, addresses and routes over a blocking rtnetlink socket (`rtnetlink(7)`, RFC 3549).
//!
//! One socket, one request at a time: what a program needs that lives for a millisecond. Messages are built with the
//! types of `rtnetlink` and `netlink-packet-route`. Replies are read attribute by attribute, only those that are
//! needed: an attribute that a newer kernel has added or changed then breaks nothing.
//!
//! On top of that, what CNI plugins have in common: [`apply`] puts a result on a link, [`compare`] tells whether a link
//! still is what a result promised.

pub mod address;
pub mod apply;
pub mod compare;

mod connection;
mod decode;
mod error;
pub mod link;
pub mod route;
mod watch;

pub use address::{Address, NewAddress};
pub use connection::Netlink;
pub use error::Error;
pub use link::{Link, LinkChange, Macvlan, MacvlanMode, NewMacvlan, Outside};
pub use route::{KernelRoute, NewRoute, RouteFilter};
pub use watch::{LinkNews, LinkWatch};
