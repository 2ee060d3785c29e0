//! The MTU that a lease gives to its pod's link (RFC 2132 §5.1, option 26).

use dhcp_client::Lease;

use crate::lease_config::{LeaseConfig, Suppressed};

/// The MTU for a link that had `own` before any lease: the server's where the network asks for it, but
/// never more than the link's own, which is at most its parent's. A lease that says nothing gives the
/// link its own. None where that is unknown.
pub(crate) fn of_link(lease: &Lease, config: &LeaseConfig, own: Option<u32>) -> Option<u32> {
    let own = own?;
    let is_wanted = config.request.contains(&INTERFACE_MTU) && !config.suppresses(Suppressed::Mtu);
    let given = lease.mtu.filter(|_| is_wanted).map(u32::from);
    Some(given.map_or(own, |given| given.min(own)))
}

/// RFC 2132 §5.1.
const INTERFACE_MTU: u8 = 26;

#[cfg(test)]
mod tests {
    use dhcp_client::Instant;
    use serde_json::json;

    use super::*;

    fn mtu(given: Option<u16>, request: &[u8], suppress: &[&str]) -> Option<u32> {
        let lease = json!({
            "address": "192.0.2.5", "prefix_len": 24, "server_id": "192.0.2.1",
            "acquired_at": Instant::default(), "mtu": given,
        });
        let config = json!({
            "clientId": "none", "hostname": null, "request": request, "provide": [], "routes": [],
            "suppress": suppress, "priority": null, "timeoutMs": null, "conflictDetection": "off",
            "broadcast": null, "onAddressChange": "apply",
        });
        let lease = serde_json::from_value(lease).unwrap();
        of_link(&lease, &serde_json::from_value(config).unwrap(), Some(1500))
    }

    #[test]
    fn the_servers_counts_where_it_is_asked_for_and_not_more_than_the_links_own() {
        assert_eq!(mtu(Some(1400), &[1, 26], &[]), Some(1400));
        assert_eq!(mtu(Some(9000), &[1, 26], &[]), Some(1500));
        assert_eq!(mtu(None, &[1, 26], &[]), Some(1500));
        assert_eq!(mtu(Some(1400), &[1, 3], &[]), Some(1500));
        assert_eq!(mtu(Some(1400), &[1, 26], &["mtu"]), Some(1500));
    }
}
