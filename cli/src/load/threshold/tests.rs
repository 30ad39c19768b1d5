use super::*;
use crate::journey::{Failure, Sample, TraceParent};

/// 98 profiles of 10 ms, one of 1 s that failed, one login of 300 ms; ten seconds.
fn stats() -> Stats {
    let mut stats = Stats::new(None);
    let requests = (0..98).map(|_| (Route::Profile, 10, None)).chain([
        (Route::Profile, 1000, Some(Failure::Status(503))),
        (Route::LogIn, 300, None),
    ]);
    for (route, milliseconds, failure) in requests {
        let duration = Duration::from_millis(milliseconds);
        stats.add(&Sample {
            route,
            latency: duration,
            duration,
            parent: TraceParent::random(),
            failure,
        });
    }
    stats.unsent = 7;
    stats
}

fn judge(condition: &str) -> Verdict {
    let threshold: Threshold = condition.parse().unwrap();
    threshold.judge(&stats(), Duration::from_secs(10))
}

#[test]
fn each_measure_is_compared_with_its_limit() {
    for (condition, is_met, measured) in [
        ("p95>200ms", false, "10.0 ms"),
        ("p99 > 200ms", true, "300.0 ms"),
        ("p99.9 >= 1s", true, "1.00 s"),
        ("max>0.02m", false, "1.00 s"),
        ("mean>20000us", true, "22.8 ms"),
        ("error_rate>1%", false, "1.00%"),
        ("error_rate >= 1%", true, "1.00%"),
        ("failures<=0", false, "1"),
        ("rate<10", false, "10.0/s"),
        ("rate<10.5", true, "10.0/s"),
        ("unsent>0", true, "7"),
        ("p50( POST /login/ )>200ms", true, "300.0 ms"),
        ("p50(GET /users/me/)>200ms", false, "10.0 ms"),
        ("error_rate(POST /login/)>0%", false, "0.00%"),
    ] {
        let verdict = judge(condition);
        assert_eq!(verdict.is_met, is_met, "{verdict:?}");
        assert_eq!(verdict.measured, measured, "{condition}");
        assert_eq!(verdict.condition, condition);
    }
}

#[test]
fn a_route_that_nobody_asked_for_does_not_pass() {
    let verdict = judge("p95(GET /)>10s");
    assert!(verdict.is_met);
    assert_eq!(verdict.measured, "no such request");
}

#[test]
fn what_is_no_condition_is_refused_with_the_fix() {
    let error = |text: &str| text.parse::<Threshold>().unwrap_err();
    assert_eq!(error("p95"), ThresholdError::Comparison);
    assert_eq!(error("p95=3ms"), ThresholdError::Comparison);
    for (text, measure) in [
        ("q95>1ms", "q95"),
        ("p0>1ms", "p0"),
        ("p101>1ms", "p101"),
        (">1ms", ""),
    ] {
        assert_eq!(error(text), ThresholdError::Measure(measure.to_owned()));
    }
    for (text, limit) in [("p95>200", "200"), ("p95>-1ms", "-1ms"), ("max>1%", "1%")] {
        assert_eq!(error(text), ThresholdError::Latency(limit.to_owned()));
    }
    assert_eq!(
        error("error_rate>0.01"),
        ThresholdError::Share("0.01".to_owned())
    );
    assert_eq!(
        error("rate<50/s"),
        ThresholdError::Number("50/s".to_owned())
    );
    assert_eq!(error("unsent(GET /)>0"), ThresholdError::RouteOfUnsent);
    assert_eq!(
        error("p95(GET /me)>1ms").to_string(),
        "unknown route \"GET /me\"; known are POST /signup/, POST /login/, GET /users/me/, GET /"
    );
}
