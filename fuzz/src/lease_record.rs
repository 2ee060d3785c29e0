//! Lease records: whatever stands in one, a client goes on from it in good order.

use std::time::Duration;

use dhcp_client::{Client, Config, Event, Instant, Lease, Start};

use crate::routes::check_plan;

/// Reads the input as a lease in a record and starts a client from it, at several times.
pub fn lease_record(data: &[u8]) {
    let Ok(lease) = serde_json::from_slice::<Lease>(data) else {
        return;
    };
    let json = serde_json::to_vec(&lease).expect("a lease can be written");
    let back: Lease = serde_json::from_slice(&json).expect("and read again");
    assert_eq!(back, lease);
    check_plan(&lease);
    let moments = [
        Some(NOW),
        lease.t1(),
        lease.t2(),
        lease.expiry(),
        Some(lease.acquired_at),
    ];
    for now in moments.into_iter().flatten() {
        live(Start::Resume(lease.clone()), now);
        live(Start::Reboot(lease.clone()), now);
    }
}

/// A client without answers goes from deadline to deadline, and never holds an address past its end.
fn live(start: Start, mut now: Instant) {
    let config = Config {
        start,
        ..Config::new([2, 0, 0, 0, 0, 7])
    };
    let (mut client, _) = Client::new(config, 7, now);
    for _ in 0..MOST_DEADLINES {
        if let Some(expiry) = client.lease().and_then(Lease::expiry) {
            assert!(now < expiry, "held past its end");
        }
        let Some(deadline) = client.deadline().filter(|deadline| *deadline < END_OF_TIME) else {
            return;
        };
        assert!(now < deadline, "{now:?} and still {deadline:?}");
        now = deadline;
        client.step(Event::Deadline, now);
    }
}

const NOW: Instant = Instant::from_boot(Duration::from_secs(100_000));

/// Beyond it an instant can no longer be told from the next.
const END_OF_TIME: Instant = Instant::from_boot(Duration::from_secs(u64::MAX / 2));

const MOST_DEADLINES: usize = 40;
