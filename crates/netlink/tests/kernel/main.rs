//! This crate against the running kernel. Every test has namespaces of its own, made by its own thread, and looks at
//! what came of it with `ip`, which knows nothing of this crate.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod addresses;
mod announcing;
mod applying;
mod comparing;
mod links;
mod node;
mod routes;
mod watching;
