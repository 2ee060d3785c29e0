//! The executable, run as a runtime runs it: by itself, killed at every step, on full disks, and
//! beside the Go reference on one directory.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by failing"
)]

mod check_status_gc;
mod crash;
mod del;
mod full_disk;
mod invocation;
mod reservations;
mod shared_with_reference;
