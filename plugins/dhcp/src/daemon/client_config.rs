//! A network's configuration in the words of the DHCP client.

use cni::MacAddr;
use dhcp_client::{Broadcast, Config, ConflictDetection};

use super::node::Node;
use crate::lease_config::{self, ClientId, LeaseConfig};

/// The configuration of the client of a link with address `mac`.
pub(crate) fn of(config: &LeaseConfig, mac: MacAddr, node: &Node) -> Config {
    let broadcast = match config.broadcast {
        Some(true) => Broadcast::Always,
        Some(false) => Broadcast::Never,
        None if node.broadcast => Broadcast::Always,
        None => Broadcast::Auto,
    };
    Config {
        client_id: match &config.client_id {
            ClientId::Bytes(bytes) => Some(bytes.clone()),
            ClientId::Mac => Some([&[ETHERNET], &mac.octets()[..]].concat()),
            ClientId::None => None,
        },
        hostname: config.hostname.clone(),
        parameter_request_list: config.request.clone(),
        extra_options: config
            .provide
            .iter()
            .map(|option| (option.code, option.value.clone()))
            .collect(),
        broadcast,
        conflict: match config.conflict_detection {
            lease_config::ConflictDetection::Off => ConflictDetection::Off,
            lease_config::ConflictDetection::Fast => ConflictDetection::Fast,
            lease_config::ConflictDetection::Strict => ConflictDetection::Strict,
        },
        waits: true,
        ..Config::new(mac.octets())
    }
}

/// RFC 2132 §9.14: the type of an identifier that is a hardware address.
const ETHERNET: u8 = 1;
