//! Telling a Wi-Fi device from a wired one.

use std::fs;
use std::path::Path;

/// Tells whether the link is a station of a wireless network, as far as sysfs shows it.
///
/// A sysfs shows the links of the netns it was mounted in, which need not be the one the link is in; so the index has to
/// agree. Where sysfs shows another netns or is not mounted, the answer is no.
pub(crate) fn is_wireless(name: &str, index: u32) -> bool {
    let directory = Path::new(SYSFS).join(name);
    directory.join("phy80211").exists()
        && fs::read_to_string(directory.join("ifindex"))
            .is_ok_and(|text| text.trim() == index.to_string())
}

const SYSFS: &str = "/sys/class/net";
