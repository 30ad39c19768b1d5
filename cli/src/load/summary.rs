//! The result of a load run, as data: what `--json` prints, and what text and reports are made of.
//!
//! Durations are in seconds, rates per second over the whole run. `null` stands where there was no request, where a model
//! has no such number, and for the link of a trace that was not sampled. `docs/load.md` has an example.

use std::{
    io::{self, Write},
    time::{Duration, SystemTime},
};

use reqwest::Url;
use serde::Serialize;

use super::{
    links::TraceLinks,
    scenario::Plan,
    stats::{Slow, Stats, Tally},
    threshold::Verdict,
    timeline::{Point, Timeline},
};
use crate::state::rfc3339;

/// Where the curve of latencies has its points: from the median to one request in ten thousand.
const CURVE: [f64; 19] = [
    0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999,
    0.9995, 0.9999,
];

#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) target: String,
    pub(super) scenario: &'static str,
    /// `closed` or `open`.
    pub(super) model: &'static str,
    pub(super) users: u32,
    pub(super) spawn_rate: f64,
    /// Requests per second that were due, in the open model.
    pub(super) due_rate: Option<f64>,
    /// Requests that were due, but not sent before the end, in the open model.
    pub(super) unsent: Option<u64>,
    /// As `2026-11-24T18:00:00Z`.
    pub(super) ended_at: String,
    pub(super) duration_seconds: f64,
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) rate: f64,
    /// In the order of the journey.
    pub(super) routes: Vec<RouteSummary>,
    /// The same of all requests.
    pub(super) all: RouteSummary,
    pub(super) errors: Vec<ErrorCount>,
    pub(super) slowest: Vec<SlowRequest>,
    pub(super) thresholds: Vec<ThresholdResult>,
    pub(super) timeline: Vec<Point>,
}

/// The latencies `p50_seconds` to `max_seconds` are corrected for coordinated omission; `service_…` are as measured.
#[derive(Debug, Serialize)]
pub(super) struct RouteSummary {
    pub(super) route: String,
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) rate: f64,
    pub(super) mean_seconds: Option<f64>,
    pub(super) p50_seconds: Option<f64>,
    pub(super) p95_seconds: Option<f64>,
    pub(super) p99_seconds: Option<f64>,
    pub(super) max_seconds: Option<f64>,
    pub(super) service_p50_seconds: Option<f64>,
    pub(super) service_p95_seconds: Option<f64>,
    pub(super) service_p99_seconds: Option<f64>,
    pub(super) service_max_seconds: Option<f64>,
    pub(super) curve: Vec<CurvePoint>,
    #[serde(skip)]
    pub(super) slowest: Vec<SlowRequest>,
}

/// What this share of the requests did not exceed.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct CurvePoint {
    pub(super) share: f64,
    pub(super) seconds: f64,
    pub(super) service_seconds: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct ErrorCount {
    pub(super) route: String,
    pub(super) error: String,
    pub(super) count: u64,
}

/// `duration_seconds` is the service time, which is what its trace shows.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SlowRequest {
    pub(super) route: String,
    pub(super) duration_seconds: f64,
    pub(super) trace_id: String,
    pub(super) link: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ThresholdResult {
    pub(super) condition: String,
    pub(super) measured: String,
    pub(super) failed: bool,
}

impl Summary {
    pub(super) fn new(
        target: &Url,
        plan: &Plan,
        links: &TraceLinks,
        elapsed: Duration,
        stats: &Stats,
        timeline: &Timeline,
        verdicts: &[Verdict],
    ) -> Self {
        let slow = |tally: &Tally| {
            tally
                .slowest
                .iter()
                .map(|slow| SlowRequest::new(slow, links))
                .collect()
        };
        let mut all = RouteSummary::new("all".to_owned(), &stats.all, elapsed);
        all.slowest = slow(&stats.all);
        let routes = stats.routes.iter().map(|(route, tally)| RouteSummary {
            slowest: slow(tally),
            ..RouteSummary::new(route.to_string(), tally, elapsed)
        });
        let errors = stats
            .failures
            .iter()
            .map(|((route, failure), count)| ErrorCount {
                route: route.to_string(),
                error: failure.to_string(),
                count: *count,
            });
        let thresholds = verdicts.iter().map(|verdict| ThresholdResult {
            condition: verdict.condition.clone(),
            measured: verdict.measured.clone(),
            failed: verdict.is_met,
        });
        Self {
            target: target.to_string(),
            scenario: plan.scenario,
            model: if plan.rate.is_some() {
                "open"
            } else {
                "closed"
            },
            users: plan.users,
            spawn_rate: plan.spawn_rate,
            due_rate: plan.rate,
            unsent: plan.rate.map(|_| stats.unsent),
            ended_at: rfc3339::text(SystemTime::now()),
            duration_seconds: elapsed.as_secs_f64(),
            requests: stats.all.requests,
            failures: stats.all.failures,
            rate: stats.all.rate(elapsed),
            routes: routes.collect(),
            slowest: all.slowest.clone(),
            all,
            errors: errors.collect(),
            thresholds: thresholds.collect(),
            timeline: timeline.points().to_vec(),
        }
    }

    pub(super) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

impl RouteSummary {
    fn new(route: String, tally: &Tally, elapsed: Duration) -> Self {
        let latency = |share| tally.latency(share).map(|latency| latency.as_secs_f64());
        let service = |share| tally.service_time(share).map(|time| time.as_secs_f64());
        let curve = CURVE.iter().filter_map(|&share| {
            Some(CurvePoint {
                share,
                seconds: latency(share)?,
                service_seconds: service(share)?,
            })
        });
        Self {
            route,
            requests: tally.requests,
            failures: tally.failures,
            rate: tally.rate(elapsed),
            mean_seconds: tally.mean_latency().map(|mean| mean.as_secs_f64()),
            p50_seconds: latency(0.5),
            p95_seconds: latency(0.95),
            p99_seconds: latency(0.99),
            max_seconds: latency(1.0),
            service_p50_seconds: service(0.5),
            service_p95_seconds: service(0.95),
            service_p99_seconds: service(0.99),
            service_max_seconds: service(1.0),
            curve: curve.collect(),
            slowest: Vec::new(),
        }
    }

    /// One for each route, then one for all, without their slowest requests.
    pub(super) fn routes_and_all(stats: &Stats, elapsed: Duration) -> Vec<Self> {
        let routes = stats
            .routes
            .iter()
            .map(|(route, tally)| (route.to_string(), tally));
        routes
            .chain([("all".to_owned(), &stats.all)])
            .map(|(name, tally)| Self::new(name, tally, elapsed))
            .collect()
    }
}

impl SlowRequest {
    fn new(slow: &Slow, links: &TraceLinks) -> Self {
        let trace_id = slow.parent.trace_id();
        Self {
            route: slow.route.to_string(),
            duration_seconds: slow.duration.as_secs_f64(),
            link: slow.parent.is_sampled().then(|| links.link(&trace_id)),
            trace_id,
        }
    }
}

#[cfg(test)]
pub(super) mod fixture;
#[cfg(test)]
mod tests;
