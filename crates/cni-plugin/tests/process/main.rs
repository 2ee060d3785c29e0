//! The skeleton as a runtime sees it: the example plugin, run as a process.

mod delegation;
mod runtime;
mod skeleton;
mod stdin;
