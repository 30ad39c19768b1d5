//! Reads the times that logs carry, as nanoseconds since 1970.
//!
//! A time without a zone is none: nobody can say which moment it names.

/// The longest text that a time can be.
const LONGEST: usize = 40;

/// RFC 3339 with up to nine digits of a second, as Docker, CRI and most libraries write it: `2026-11-24T11:42:48.123456789Z`
/// or with an offset like `+02:00`; a space may stand for the `T`. Times before 1970 or after 2553 are none.
pub(super) fn rfc3339(text: &[u8]) -> Option<u64> {
    let (date_time, rest) = text.split_first_chunk::<19>()?;
    let pair = |at: usize| {
        let (tens, ones) = (
            date_time[at].wrapping_sub(b'0'),
            date_time[at + 1].wrapping_sub(b'0'),
        );
        (tens < 10 && ones < 10).then(|| u64::from(tens) * 10 + u64::from(ones))
    };
    let year = pair(0)? * 100 + pair(2)?;
    let (month, day) = (pair(5)?, pair(8)?);
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    let is_shaped = date_time[4] == b'-'
        && date_time[7] == b'-'
        && matches!(date_time[10], b'T' | b't' | b' ')
        && date_time[13] == b':'
        && date_time[16] == b':';
    // A second may be the sixtieth when one is put in; it counts as the next one.
    if !is_shaped || hour > 23 || minute > 59 || second > 60 || !(1970..=2553).contains(&year) {
        return None;
    }
    let days = days_since_1970(year, month, day)?;
    let (nanos, zone) = fraction(rest)?;
    let seconds = (((days * 24 + hour) * 60 + minute) * 60 + second)
        .checked_add_signed(-offset_seconds(zone)?)?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// A text that is RFC 3339, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970.
pub(super) fn text(text: &str) -> Option<u64> {
    if text.len() > LONGEST {
        return None;
    }
    rfc3339(text.as_bytes()).or_else(|| {
        if !text.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        match text.split_once('.') {
            // By its digits, because a double holds such a time to about 200 nanoseconds only.
            Some((seconds, digits)) => {
                let seconds = seconds
                    .parse::<u64>()
                    .ok()
                    .filter(|seconds| *seconds < UNITS[0].0)?;
                let (nanos, rest) = fraction_digits(digits.as_bytes())?;
                (rest.is_empty() && is_plausible(seconds))
                    .then_some(seconds * 1_000_000_000 + nanos)
            }
            None => integer(text.parse().ok()?),
        }
    })
}

/// What is below each number counts in this many nanoseconds; by these bounds seconds last until the year 5138.
const UNITS: [(u64, u64); 3] = [
    (100_000_000_000, 1_000_000_000),
    (100_000_000_000_000, 1_000_000),
    (100_000_000_000_000_000, 1_000),
];

/// A number since 1970, of a unit that its size tells.
pub(super) fn integer(value: u64) -> Option<u64> {
    let nanos = UNITS
        .iter()
        .find(|(below, _)| value < *below)
        .map_or(Some(value), |(_, unit)| value.checked_mul(*unit))?;
    is_plausible(nanos / 1_000_000_000).then_some(nanos)
}

/// A number since 1970 with a fraction, of a unit that its size tells.
pub(super) fn float(value: f64) -> Option<u64> {
    if !(0.0..1e19).contains(&value) {
        return None;
    }
    let unit = UNITS
        .iter()
        .find(|(below, _)| value < *below as f64)
        .map_or(1, |(_, unit)| *unit);
    let whole = value.trunc();
    let nanos = (whole as u64)
        .checked_mul(unit)?
        .checked_add(((value - whole) * unit as f64) as u64)?;
    is_plausible(nanos / 1_000_000_000).then_some(nanos)
}

/// A small number is a duration or a counter, not a time: those start with the year 2001.
fn is_plausible(seconds: u64) -> bool {
    seconds >= 1_000_000_000
}

fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    const DAYS_BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days_in_month = match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let before_month = *DAYS_BEFORE.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    if !(1..=days_in_month).contains(&day) {
        return None;
    }
    let earlier = year - 1;
    // Leap days from the year 1 until the start of this year, less the 477 until 1970.
    let leap_days = earlier / 4 - earlier / 100 + earlier / 400 - 477;
    let is_after_leap_day = is_leap && month > 2;
    Some((year - 1970) * 365 + leap_days + before_month + u64::from(is_after_leap_day) + day - 1)
}

/// Nanoseconds of `.123…` at the start, if it is there, and what follows.
fn fraction(text: &[u8]) -> Option<(u64, &[u8])> {
    match text.split_first() {
        Some((b'.' | b',', digits)) => fraction_digits(digits),
        _ => Some((0, text)),
    }
}

fn fraction_digits(text: &[u8]) -> Option<(u64, &[u8])> {
    const SCALE: [u64; 10] = [
        1_000_000_000,
        100_000_000,
        10_000_000,
        1_000_000,
        100_000,
        10_000,
        1_000,
        100,
        10,
        1,
    ];
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = text[..digits.min(9)]
        .iter()
        .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    (digits > 0).then(|| (value * SCALE[digits.min(9)], &text[digits..]))
}

/// The seconds of `Z` or `±HH:MM`.
fn offset_seconds(zone: &[u8]) -> Option<i64> {
    match *zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            let pair = |tens: u8, ones: u8| {
                (tens.is_ascii_digit() && ones.is_ascii_digit())
                    .then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
            };
            let (hours, minutes) = (pair(h1, h2)?, pair(m1, m2)?);
            let seconds = hours * 3600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond_and_in_every_zone() {
        for (text, nanos) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-24T11:42:48.123456789Z", 1_795_520_568_123_456_789),
            ("2026-11-24T11:42:48.1Z", 1_795_520_568_100_000_000),
            ("2026-11-24 11:42:48,123+00:00", 1_795_520_568_123_000_000),
            ("2026-11-24T13:42:48.5+02:00", 1_795_520_568_500_000_000),
            ("2026-11-24T04:12:48-0730", 1_795_520_568_000_000_000),
            (
                "2026-11-24T11:42:48.1234567891234Z",
                1_795_520_568_123_456_789,
            ),
            ("2024-02-29T23:59:60Z", 1_709_251_200_000_000_000),
        ] {
            assert_eq!(rfc3339(text.as_bytes()), Some(nanos), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for wrong in [
            "",
            "2026",
            "2026-11-24",
            "2026-11-24T11:42:48",
            "2026-13-24T11:42:48Z",
            "2026-00-24T11:42:48Z",
            "2026-02-29T11:42:48Z",
            "2026-11-31T11:42:48Z",
            "2026-11-00T11:42:48Z",
            "2026-11-24T24:42:48Z",
            "2026-11-24T11:60:48Z",
            "2026-11-24T11:42:61Z",
            "2026-11-24T11:42:48.Z",
            "2026-11-24T11:42:48+25:00",
            "2026/11/24T11:42:48Z",
            "1969-12-31T23:59:59Z",
            "2554-01-01T00:00:00Z",
            "2026-11-24T11:42:48Zx",
            "1970-01-01T00:00:00+01:00",
            "２026-11-24T11:42:48Z",
        ] {
            assert_eq!(rfc3339(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_number_tells_its_unit_by_its_size() {
        let expected = Some(1_795_520_568_000_000_000);
        for number in [
            1_795_520_568,
            1_795_520_568_000,
            1_795_520_568_000_000,
            1_795_520_568_000_000_000,
        ] {
            assert_eq!(integer(number), expected);
            assert_eq!(text(&number.to_string()), expected);
        }
        assert_eq!(
            text("1795520568.123456789"),
            Some(1_795_520_568_123_456_789)
        );
        assert_eq!(float(1_795_520_568.5), Some(1_795_520_568_500_000_000));
        assert_eq!(float(1_795_520_568_250.5), Some(1_795_520_568_250_500_000));
        for none in [
            integer(17),
            float(0.25),
            float(f64::NAN),
            float(-1.0),
            float(1e300),
            text("17.5"),
            text("1795520568.5s"),
        ] {
            assert_eq!(none, None);
        }
    }

    proptest! {
        #[test]
        fn every_moment_is_read_as_jiff_writes_it(nanos in 0..18_000_000_000_000_000_000_i128) {
            let written = jiff::Timestamp::from_nanosecond(nanos).unwrap().to_string();
            prop_assert_eq!(rfc3339(written.as_bytes()).map(i128::from), Some(nanos));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, near in "[0-9T:.Z+ -]{0,40}") {
            rfc3339(&bytes);
            rfc3339(near.as_bytes());
            text(&near);
        }
    }
}
