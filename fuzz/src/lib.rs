//! Fuzz targets: functions that take any bytes, and panic when what the code under test makes of them is wrong.
//!
//! A target does not only look for panics. Each has an oracle: a second reading by other means, what comes back after
//! writing and reading again, or the invariants that the code promises. `tests/corpus` runs every target on its
//! committed inputs and on variations of them, `cargo fuzz` drives the same functions for as long as one likes.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "an oracle speaks by panicking"
)]

mod cni_args;
mod cni_config;
mod cni_result;
mod dhcp_client;
mod dhcp_reply;
mod entry;
mod ip_packet;
mod lease_record;
mod lease_routes;
mod routes;
mod tape;

pub use cni_args::cni_args;
pub use cni_config::cni_config;
pub use cni_result::cni_result;
pub use dhcp_client::dhcp_client;
pub use dhcp_reply::dhcp_reply;
pub use entry::replay;
pub use ip_packet::ip_packet;
pub use lease_record::lease_record;
pub use lease_routes::lease_routes;

/// A target: never fails, but panics where an oracle objects.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its file in `fuzz_targets` and of its directory in `corpus`.
pub const TARGETS: [(&str, Target); 8] = [
    ("cni_args", cni_args),
    ("cni_config", cni_config),
    ("cni_result", cni_result),
    ("dhcp_client", dhcp_client),
    ("dhcp_reply", dhcp_reply),
    ("ip_packet", ip_packet),
    ("lease_record", lease_record),
    ("lease_routes", lease_routes),
];
