//! Moments and ranges as the API and the page write them: RFC 3339 in UTC, or a duration back from now. Nanoseconds since
//! the Unix epoch inside, as the store has them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

const NANOS_PER_MILLI: i64 = 1_000_000;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// What is asked when nothing is said.
pub const DEFAULT_SINCE: Duration = Duration::from_secs(15 * 60);

/// From `since_ns` to `until_ns`, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Nanoseconds since the Unix epoch.
    pub since_ns: i64,
    /// Nanoseconds since the Unix epoch, not before `since_ns`.
    pub until_ns: i64,
}

impl Range {
    /// All that is stored.
    pub const ALL: Self = Self {
        since_ns: 0,
        until_ns: i64::MAX,
    };

    /// The last `duration` up to now.
    pub fn last(duration: Duration) -> Self {
        let until_ns = now_ns();
        Self {
            since_ns: until_ns.saturating_sub(nanoseconds(duration)),
            until_ns,
        }
    }

    /// Start in milliseconds, as samples have it; rounded up, so that nothing before the range is in it.
    pub fn since_ms(&self) -> i64 {
        self.since_ns.div_euclid(NANOS_PER_MILLI)
            + i64::from(self.since_ns.rem_euclid(NANOS_PER_MILLI) > 0)
    }

    /// End in milliseconds.
    pub fn until_ms(&self) -> i64 {
        self.until_ns.div_euclid(NANOS_PER_MILLI)
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        seconds(self.until_ns.saturating_sub(self.since_ns))
    }
}

/// Now, in nanoseconds since the Unix epoch.
pub fn now_ns() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

/// Reads `2026-11-24T08:00:00Z`, with any offset or, as a field for date and time sends it, with none for UTC; or `15m` as
/// that long before `now_ns`.
pub fn parse_moment(text: &str, now_ns: i64) -> Option<i64> {
    if let Ok(duration) = humantime::parse_duration(text) {
        return Some(now_ns.saturating_sub(nanoseconds(duration)).max(0));
    }
    let without_offset = || {
        let moment: DateTime = text.parse().ok()?;
        Offset::UTC.to_timestamp(moment).ok()
    };
    let moment = text.parse().ok().or_else(without_offset)?;
    i64::try_from(Timestamp::as_nanosecond(moment)).ok()
}

/// A duration in nanoseconds; one beyond 292 years is cut.
pub fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// Nanoseconds as seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "durations and rates need no more than 53 bits"
)]
pub fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / NANOS_PER_SECOND as f64
}

/// RFC 3339 in UTC, with as much of a fraction as there is.
pub fn rfc3339(time_ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(time_ns))
        .expect("every i64 of nanoseconds lies between the years 1677 and 2262, which a Timestamp holds")
        .to_string()
}

/// The same for the milliseconds of samples and exemplars.
pub fn rfc3339_ms(time_ms: i64) -> String {
    rfc3339(time_ms.saturating_mul(NANOS_PER_MILLI))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_521_600_000_000_000; // 2026-11-24T12:00:00Z

    #[test]
    fn reads_durations_back_from_now_and_rfc3339_with_any_offset() {
        assert_eq!(
            parse_moment("15m", NOON),
            Some(NOON - 900 * NANOS_PER_SECOND)
        );
        assert_eq!(parse_moment("2026-11-24T12:00:00Z", 0), Some(NOON));
        assert_eq!(
            parse_moment("2026-11-24T13:00:00.5+01:00", 0),
            Some(NOON + NANOS_PER_SECOND / 2)
        );
        assert_eq!(parse_moment("2026-11-24T12:00", 0), Some(NOON));
        assert_eq!(parse_moment("2026-11-24T12:00:00", 0), Some(NOON));
        assert_eq!(parse_moment("15x", NOON), None);
        assert_eq!(parse_moment("", NOON), None);
        assert_eq!(parse_moment("900years", NOON), Some(0));
    }

    #[test]
    fn writes_only_the_fraction_there_is() {
        assert_eq!(rfc3339(NOON), "2026-11-24T12:00:00Z");
        assert_eq!(rfc3339(NOON + 1), "2026-11-24T12:00:00.000000001Z");
        assert_eq!(
            rfc3339_ms(NOON / NANOS_PER_MILLI + 250),
            "2026-11-24T12:00:00.25Z"
        );
    }

    #[test]
    fn a_range_in_milliseconds_holds_nothing_before_its_start() {
        let range = Range {
            since_ns: 1,
            until_ns: 2_999_999,
        };
        assert_eq!((range.since_ms(), range.until_ms()), (1, 2));
    }
}
