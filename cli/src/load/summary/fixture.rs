//! A small run for the tests of all that a summary is turned into.

use super::*;
use crate::{
    journey::{Failure, Route, Sample, TraceParent},
    load::{scenario::Scenario, threshold::Threshold},
};

/// Three requests in ten seconds, of which one was answered with 503; with a rate, 22 more that were not sent.
pub(in crate::load) fn summary(rate: Option<f64>) -> Summary {
    let mut stats = Stats::new(None);
    let mut timeline = Timeline::of(Duration::from_secs(10));
    for (route, milliseconds, failure) in [
        (Route::SignUp, 310, None),
        (Route::Profile, 5, None),
        (Route::Profile, 1250, Some(Failure::Status(503))),
    ] {
        let duration = Duration::from_millis(milliseconds);
        timeline.add(duration, duration, failure.is_some());
        stats.add(&Sample {
            route,
            latency: duration,
            duration,
            parent: TraceParent::with_trace_id(&format!("{milliseconds:032}")),
            failure,
        });
    }
    stats.unsent = 22;
    let plan = Plan {
        rate,
        ..Scenario::Normal.plan()
    };
    let url = |text| Url::parse(text).expect("a constant");
    let elapsed = Duration::from_secs(10);
    timeline.finish(elapsed);
    let verdicts = ["p95>200ms", "rate<0.1"].map(|text| {
        let threshold: Threshold = text.parse().expect("a constant");
        threshold.judge(&stats, elapsed)
    });
    Summary::new(
        &url("http://127.0.0.1:8000"),
        &plan,
        &TraceLinks::to_lens(&url("http://127.0.0.1:3000")),
        elapsed,
        &stats,
        &timeline,
        &verdicts,
    )
}
