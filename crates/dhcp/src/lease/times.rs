//! When a lease is renewed, rebound and over (RFC 2131 §4.4.5), whatever a server says.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Times;
use crate::ignored::Ignored;
use crate::option;
use crate::time::Instant;

impl Times {
    /// Returns the times that `options` give a lease that starts at `acquired_at`, `None` for a
    /// lease without end.
    ///
    /// RFC 2131 leaves open what to do about values that make no sense. A lease time that is missing
    /// is taken as an hour, since neither holding an address for ever nor refusing it helps the pod;
    /// one that is malformed or zero makes no lease. T1 and T2 are believed if 0 < T1 < T2 < the
    /// lease time, else they are the RFC's half and seven eighths.
    pub(crate) fn of(
        options: &BTreeMap<u8, Vec<u8>>,
        acquired_at: Instant,
    ) -> Result<Option<Self>, Ignored> {
        let seconds = match options.get(&LEASE_TIME).map(|value| option::u32(value)) {
            Some(Some(INFINITE)) => return Ok(None),
            Some(None | Some(0)) => return Err(Ignored::BadLeaseTime),
            Some(Some(seconds)) => seconds,
            None => DEFAULT_LEASE_TIME,
        };
        let lease_time = Duration::from_secs(seconds.into());
        let given = |code| {
            let seconds = options.get(&code).and_then(|value| option::u32(value));
            seconds
                .filter(|seconds| *seconds > 0)
                .map(|seconds| Duration::from_secs(seconds.into()))
        };
        let floor = (lease_time / FLOOR_PARTS).clamp(MIN_T1, MAX_FLOOR);
        let default_t2 = lease_time * 7 / 8;
        let t2 = given(T2)
            .filter(|t2| floor < *t2 && *t2 < lease_time)
            .unwrap_or(default_t2);
        let t1 = given(T1).filter(|t1| *t1 < t2).unwrap_or_else(|| {
            let half = lease_time / 2;
            if half < t2 { half } else { t2 * 4 / 7 }
        });
        Ok(Some(Self {
            t1: acquired_at + t1.max(floor),
            t2: acquired_at + t2,
            expiry: acquired_at + lease_time,
        }))
    }
}

const LEASE_TIME: u8 = 51;
const T1: u8 = 58;
const T2: u8 = 59;

/// RFC 2131 §3.3.
const INFINITE: u32 = u32::MAX;

/// An hour, in seconds.
const DEFAULT_LEASE_TIME: u32 = 3600;

/// The earliest T1: the 128th part of the lease time, but at least half a second (two REQUESTs a
/// second are the most that a lease can cause) and at most a minute (RFC 2131's shortest wait).
const FLOOR_PARTS: u32 = 128;
const MIN_T1: Duration = Duration::from_millis(500);
const MAX_FLOOR: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u32 = 3600;
    const DAY: u32 = 24 * HOUR;

    /// Lease time, T1 and T2 as given, then T1, T2 and expiry in milliseconds.
    type Case = (u32, Option<u32>, Option<u32>, [u64; 3]);

    #[test]
    fn t1_and_t2_are_in_order_whatever_was_sent() {
        let day = u64::from(DAY) * 1000;
        let defaults = [day / 2, day / 8 * 7, day];
        let cases: [Case; 16] = [
            (DAY, None, None, defaults),
            (DAY, Some(HOUR), Some(2 * HOUR), [3_600_000, 7_200_000, day]),
            (DAY, Some(0), Some(0), defaults),
            (DAY, Some(DAY), Some(DAY), defaults),
            (DAY, Some(u32::MAX), Some(u32::MAX), defaults),
            (
                DAY,
                Some(2 * HOUR),
                Some(HOUR),
                [3_600_000 * 4 / 7, 3_600_000, day],
            ),
            (
                DAY,
                Some(HOUR),
                Some(HOUR),
                [3_600_000 * 4 / 7, 3_600_000, day],
            ),
            (DAY, None, Some(HOUR), [3_600_000 * 4 / 7, 3_600_000, day]),
            (DAY, Some(DAY - 1), None, defaults),
            (DAY, Some(1), Some(2), [60_000, day / 8 * 7, day]),
            (DAY, Some(1), Some(HOUR), [60_000, 3_600_000, day]),
            (120, Some(2), Some(4), [2_000, 4_000, 120_000]),
            (1, None, None, [500, 875, 1_000]),
            (1, Some(1), Some(1), [500, 875, 1_000]),
            (2, Some(1), None, [1_000, 1_750, 2_000]),
            (u32::MAX - 1, None, None, {
                let all = u64::from(u32::MAX - 1) * 1000;
                [all / 2, all / 8 * 7 + 7 * (all % 8) / 8, all]
            }),
        ];
        for (lease_time, t1, t2, expected) in cases {
            let mut options = BTreeMap::from([(51, lease_time.to_be_bytes().to_vec())]);
            options.extend(t1.map(|t1| (58, t1.to_be_bytes().to_vec())));
            options.extend(t2.map(|t2| (59, t2.to_be_bytes().to_vec())));
            let start = Instant::from_boot(Duration::from_secs(1000));
            let times = Times::of(&options, start).unwrap().unwrap();
            let seen = [times.t1, times.t2, times.expiry].map(|at| at.duration_since(start));
            let case = format!("{lease_time} {t1:?} {t2:?}");
            let millis = seen.map(|at| u64::try_from(at.as_millis()).unwrap());
            assert_eq!(millis, expected, "{case}");
            assert!(times.t1 < times.t2 && times.t2 < times.expiry, "{case}");
        }
    }

    #[test]
    fn a_lease_time_is_well_formed_or_an_hour() {
        let times =
            |value: &[u8]| Times::of(&BTreeMap::from([(51, value.to_vec())]), Instant::default());
        assert_eq!(times(&[255; 4]), Ok(None));
        for bad in [&[][..], &[0; 4], &[1], &[0, 1, 2], &[0, 0, 0, 1, 9]] {
            assert_eq!(times(bad), Err(Ignored::BadLeaseTime), "{bad:?}");
        }
        let missing = Times::of(&BTreeMap::new(), Instant::default())
            .unwrap()
            .unwrap();
        assert_eq!(missing.expiry, Instant::from_boot(Duration::from_hours(1)));
    }
}
