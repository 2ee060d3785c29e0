//! Drives [`fuzz::ip_packet`].
#![cfg_attr(fuzzing, no_main)]
fuzz::entry!(ip_packet);
