//! Whole lives of leases against a scripted server and a clock that is a number.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod acquire;
mod codec;
mod conflict;
mod hold;
mod leave;
mod messages;
mod oddities;
mod properties;
mod reboot;
mod script;
