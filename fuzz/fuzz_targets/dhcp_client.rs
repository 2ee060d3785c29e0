//! Drives [`fuzz::dhcp_client`].
#![cfg_attr(fuzzing, no_main)]
fuzz::entry!(dhcp_client);
