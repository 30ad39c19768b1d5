//! Counts requests and latencies, per route and together.
//!
//! As in Locust, the latency of a failed request counts too: a timeout hidden from p99 would flatter the target.
//! Latencies are kept in microseconds with three digits, up to one minute.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

use crate::journey::{Failure, Route, Sample};

/// How many of the slowest requests are remembered.
const SLOWEST: usize = 5;

/// All that is known about a run.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) all: Tally,
    pub(super) routes: BTreeMap<Route, Tally>,
    pub(super) failures: BTreeMap<(Route, Failure), u64>,
    /// Answered requests, the slowest first.
    pub(super) slowest: Vec<Sample>,
}

/// The counts of one route, or of all.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) failures: u64,
    latency_us: Histogram<u64>,
}

impl Stats {
    pub(super) fn add(&mut self, sample: Sample) {
        self.all.add(&sample);
        self.routes.entry(sample.route).or_default().add(&sample);
        if let Some(failure) = &sample.failure {
            *self
                .failures
                .entry((sample.route, failure.clone()))
                .or_default() += 1;
        }
        if sample.failure.as_ref().is_none_or(Failure::is_answer) {
            let place = self
                .slowest
                .partition_point(|other| other.duration >= sample.duration);
            if place < SLOWEST {
                self.slowest.insert(place, sample);
                self.slowest.truncate(SLOWEST);
            }
        }
    }

    /// Requests that were answered, with whatever status.
    pub(super) fn answered(&self) -> u64 {
        let unanswered = self
            .failures
            .iter()
            .filter(|((_, failure), _)| !failure.is_answer());
        self.all.requests - unanswered.map(|(_, count)| count).sum::<u64>()
    }
}

impl Tally {
    fn add(&mut self, sample: &Sample) {
        self.requests += 1;
        self.failures += u64::from(sample.failure.is_some());
        let microseconds = u64::try_from(sample.duration.as_micros()).unwrap_or(u64::MAX);
        self.latency_us.saturating_record(microseconds);
    }

    /// The latency that this share of the requests did not exceed; `None` without requests.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        (self.requests > 0).then(|| Duration::from_micros(self.latency_us.value_at_quantile(share)))
    }
}

impl Default for Tally {
    fn default() -> Self {
        let latency_us = Histogram::new_with_bounds(1, 60_000_000, 3)
            .expect("the bounds are constants that satisfy hdrhistogram's rules");
        Self {
            requests: 0,
            failures: 0,
            latency_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(route: Route, milliseconds: u64, failure: Option<Failure>) -> Sample {
        let duration = Duration::from_millis(milliseconds);
        Sample {
            route,
            duration,
            trace_id: format!("{milliseconds:032x}"),
            failure,
        }
    }

    #[test]
    fn quantiles_are_right_to_three_digits() {
        let mut stats = Stats::default();
        for milliseconds in 1..=1000 {
            stats.add(sample(Route::Profile, milliseconds, None));
        }
        for (share, expected) in [(0.5, 0.5), (0.95, 0.95), (0.99, 0.99), (1.0, 1.0)] {
            let quantile = stats.all.quantile(share).unwrap().as_secs_f64();
            assert!((quantile - expected).abs() < 0.001, "{share}: {quantile}");
        }
        assert_eq!(Tally::default().quantile(0.5), None);
    }

    #[test]
    fn requests_and_failures_are_counted_by_route_and_kind() {
        let mut stats = Stats::default();
        stats.add(sample(Route::LogIn, 10, None));
        stats.add(sample(Route::LogIn, 20, Some(Failure::Status(503))));
        stats.add(sample(Route::Profile, 30, Some(Failure::Connection)));
        assert_eq!(
            (stats.all.requests, stats.all.failures, stats.answered()),
            (3, 2, 2)
        );
        let log_in = &stats.routes[&Route::LogIn];
        assert_eq!((log_in.requests, log_in.failures), (2, 1));
        assert_eq!(stats.failures[&(Route::LogIn, Failure::Status(503))], 1);
    }

    #[test]
    fn the_slowest_answers_are_kept_in_order() {
        let mut stats = Stats::default();
        for milliseconds in [3, 9, 1, 7, 5, 8, 2] {
            stats.add(sample(Route::Profile, milliseconds, None));
        }
        stats.add(sample(Route::Profile, 30_000, Some(Failure::Timeout)));
        let kept: Vec<_> = stats
            .slowest
            .iter()
            .map(|sample| sample.duration.as_millis())
            .collect();
        assert_eq!(kept, [9, 8, 7, 5, 3]);
    }
}
