//! A run in intervals, for its charts: what each had of requests, failures and latencies.
//!
//! A request counts in the interval that its answer came in. There are at most [`POINTS`] intervals of whole seconds, so
//! that a run of half an hour takes no more room than one of two minutes.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::stats::LONGEST_US;

/// As many as a chart has room for.
const POINTS: u64 = 150;

#[derive(Debug)]
pub(super) struct Timeline {
    width: Duration,
    points: Vec<Point>,
    requests: u64,
    failures: u64,
    latency_us: Histogram<u64>,
}

/// One interval. Rates are per second; latencies are corrected, in seconds, absent without requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Point {
    pub(super) start_seconds: f64,
    pub(super) end_seconds: f64,
    pub(super) rate: f64,
    pub(super) failure_rate: f64,
    pub(super) p50_seconds: Option<f64>,
    pub(super) p95_seconds: Option<f64>,
    pub(super) p99_seconds: Option<f64>,
}

impl Timeline {
    pub(super) fn of(duration: Duration) -> Self {
        let seconds = duration.as_secs().div_ceil(POINTS).max(1);
        Self {
            width: Duration::from_secs(seconds),
            points: Vec::new(),
            requests: 0,
            failures: 0,
            // Two digits: the height of a point in a chart.
            latency_us: Histogram::new_with_bounds(1, LONGEST_US, 2)
                .expect("the bounds and two digits are valid"),
        }
    }

    /// A request that was answered `elapsed` after the start.
    pub(super) fn add(&mut self, elapsed: Duration, latency: Duration, has_failed: bool) {
        self.advance(elapsed);
        self.requests += 1;
        self.failures += u64::from(has_failed);
        let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latency_us.saturating_record(microseconds);
    }

    /// Closes the intervals that ended before `elapsed`.
    pub(super) fn advance(&mut self, elapsed: Duration) {
        while elapsed >= self.end() {
            self.close(self.end());
        }
    }

    /// Closes the last interval, where the run has ended; less than half of one is left out, for its rate would be chance.
    pub(super) fn finish(&mut self, elapsed: Duration) {
        self.advance(elapsed);
        if elapsed - self.start() >= self.width / 2 {
            self.close(elapsed);
        }
    }

    pub(super) fn points(&self) -> &[Point] {
        &self.points
    }

    fn start(&self) -> Duration {
        self.width * u32::try_from(self.points.len()).unwrap_or(u32::MAX)
    }

    fn end(&self) -> Duration {
        self.start() + self.width
    }

    fn close(&mut self, end: Duration) {
        let start = self.start().as_secs_f64();
        let end = end.as_secs_f64();
        let per_second = |count: u64| count as f64 / (end - start).max(f64::EPSILON);
        let quantile = |share| {
            let microseconds = self.latency_us.value_at_quantile(share);
            (self.requests > 0).then(|| microseconds as f64 / 1e6)
        };
        self.points.push(Point {
            start_seconds: start,
            end_seconds: end,
            rate: per_second(self.requests),
            failure_rate: per_second(self.failures),
            p50_seconds: quantile(0.5),
            p95_seconds: quantile(0.95),
            p99_seconds: quantile(0.99),
        });
        self.requests = 0;
        self.failures = 0;
        self.latency_us.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn requests_count_where_their_answer_came_and_a_gap_is_empty() {
        let mut timeline = Timeline::of(Duration::from_secs(4));
        timeline.add(milliseconds(100), milliseconds(10), false);
        timeline.add(milliseconds(999), milliseconds(10), true);
        timeline.add(milliseconds(2000), milliseconds(100), false);
        timeline.finish(milliseconds(2500));
        let points = timeline.points();
        let rates: Vec<_> = points
            .iter()
            .map(|point| (point.end_seconds, point.rate, point.failure_rate))
            .collect();
        assert_eq!(rates, [(1.0, 2.0, 1.0), (2.0, 0.0, 0.0), (2.5, 2.0, 0.0)]);
        assert_eq!(points[1].p50_seconds, None);
        let p99 = points[2].p99_seconds.unwrap();
        assert!((p99 - 0.1).abs() < 0.001, "{p99}");
    }

    #[test]
    fn a_last_interval_of_less_than_half_is_left_out() {
        let mut timeline = Timeline::of(Duration::from_secs(1));
        timeline.add(milliseconds(500), milliseconds(10), false);
        timeline.add(milliseconds(1010), milliseconds(10), false);
        timeline.finish(milliseconds(1020));
        assert_eq!(timeline.points().len(), 1);
    }

    #[test]
    fn half_an_hour_has_no_more_points_than_a_chart_has_room_for() {
        let half_an_hour = Duration::from_secs(1800);
        let mut timeline = Timeline::of(half_an_hour);
        timeline.finish(half_an_hour);
        assert_eq!(timeline.points().len(), 150);
        assert_eq!(timeline.points()[1].start_seconds, 12.0);
    }
}
