//! An exemplar never leads nowhere.

use crate::{lens::DURATION, stack::Stack, until};

/// An exemplar's value and its span's duration are two readings of the clock around the same work.
const TOLERANCE_SECONDS: f64 = 0.010;

#[tokio::test(flavor = "multi_thread")]
async fn every_exemplar_opens_a_trace_that_took_as_long_and_has_logs() {
    let Some(stack) = Stack::start(1).await else {
        return;
    };
    let mut sent = 1;
    for user in 0..5 {
        let email = format!("user{user}@example.com");
        sent += stack.app(0).journey(&email, 10).await.sent.len();
    }
    let lens = &stack.lens;
    lens.wait_for_count(sent).await;
    let path = format!("/api/exemplars?metric={DURATION}&since=1h&limit=1000");
    let exemplars = until("an exemplar of each route", || async {
        let exemplars = lens.list(&path, "exemplars").await;
        let has = |route: &str| {
            exemplars
                .iter()
                .any(|exemplar| exemplar["labels"]["http_route"] == route)
        };
        let is_complete = has("/signup/") && has("/login/") && has("/users/me/");
        is_complete.then_some(exemplars)
    })
    .await;
    for exemplar in &exemplars {
        let trace_id = exemplar["trace_id"].as_str().unwrap();
        let root = until(&format!("the trace of {exemplar}"), || lens.root(trace_id)).await;
        assert_eq!(root["span_id"], exemplar["span_id"], "{exemplar}");
        let measured = exemplar["value"].as_f64().unwrap();
        let lasted = root["duration_seconds"].as_f64().unwrap();
        assert!(
            (measured - lasted).abs() <= TOLERANCE_SECONDS,
            "{exemplar} of a span of {lasted} s"
        );
        assert_eq!(
            root["attributes"]["http.route"],
            exemplar["labels"]["http_route"]
        );
        until(&format!("the logs of {exemplar}"), || async {
            let logs = lens.logs(trace_id).await;
            (!logs.is_empty()).then_some(())
        })
        .await;
    }
}
