//! Drives [`fuzz::dhcp_reply`].
#![cfg_attr(fuzzing, no_main)]
fuzz::entry!(dhcp_reply);
