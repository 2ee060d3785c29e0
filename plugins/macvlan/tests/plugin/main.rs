//! The macvlan executable in namespaces of its own, with an IPAM plugin that does as it is told.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

mod add;
mod check;
mod conf;
mod del;
mod faults;
mod rig;
mod roll_back;
mod status;
