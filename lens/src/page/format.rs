//! Numbers and times for people: three significant digits, a thin space before the unit, UTC.

use jiff::Timestamp;

use crate::query::time::seconds;

const MISSING: &str = "–";

/// `850 µs`, `12.3 ms`, `1.24 s`, `2 min 5 s`.
pub(super) fn duration(seconds: f64) -> String {
    in_unit(seconds, digits)
}

/// The same for a round number, without zeros after the point.
pub(super) fn round_duration(seconds: f64) -> String {
    in_unit(seconds, |value| rounded(value).to_string())
}

/// The same for a rate.
pub(super) fn round_rate(per_second: f64) -> String {
    format!("{}/s", rounded(per_second))
}

/// The same for a share.
pub(super) fn round_percent(ratio: f64) -> String {
    format!("{} %", rounded(ratio * 100.0))
}

/// Without what floating point added.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn in_unit(seconds: f64, write: fn(f64) -> String) -> String {
    match seconds {
        s if s <= 0.0 => "0 s".to_owned(),
        s if s < 0.000_999_5 => format!("{} µs", write(s * 1e6)),
        s if s < 0.999_5 => format!("{} ms", write(s * 1e3)),
        s if s < 99.95 => format!("{} s", write(s)),
        s if s < 3_600.0 => format!("{} min {} s", (s / 60.0).floor(), (s % 60.0).floor()),
        s => format!(
            "{} h {} min",
            (s / 3_600.0).floor(),
            (s % 3_600.0 / 60.0).floor()
        ),
    }
}

/// The same, or a dash.
pub(super) fn duration_or_dash(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| MISSING.to_owned(), duration)
}

/// `12.5/s`; below one in ten seconds `3.00/min`.
pub(super) fn rate(per_second: f64) -> String {
    match per_second {
        r if r <= 0.0 => "0/s".to_owned(),
        r if r < 0.1 => format!("{}/min", digits(r * 60.0)),
        r => format!("{}/s", digits(r)),
    }
}

/// The same, or a dash.
pub(super) fn rate_or_dash(per_second: Option<f64>) -> String {
    per_second.map_or_else(|| MISSING.to_owned(), rate)
}

/// A share as `1.2 %`.
pub(super) fn percent(ratio: f64) -> String {
    match ratio * 100.0 {
        p if p <= 0.0 => "0 %".to_owned(),
        p if p < 0.1 => "< 0.1 %".to_owned(),
        p if p < 99.95 => format!("{p:.1} %"),
        _ => "100 %".to_owned(),
    }
}

/// The same, or a dash.
pub(super) fn percent_or_dash(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| MISSING.to_owned(), percent)
}

/// `512 KiB`, `1.25 GiB`.
pub(super) fn bytes(number: f64) -> String {
    in_bytes(number, digits)
}

/// The same, or a dash.
pub(super) fn bytes_or_dash(number: Option<f64>) -> String {
    number.map_or_else(|| MISSING.to_owned(), bytes)
}

/// The same for a round number, without zeros after the point.
pub(super) fn round_bytes(number: f64) -> String {
    in_bytes(number, |value| {
        ((value * 100.0).round() / 100.0).to_string()
    })
}

fn in_bytes(number: f64, write: fn(f64) -> String) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if number < 999.5 {
        return format!("{} B", number.round());
    }
    let mut value = number / 1_024.0;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    for larger in units {
        if value < 999.5 {
            break;
        }
        value /= 1_024.0;
        unit = larger;
    }
    format!("{} {unit}", write(value))
}

/// `1.25 MiB/s`, or a dash.
pub(super) fn bytes_rate_or_dash(per_second: Option<f64>) -> String {
    per_second.map_or_else(
        || MISSING.to_owned(),
        |per_second| format!("{}/s", bytes(per_second)),
    )
}

/// A number of CPUs, or of tasks for them: `0.004`, `1.25`.
pub(super) fn cpus(number: f64) -> String {
    match number {
        n if n < 0.000_5 => "0".to_owned(),
        n if n < 0.099_5 => format!("{n:.3}"),
        n => digits(n),
    }
}

/// The same, or a dash.
pub(super) fn cpus_or_dash(number: Option<f64>) -> String {
    number.map_or_else(|| MISSING.to_owned(), cpus)
}

/// How long a machine runs: `45 s`, `12 min`, `5 h 3 min`, `41 d 2 h`.
pub(super) fn uptime_or_dash(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else {
        return MISSING.to_owned();
    };
    let whole = |unit: f64| (seconds / unit).floor();
    match seconds {
        s if s < 60.0 => format!("{} s", s.floor()),
        s if s < 3_600.0 => format!("{} min", whole(60.0)),
        s if s < 86_400.0 => format!("{} h {} min", whole(3_600.0), whole(60.0) % 60.0),
        _ => format!("{} d {} h", whole(86_400.0), whole(3_600.0) % 24.0),
    }
}

/// `12,345`.
pub(super) fn count(number: i64) -> String {
    let plain = number.unsigned_abs().to_string();
    let groups: Vec<&str> = plain
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|chunk| str::from_utf8(chunk).ok())
        .collect();
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", groups.join(","))
}

/// A number of no unit: `12,345`, or with three significant digits.
#[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
pub(super) fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return count(value as i64);
    }
    let sign = if value < 0.0 { "-" } else { "" };
    match value.abs() {
        v if v < 0.01 => format!("{value:.1e}"),
        v => format!("{sign}{}", digits(v)),
    }
}

/// `1 span`, `2 spans`.
pub(super) fn counted(number: i64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// `12:31:05.250`.
pub(super) fn clock(time_ns: i64) -> String {
    strftime(time_ns, "%H:%M:%S%.3f")
}

/// `12:31:05`, with the day before it when that is not the day of `now_ns`: `11-23 12:31:05`.
pub(super) fn moment(time_ns: i64, now_ns: i64) -> String {
    let day = |time_ns| strftime(time_ns, "%F");
    let is_today = day(time_ns) == day(now_ns);
    strftime(
        time_ns,
        if is_today {
            "%H:%M:%S"
        } else {
            "%m-%d %H:%M:%S"
        },
    )
}

/// As a field for date and time has it: `2026-11-24T12:31:05`.
pub(super) fn field(time_ns: i64) -> String {
    strftime(time_ns, "%FT%H:%M:%S")
}

/// A tick of a time axis: to the minute where the ticks lie minutes apart.
pub(super) fn tick(time_ns: i64, apart_seconds: i64) -> String {
    strftime(
        time_ns,
        if apart_seconds % 60 == 0 {
            "%H:%M"
        } else {
            "%H:%M:%S"
        },
    )
}

fn strftime(time_ns: i64, format: &str) -> String {
    Timestamp::from_nanosecond(i128::from(time_ns))
        .map_or_else(|_| MISSING.to_owned(), |t| t.strftime(format).to_string())
}

/// `3 s ago`.
pub(super) fn ago(time_ns: i64, now_ns: i64) -> String {
    match seconds(now_ns - time_ns) {
        s if s < 1.0 => "now".to_owned(),
        s if s < 60.0 => format!("{} s ago", s.floor()),
        s if s < 3_600.0 => format!("{} min ago", (s / 60.0).floor()),
        s => format!("{} h ago", (s / 3_600.0).floor()),
    }
}

/// Three significant digits.
fn digits(value: f64) -> String {
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits() {
        let written = [
            0.0,
            0.000_000_5,
            0.000_85,
            0.0123,
            0.1,
            0.999_9,
            1.239,
            12.0,
            125.0,
            7_260.0,
        ]
        .map(duration);
        let expected = [
            "0 s",
            "0.50 µs",
            "850 µs",
            "12.3 ms",
            "100 ms",
            "1.00 s",
            "1.24 s",
            "12.0 s",
            "2 min 5 s",
            "2 h 1 min",
        ];
        assert_eq!(written, expected);
    }

    #[test]
    fn ticks_are_short() {
        assert_eq!(
            [0.0005, 0.1, 2.0].map(round_duration),
            ["500 µs", "100 ms", "2 s"]
        );
    }

    #[test]
    fn bytes_and_uptimes() {
        assert_eq!(
            [0.0, 999.0, 1_000.0, 1_048_576.0, 1_342_177_280.0, 8e12].map(bytes),
            [
                "0 B", "999 B", "0.98 KiB", "1.00 MiB", "1.25 GiB", "7.28 TiB"
            ]
        );
        assert_eq!(
            [0.0, 524_288.0, 2_684_354_560.0].map(round_bytes),
            ["0 B", "512 KiB", "2.5 GiB"]
        );
        assert_eq!(
            [0.0, 0.004, 0.25, 12.34].map(cpus),
            ["0", "0.004", "0.25", "12.3"]
        );
        assert_eq!(
            [45.9, 725.0, 18_190.0, 3_550_000.0].map(|s| uptime_or_dash(Some(s))),
            ["45 s", "12 min", "5 h 3 min", "41 d 2 h"]
        );
    }

    #[test]
    fn rates_shares_and_counts() {
        assert_eq!(
            [0.0, 0.05, 1.25, 1_234.5].map(rate),
            ["0/s", "3.00/min", "1.25/s", "1234/s"]
        );
        assert_eq!(
            [0.0, 0.0005, 0.0123, 1.0].map(percent),
            ["0 %", "< 0.1 %", "1.2 %", "100 %"]
        );
        assert_eq!(
            [0, 999, 1_000, -12_345_678].map(count),
            ["0", "999", "1,000", "-12,345,678"]
        );
        assert_eq!(counted(1, "span"), "1 span");
        assert_eq!(
            [0.0, 12_345.0, 0.5, -12.345, 0.000_12].map(number),
            ["0", "12,345", "0.50", "-12.3", "1.2e-4"]
        );
    }
}
