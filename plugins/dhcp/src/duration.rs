//! Durations as Go writes them (`10s`, `1m2s`, `1.5h`), the syntax of the reference daemon's flags.
//!
//! A bare number is refused, as Go does, except for `0`.

use std::time::Duration;

/// Parses a non-negative duration in Go's syntax.
pub(crate) fn parse(text: &str) -> Result<Duration, Error> {
    let invalid = || Error::Syntax {
        text: text.to_owned(),
    };
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (number, tail) = split_while(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, tail) = split_while(tail, |c| !c.is_ascii_digit() && c != '.');
        let unit = nanoseconds(unit).ok_or_else(invalid)?;
        let part = scaled(number, unit).ok_or_else(invalid)?;
        total = total.saturating_add(part);
        rest = tail;
    }
    let nanoseconds = u64::try_from(total)
        .ok()
        .filter(|n| i64::try_from(*n).is_ok());
    nanoseconds
        .map(Duration::from_nanos)
        .ok_or_else(|| Error::TooLong {
            text: text.to_owned(),
        })
}

/// Whole seconds as people read them: `23h59m58s`.
pub(crate) fn readable(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// Why a text is no duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    #[error("{text:?} is not a duration such as 10s, 1m2s or 500ms")]
    Syntax { text: String },
    #[error("{text:?} is longer than 292 years")]
    TooLong { text: String },
}

fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !keep(c)).unwrap_or(text.len()))
}

fn nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// `number` (digits, at most one point) times `unit`, without going through floating point.
fn scaled(number: &str, unit: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() {
        0
    } else {
        whole.parse::<u64>().ok()?
    };
    let fraction = fraction.get(..fraction.len().min(15))?;
    let digits = u32::try_from(fraction.len()).ok()?;
    let numerator = if fraction.is_empty() {
        0
    } else {
        fraction.parse::<u64>().ok()?
    };
    let part = u128::from(numerator) * u128::from(unit) / 10_u128.pow(digits);
    Some(u128::from(whole) * u128::from(unit) + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_go_accepts() {
        for (text, milliseconds) in [
            ("0", 0),
            ("10s", 10_000),
            ("1m2s", 62_000),
            ("3m28s", 208_000),
            ("1.5h", 5_400_000),
            ("+250ms", 250),
            (".5s", 500),
            ("1.s", 1_000),
            ("2000us", 2),
            ("2000µs", 2),
        ] {
            assert_eq!(
                parse(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        assert_eq!(parse("7ns"), Ok(Duration::from_nanos(7)));
    }

    #[test]
    fn refuses_what_go_refuses_and_negative_times() {
        for text in [
            "",
            "+",
            "10",
            "s",
            "10 s",
            "1x",
            "-1s",
            ".s",
            "1.2.3s",
            "10s5",
            "99999999999h",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_for_people_is_what_can_be_read() {
        for text in ["0s", "59s", "1m0s", "59m59s", "1h0m0s", "1193046h28m14s"] {
            assert_eq!(readable(parse(text).unwrap()), text);
        }
        assert_eq!(readable(Duration::from_millis(1999)), "1s");
    }
}
