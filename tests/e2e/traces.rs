//! What an attachment leaves on a node and in a pod.

use testbed::{Node, Pod, observe};

/// Asserts that neither pod nor node has a link or an address reservation that a test's setup did not make.
#[track_caller]
pub(crate) fn assert_none(pod: &Pod) {
    assert_eq!(pod.enter(observe::link_names), [""; 0], "links in the pod");
    assert_none_on_node(pod.node());
}

/// Asserts that the node has no link or address reservation that a test's setup did not make.
#[track_caller]
pub(crate) fn assert_none_on_node(node: &Node) {
    assert_eq!(
        node.enter(observe::link_names),
        ["eth1"],
        "links on the node"
    );
    assert_eq!(
        reservations(node, "lan"),
        [""; 0],
        "reservations of host-local"
    );
}

/// Returns the addresses that host-local has reserved on a network.
pub(crate) fn reservations(node: &Node, network: &str) -> Vec<String> {
    let mut names = node.list(format!("/var/lib/cni/networks/{network}"));
    names.retain(|name| name.parse::<std::net::IpAddr>().is_ok());
    names
}
