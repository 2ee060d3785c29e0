//! Drives [`fuzz::lease_routes`].
#![cfg_attr(fuzzing, no_main)]
fuzz::entry!(lease_routes);
