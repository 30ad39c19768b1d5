//! Scales of charts: time to per cent of the width, values to pixels from the top, each with ticks at round numbers.

use crate::query::time::Range;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The horizontal scale.
#[derive(Debug, Clone, Copy)]
pub(in crate::page) struct TimeScale {
    pub(super) range: Range,
}

impl TimeScale {
    pub(in crate::page) fn new(range: Range) -> Self {
        Self { range }
    }

    /// Per cent of the width; less than 0 or more than 100 outside of the range.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a chart shows no more than four digits"
    )]
    pub(in crate::page) fn percent(&self, time_ns: i64) -> f64 {
        let length = (self.range.until_ns - self.range.since_ns).max(1) as f64;
        (time_ns - self.range.since_ns) as f64 / length * 100.0
    }

    /// Round moments, at most seven of them, and the seconds between two.
    pub(in crate::page) fn ticks(&self) -> (Vec<i64>, i64) {
        const ROUND_SECONDS: [i64; 15] = [
            1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400,
        ];
        let length_s = (self.range.until_ns - self.range.since_ns) / NANOS_PER_SECOND;
        let apart_s = ROUND_SECONDS
            .into_iter()
            .find(|apart| length_s / apart <= 7)
            .unwrap_or(86_400);
        let apart_ns = apart_s * NANOS_PER_SECOND;
        let first = self.range.since_ns / apart_ns + 1;
        let last = self.range.until_ns / apart_ns;
        (
            (first..=last).map(|index| index * apart_ns).collect(),
            apart_s,
        )
    }
}

/// A vertical scale on which equal ratios are equally far apart.
#[derive(Debug, Clone, Copy)]
pub(in crate::page) struct LogScale {
    low: f64,
    high: f64,
    height: f64,
}

impl LogScale {
    /// From `low` at the bottom to `high` at the top, both widened to the next of 1, 2, 5, 10, …; at least a decade.
    pub(in crate::page) fn around(low: f64, high: f64, height: f64) -> Self {
        let low = round_down(low.max(1e-6));
        let high = round_down(high.max(low) * 0.999_999).max(low);
        let high = next_round(high).max(low * 10.0);
        Self { low, high, height }
    }

    /// Pixels from the top; what lies outside is drawn at the edge.
    pub(in crate::page) fn y(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        self.height * (1.0 - (value / self.low).ln() / (self.high / self.low).ln())
    }

    /// The values at the bottom and at the top.
    pub(in crate::page) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Values to label, top first: 1, 2, 5 of each decade, or only the 1 where that is too dense.
    pub(in crate::page) fn ticks(&self) -> Vec<f64> {
        const APART_PX: f64 = 22.0;
        let mut all = vec![self.low];
        while let Some(&last) = all.last().filter(|&&last| last < self.high * 0.999_999) {
            all.push(next_round(last));
        }
        let dense = self.height / self.decades() * 2.0_f64.log10() < APART_PX;
        all.retain(|&tick| !dense || mantissa(tick) < 1.5);
        all.reverse();
        all
    }

    fn decades(&self) -> f64 {
        (self.high / self.low).log10()
    }
}

/// The decade of a value and its first digit with a fraction, 1 to 10.
fn mantissa(value: f64) -> f64 {
    // Rounded, so that 0.001 is 1 · 10⁻³ and not 9.999… · 10⁻⁴.
    let decade = (value.log10() + 1e-9).floor();
    value / 10.0_f64.powf(decade)
}

fn round_down(value: f64) -> f64 {
    let mantissa = mantissa(value);
    let round = if mantissa >= 4.999_999 {
        5.0
    } else if mantissa >= 1.999_999 {
        2.0
    } else {
        1.0
    };
    value / mantissa * round
}

/// The smallest of 1, 2, 5, 10, … times a power of ten above `value`.
fn next_round(value: f64) -> f64 {
    let down = round_down(value);
    if mantissa(down) > 1.5 && mantissa(down) < 4.0 {
        down * 2.5
    } else {
        down * 2.0
    }
}

/// The top of a vertical scale that starts at zero: the next of 1, 2, 5, 10, … above `max`.
pub(in crate::page) fn linear_top(max: f64) -> f64 {
    if max > 0.0 {
        next_round(max * 0.999_999)
    } else {
        1.0
    }
}

/// The same for bytes: the next of 1, 2, 5, 10, … 500 times a power of 1024.
pub(in crate::page) fn binary_top(max: f64) -> f64 {
    let mut unit = 1.0;
    while max / unit >= 1_000.0 {
        unit *= 1_024.0;
    }
    linear_top(max / unit) * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: &[f64], expected: &[f64]) {
        let same = got.len() == expected.len()
            && got
                .iter()
                .zip(expected)
                .all(|(a, b)| (a / b - 1.0).abs() < 1e-6);
        assert!(same, "got {got:?}, expected {expected:?}");
    }

    #[test]
    fn the_top_of_bytes_is_round_in_their_unit() {
        let mebi = 1_048_576.0;
        near(
            &[3.0 * mebi, 700.0 * mebi, 0.0].map(binary_top),
            &[5.0 * mebi, 1_000.0 * mebi, 1.0],
        );
    }

    #[test]
    fn a_log_scale_widens_to_round_numbers_and_labels_them() {
        let scale = LogScale::around(0.003, 0.7, 300.0);
        near(
            &scale.ticks(),
            &[1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002],
        );
        assert!((scale.y(1.0) - 0.0).abs() < 1e-9 && (scale.y(0.002) - 300.0).abs() < 1e-9);
        assert!((scale.y(1e-9) - 300.0).abs() < 1e-9, "drawn at the edge");
        near(
            &LogScale::around(0.01, 0.01, 300.0).ticks(),
            &[0.1, 0.05, 0.02, 0.01],
        );
        near(
            &LogScale::around(1e-5, 10.0, 120.0).ticks(),
            &[10.0, 1.0, 0.1, 0.01, 0.001, 0.0001, 0.00001],
        );
    }

    #[test]
    fn a_linear_scale_ends_at_the_next_round_number() {
        near(
            &[
                linear_top(0.0),
                linear_top(0.7),
                linear_top(1.0),
                linear_top(23.0),
            ],
            &[1.0, 1.0, 1.0, 50.0],
        );
    }

    #[test]
    fn time_ticks_are_round_moments() {
        let minute = 60 * NANOS_PER_SECOND;
        let scale = TimeScale::new(Range {
            since_ns: minute / 2,
            until_ns: minute / 2 + 15 * minute,
        });
        let (ticks, apart_s) = scale.ticks();
        assert_eq!(apart_s, 120);
        assert_eq!(ticks, [2, 4, 6, 8, 10, 12, 14].map(|m| m * minute));
        assert!((scale.percent(8 * minute) - 50.0).abs() < 1e-9);
    }
}
