//! What every plugin executable has in common: one run from the environment and stdin to one JSON value on stdout.
//!
//! A plugin implements [`Plugin`] and calls [`main`]. [`Delegate`] runs another plugin on its behalf, [`Undo`] takes
//! back the steps of an ADD that fails, [`Errors`] collects what went wrong in a DEL that goes on regardless.
//! Implements SPEC.md §2 (execution protocol) and §4 (delegation).

mod call;
mod delegate;
mod environment;
mod errors;
mod log;
mod netns_guard;
mod output;
mod run;
mod stdin;
mod undo;

pub use call::{Call, Plugin};
pub use delegate::Delegate;
pub use errors::Errors;
pub use log::warn;
pub use run::main;
pub use undo::Undo;
