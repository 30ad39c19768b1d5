//! N requests in: N counted, N traces, and the logs of each.

use std::collections::HashSet;

use serde_json::Value;

use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_counted_once_and_has_its_trace_and_its_logs() {
    let Some(stack) = Stack::start(1).await else {
        return;
    };
    let app = stack.app(0);
    let mut sent = Vec::new();
    for user in 0..5 {
        let journey = app.journey(&format!("user{user}@example.com"), 10).await;
        sent.extend(journey.sent);
    }
    sent.push(app.get("/").await);
    sent.push(app.get("/no/such/page").await);
    assert_eq!(sent.len(), 67);

    let lens = &stack.lens;
    // `ready` asked once for /readyz before.
    lens.wait_for_count(sent.len() + 1).await;
    for (selection, expected) in [
        ("http_route=/signup/", 5),
        ("http_route=/login/,http_response_status_code=200", 5),
        ("http_route=/login/,http_response_status_code=401", 5),
        ("http.route=/users/me/,http.request.method=GET", 50),
        ("http_route=/", 1),
        ("http_response_status_code=404", 1),
    ] {
        assert_eq!(lens.count(selection).await, expected, "{selection}");
    }
    for request in &sent {
        lens.assert_observed(request).await;
    }
    let traces = lens
        .list("/api/traces?service=auth&since=1h&limit=1000", "traces")
        .await;
    let stored: HashSet<_> = traces
        .iter()
        .filter(|trace| trace["route"] != "/readyz")
        .map(|trace| trace["trace_id"].as_str().unwrap().to_owned())
        .collect();
    let expected: HashSet<_> = sent.into_iter().map(|sent| sent.trace_id).collect();
    assert_eq!(stored, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_shows_where_its_time_went() {
    let Some(stack) = Stack::start(1).await else {
        return;
    };
    let journey = stack.app(0).journey("spans@example.com", 1).await;
    let login = &journey.sent[2];
    stack.lens.assert_observed(login).await;
    let spans = stack.lens.spans(&login.trace_id).await;
    let names: Vec<_> = spans
        .iter()
        .map(|span| span["name"].as_str().unwrap())
        .collect();
    for name in [
        "POST /login/",
        "SELECT users",
        "password.verify",
        "token.issue",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let logs = stack.lens.logs(&login.trace_id).await;
    let events: Vec<_> = logs.iter().map(|log| &log["event_name"]).collect();
    assert!(
        events.contains(&&Value::from("auth.login.succeeded")),
        "{events:?}"
    );
    let ids: HashSet<_> = spans.iter().map(|span| &span["span_id"]).collect();
    for log in &logs {
        assert!(ids.contains(&log["span_id"]), "{log} is of no span");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_of_two_instances_add_up() {
    let Some(stack) = Stack::start(2).await else {
        return;
    };
    for _ in 0..20 {
        stack.app(0).get("/").await;
    }
    for _ in 0..30 {
        stack.app(1).get("/").await;
    }
    stack.lens.wait_for_count(52).await;
    let path = format!(
        "/api/metrics/{}?since=1h&by=service_instance_id&where=http_route=/",
        crate::lens::DURATION
    );
    let points = stack.lens.list(&path, "points").await;
    let newest = |instance: &Value| {
        let mut of_instance = points.iter().filter(|point| &point["labels"] == instance);
        of_instance.next_back().unwrap()["value"].as_f64().unwrap() as u64
    };
    let mut counts: Vec<_> = points
        .iter()
        .map(|point| point["labels"].to_string())
        .collect::<HashSet<_>>()
        .iter()
        .map(|labels| newest(&serde_json::from_str(labels).unwrap()))
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [20, 30]);
}

#[tokio::test(flavor = "multi_thread")]
async fn random_paths_make_no_series() {
    let Some(stack) = Stack::start(1).await else {
        return;
    };
    let series = || async {
        let metrics = stack.lens.list("/api/metrics", "metrics").await;
        let duration = metrics
            .iter()
            .find(|metric| metric["name"] == "http_server_request_duration_seconds");
        duration
            .and_then(|metric| metric["series"].as_u64())
            .unwrap()
    };
    stack.app(0).get("/random").await;
    stack.lens.wait_for_count(2).await;
    let before = series().await;
    for _ in 0..200 {
        let path = format!("/{:016x}", fastrand::u64(..));
        assert_eq!(stack.app(0).get(&path).await.status, 404);
    }
    stack.lens.wait_for_count(202).await;
    assert_eq!(series().await, before);
}
