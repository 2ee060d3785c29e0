//! End-to-end tests: the built executables, run as runtimes run them, in namespaces that each test makes for itself.
//!
//! `PLUGINS_UNDER_TEST` chooses the plugins; `reference` means the Go plugins, on which `differs` says what is
//! expected to be otherwise.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "a test's own functions fail as it does, and take configurations as they are written"
)]

mod awkward_servers;
mod containerd;
mod default_route;
mod dhcp_changes;
mod dhcp_concurrency;
mod dhcp_crashes;
mod dhcp_daemon;
mod dhcp_lease;
mod dhcp_lifecycle;
mod dhcp_link;
mod dhcp_options;
mod dhcp_out_of_reach;
mod dhcp_timing;
mod faults;
mod granting;
mod host_local;
mod loopback;
mod macvlan_add;
mod macvlan_check;
mod macvlan_del;
mod multus;
mod network_definitions;
mod networks;
mod podman;
mod real_servers;
mod scale;
mod spec_versions;
mod static_ipam;
mod status_and_gc;
mod traces;
mod upgrade;
