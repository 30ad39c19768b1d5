//! Counts requests and latencies, per route and together.
//!
//! As in Locust, the latency of a failed request counts too: a timeout hidden from p99 would flatter the target.
//!
//! A latency is corrected for coordinated omission: a target that stops answering also stops being asked, and what was not
//! asked would be missing from the quantiles. In the open model a request's latency counts from when it was due. In the
//! closed model a user who waited for longer than its usual pause has left requests out; each is added with the wait it
//! would have had, as `record_correct` of hdrhistogram does. Sign-ups and logins are not repeated, so nothing is added for
//! them. The service time, from sending to the last byte, is kept beside it as it was measured.
//!
//! Both are kept in microseconds with three digits, up to an hour.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

use crate::journey::{Failure, Route, Sample, TraceParent};

pub(super) const LONGEST_US: u64 = 3_600_000_000;
/// How many of the slowest requests are remembered.
const SLOWEST: usize = 5;

/// All that is known about a run.
#[derive(Debug)]
pub(super) struct Stats {
    pub(super) all: Tally,
    pub(super) routes: BTreeMap<Route, Tally>,
    pub(super) failures: BTreeMap<(Route, Failure), u64>,
    /// Requests of the open model that were due before the end, when no user was free to send them.
    pub(super) unsent: u64,
    /// Of a user in the closed model, between two requests.
    expected_interval: Option<Duration>,
}

/// The counts of one route, or of all.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) failures: u64,
    latency_us: Histogram<u64>,
    service_us: Histogram<u64>,
    /// Answered requests, the slowest to be served first.
    pub(super) slowest: Vec<Slow>,
}

/// One of the slowest requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slow {
    pub(super) route: Route,
    pub(super) duration: Duration,
    pub(super) parent: TraceParent,
}

impl Stats {
    pub(super) fn new(expected_interval: Option<Duration>) -> Self {
        Self {
            all: Tally::default(),
            routes: BTreeMap::new(),
            failures: BTreeMap::new(),
            unsent: 0,
            expected_interval,
        }
    }

    pub(super) fn add(&mut self, sample: &Sample) {
        let interval = match sample.route {
            Route::SignUp | Route::LogIn => None,
            Route::Profile | Route::Index => self.expected_interval,
        };
        self.all.add(sample, interval);
        let route = self.routes.entry(sample.route).or_default();
        route.add(sample, interval);
        if let Some(failure) = &sample.failure {
            *self
                .failures
                .entry((sample.route, failure.clone()))
                .or_default() += 1;
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
    fn add(&mut self, sample: &Sample, interval: Option<Duration>) {
        self.requests += 1;
        self.failures += u64::from(sample.failure.is_some());
        let latency = microseconds(sample.latency);
        // An interval of 0 adds nothing.
        let interval = interval.map_or(0, microseconds);
        self.latency_us
            .record_correct(latency, interval)
            .expect("no latency is above the bound of the histogram");
        self.service_us
            .saturating_record(microseconds(sample.duration));
        if sample.failure.as_ref().is_none_or(Failure::is_answer) {
            let slower = |other: &Slow| other.duration >= sample.duration;
            let place = self.slowest.partition_point(slower);
            if place < SLOWEST {
                let slow = Slow {
                    route: sample.route,
                    duration: sample.duration,
                    parent: sample.parent,
                };
                self.slowest.insert(place, slow);
                self.slowest.truncate(SLOWEST);
            }
        }
    }

    /// The latency that this share of the requests did not exceed, corrected; `None` without requests.
    pub(super) fn latency(&self, share: f64) -> Option<Duration> {
        quantile(&self.latency_us, share)
    }

    pub(super) fn mean_latency(&self) -> Option<Duration> {
        (self.requests > 0).then(|| Duration::from_secs_f64(self.latency_us.mean() / 1e6))
    }

    /// The same of the service times, as they were.
    pub(super) fn service_time(&self, share: f64) -> Option<Duration> {
        quantile(&self.service_us, share)
    }

    /// Requests per second.
    pub(super) fn rate(&self, elapsed: Duration) -> f64 {
        self.requests as f64 / elapsed.as_secs_f64().max(f64::EPSILON)
    }
}

fn quantile(histogram: &Histogram<u64>, share: f64) -> Option<Duration> {
    (!histogram.is_empty()).then(|| Duration::from_micros(histogram.value_at_quantile(share)))
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros())
        .unwrap_or(LONGEST_US)
        .min(LONGEST_US)
}

impl Default for Tally {
    fn default() -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, LONGEST_US, 3)
                .expect("the bounds and three digits are valid")
        };
        Self {
            requests: 0,
            failures: 0,
            latency_us: histogram(),
            service_us: histogram(),
            slowest: Vec::new(),
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
            latency: duration,
            duration,
            parent: TraceParent::random(),
            failure,
        }
    }

    #[test]
    fn quantiles_are_right_to_three_digits() {
        let mut stats = Stats::new(None);
        for milliseconds in 1..=1000 {
            stats.add(&sample(Route::Profile, milliseconds, None));
        }
        for (share, expected) in [(0.5, 0.5), (0.95, 0.95), (0.99, 0.99), (1.0, 1.0)] {
            let quantile = stats.all.latency(share).unwrap().as_secs_f64();
            assert!((quantile - expected).abs() < 0.001, "{share}: {quantile}");
        }
        assert_eq!(Tally::default().latency(0.5), None);
    }

    #[test]
    fn requests_and_failures_are_counted_by_route_and_kind() {
        let mut stats = Stats::new(None);
        stats.add(&sample(Route::LogIn, 10, None));
        stats.add(&sample(Route::LogIn, 20, Some(Failure::Status(503))));
        stats.add(&sample(Route::Profile, 30, Some(Failure::Connection)));
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
        let mut stats = Stats::new(None);
        for milliseconds in [3, 9, 1, 7, 5, 8, 2] {
            stats.add(&sample(Route::Profile, milliseconds, None));
        }
        stats.add(&sample(Route::Profile, 30_000, Some(Failure::Timeout)));
        let kept: Vec<_> = stats
            .all
            .slowest
            .iter()
            .map(|slow| slow.duration.as_millis())
            .collect();
        assert_eq!(kept, [9, 8, 7, 5, 3]);
    }

    #[test]
    fn what_a_waiting_user_left_out_is_added_to_the_latencies_only() {
        let mut stats = Stats::new(Some(Duration::from_secs(2)));
        // Instead of one request of 9 s, a user that did not wait would have sent five: of 9, 7, 5, 3 and 1 s.
        for _ in 0..5 {
            stats.add(&sample(Route::Profile, 10, None));
        }
        stats.add(&sample(Route::Profile, 9000, None));
        stats.add(&sample(Route::LogIn, 9000, None));
        let seconds = |quantile: Option<Duration>| quantile.unwrap().as_secs_f64().round();
        let profile = &stats.routes[&Route::Profile];
        assert_eq!((profile.requests, stats.all.requests), (6, 7));
        // Nine latencies: five short ones, then 3, 5, 7 and 9 s; what would have been below the interval is not added.
        assert_eq!(seconds(profile.latency(6.0 / 9.0)), 3.0);
        assert_eq!(seconds(profile.latency(8.0 / 9.0)), 7.0);
        assert_eq!(seconds(profile.service_time(5.0 / 6.0)), 0.0);
        assert_eq!(seconds(stats.routes[&Route::LogIn].latency(0.01)), 9.0);
    }
}
