//! Traces and log records through the API.

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use trivium_lens::model::{Batch, LogRecord, Span};
use trivium_lens::query::traces::EXAMINED;

use crate::seed::{SeededLens, log_record, resource, server_span, span_id, trace_id};

const SECOND_NS: i64 = 1_000_000_000;

fn now_ns() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap()
}

fn time(time_ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(time_ns))
        .unwrap()
        .to_string()
}

/// Trace 1: a gateway's client span with a remote parent, the server span of `auth` below it, a database span below that.
/// Trace 2: a 404 without a route. Trace 3: a slow failure.
fn spans(start_ns: i64) -> Vec<Span> {
    let (auth, gateway) = (resource("auth", "a"), resource("gateway", "g"));
    let client = Span {
        parent_span_id: Some(span_id(9)),
        kind: 3,
        name: "POST".to_owned(),
        http_route: None,
        duration_ns: 30_000_000,
        ..server_span(&gateway, trace_id(1), span_id(1), start_ns)
    };
    let server = Span {
        parent_span_id: Some(span_id(1)),
        duration_ns: 20_000_000,
        events: Some(
            json!([{"time_ns": start_ns + 7, "name": "retry", "attributes": {"n": 1}}]).to_string(),
        ),
        links: Some(
            json!([{"trace_id": "0a".repeat(16), "span_id": "0b".repeat(8), "attributes": {}}])
                .to_string(),
        ),
        ..server_span(&auth, trace_id(1), span_id(2), start_ns + 1_000_000)
    };
    let database = Span {
        parent_span_id: Some(span_id(2)),
        kind: 3,
        name: "SELECT users".to_owned(),
        http_route: None,
        http_status: None,
        status: 2,
        status_message: "database is locked".to_owned(),
        ..server_span(&auth, trace_id(1), span_id(3), start_ns + 2_000_000)
    };
    let not_found = Span {
        name: "GET".to_owned(),
        http_route: None,
        http_status: Some(404),
        ..server_span(&auth, trace_id(2), span_id(4), start_ns + SECOND_NS)
    };
    let failure = Span {
        http_route: Some("/signup/".to_owned()),
        http_status: Some(503),
        status: 2,
        duration_ns: 2 * SECOND_NS,
        ..server_span(&auth, trace_id(3), span_id(5), start_ns + 2 * SECOND_NS)
    };
    vec![database, server, client, not_found, failure]
}

fn logs(start_ns: i64) -> Vec<LogRecord> {
    let auth = resource("auth", "a");
    let in_span = |digit, time_ns, body| LogRecord {
        trace_id: Some(trace_id(1)),
        span_id: Some(span_id(digit)),
        ..log_record(&auth, time_ns, body)
    };
    vec![
        in_span(2, start_ns, "login started"),
        LogRecord {
            severity: 17,
            severity_text: "ERROR".to_owned(),
            event_name: "auth.login.failed".to_owned(),
            attributes: json!({"reason": "bad_password", "share": "100%"}).to_string(),
            ..in_span(3, start_ns + 5, "login failed")
        },
        LogRecord {
            severity: 13,
            ..log_record(
                &resource("worker", "w"),
                start_ns + SECOND_NS,
                "queue 50% full",
            )
        },
    ]
}

async fn seeded(start_ns: i64) -> SeededLens {
    SeededLens::start(Batch {
        spans: spans(start_ns),
        logs: logs(start_ns),
        ..Batch::default()
    })
    .await
}

#[tokio::test]
async fn traces_are_found_by_their_entry_span_and_told_by_their_root() {
    let start_ns = now_ns() - 60 * SECOND_NS;
    let lens = seeded(start_ns).await;
    let all = lens.ok("/api/traces").await;
    let ids: Vec<_> = all["traces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|trace| trace["trace_id"].clone())
        .collect();
    assert_eq!(
        ids,
        [
            json!("03".repeat(16)),
            json!("02".repeat(16)),
            json!("01".repeat(16))
        ]
    );
    let expected = json!({
        "trace_id": "01".repeat(16), "name": "POST", "service": "gateway", "route": null, "http_status": 200,
        "status": "unset", "start": time(start_ns), "duration_seconds": 0.03, "spans": 3, "errors": 1,
        "services": ["auth", "gateway"],
    });
    assert_eq!(all["traces"][2], expected);
    assert_eq!(all.get("searched_since"), None);
}

#[tokio::test]
async fn a_search_for_traces_is_narrowed_by_each_parameter() {
    let start_ns = now_ns() - 60 * SECOND_NS;
    let lens = seeded(start_ns).await;
    let found = async |query: &str| -> String {
        let answer = lens.ok(&format!("/api/traces?{query}")).await;
        let ids = answer["traces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["trace_id"].as_str().unwrap()[1..2].to_owned());
        ids.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(found("service=auth").await, "3 2 1");
    assert_eq!(found("service=nobody").await, "");
    assert_eq!(found("route=/signup/").await, "3");
    assert_eq!(found("status=error").await, "3");
    assert_eq!(found("status=ok").await, "2 1");
    assert_eq!(found("status=5xx").await, "3");
    assert_eq!(found("status=404").await, "2");
    assert_eq!(found("min_duration=20ms").await, "3 1");
    assert_eq!(found("min_duration=21ms").await, "3");
    assert_eq!(found("limit=2").await, "3 2");
    assert_eq!(
        found(&format!("since={}", time(start_ns + SECOND_NS))).await,
        "3 2"
    );
    assert_eq!(
        found(&format!("until={}", time(start_ns + SECOND_NS))).await,
        "2 1"
    );
}

#[tokio::test]
async fn a_search_that_stops_early_says_where_and_goes_on_from_there() {
    let start_ns = now_ns() - 60 * SECOND_NS;
    let auth = resource("auth", "a");
    let failed = Span {
        status: 2,
        ..server_span(&auth, trace_id(1), span_id(1), start_ns)
    };
    let after = (1..=EXAMINED).map(|index| Span {
        trace_id: i128::from(index).to_be_bytes(),
        ..server_span(&auth, trace_id(0), span_id(2), start_ns + index)
    });
    let spans = std::iter::once(failed).chain(after).collect();
    let lens = SeededLens::start(Batch {
        spans,
        ..Batch::default()
    })
    .await;

    let first = lens.ok("/api/traces?status=error").await;
    assert_eq!(
        first,
        json!({"traces": [], "searched_since": time(start_ns)})
    );
    let rest = lens
        .ok(&format!(
            "/api/traces?status=error&until={}",
            time(start_ns)
        ))
        .await;
    assert_eq!(rest["traces"][0]["trace_id"], "01".repeat(16));
    assert_eq!(rest.get("searched_since"), None);
}

#[tokio::test]
async fn a_trace_has_its_spans_by_start_with_all_that_was_sent() {
    let start_ns = now_ns() - 60 * SECOND_NS;
    let lens = seeded(start_ns).await;
    let trace = lens.ok(&format!("/api/traces/{}", "01".repeat(16))).await;
    assert_eq!(trace["trace_id"], "01".repeat(16));
    let spans = trace["spans"].as_array().unwrap();
    let parents: Vec<_> = spans
        .iter()
        .map(|span| (&span["span_id"], &span["parent_span_id"]))
        .collect();
    let id = |digit: &str| json!(digit.repeat(8));
    assert_eq!(
        parents,
        [
            (&id("01"), &id("09")),
            (&id("02"), &id("01")),
            (&id("03"), &id("02"))
        ]
    );
    let expected = json!({
        "span_id": "02".repeat(8), "parent_span_id": "01".repeat(8), "name": "GET /login/", "kind": "server",
        "service": "auth", "scope": "trivium-telemetry", "start": time(start_ns + 1_000_000), "duration_seconds": 0.02,
        "status": "unset", "status_message": "",
        "attributes": {"http.request.method": "GET", "http.route": "/login/"},
        "resource": {
            "host.name": "testhost", "service.instance.id": "a", "service.name": "auth", "service.namespace": "trivium",
        },
        "events": [{"time": time(start_ns + 7), "name": "retry", "attributes": {"n": 1}}],
        "links": [{"trace_id": "0a".repeat(16), "span_id": "0b".repeat(8), "attributes": {}}],
    });
    assert_eq!(spans[1], expected);
    assert_eq!(
        (&spans[2]["status"], &spans[2]["status_message"]),
        (&json!("error"), &json!("database is locked"))
    );
}

#[tokio::test]
async fn logs_are_newest_first_and_narrowed_by_each_parameter() {
    let start_ns = now_ns() - 60 * SECOND_NS;
    let lens = seeded(start_ns).await;
    let found = async |query: &str| -> Vec<Value> {
        let answer = lens.ok(&format!("/api/logs?{query}")).await;
        answer["logs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["body"].clone())
            .collect()
    };
    let (started, failed, full) = ("login started", "login failed", "queue 50% full");
    assert_eq!(found("").await, [full, failed, started]);
    assert_eq!(
        found(&format!("trace_id={}", "01".repeat(16))).await,
        [failed, started]
    );
    assert_eq!(
        found(&format!(
            "trace_id={}&span_id={}",
            "01".repeat(16),
            "03".repeat(8)
        ))
        .await,
        [failed]
    );
    assert_eq!(
        found(&format!("span_id={}", "02".repeat(8))).await,
        [started]
    );
    assert_eq!(found("service=worker").await, [full]);
    assert_eq!(found("severity=WARN").await, [full, failed]);
    assert_eq!(found("severity=error").await, [failed]);
    assert_eq!(found("q=LOGIN").await, [failed, started]);
    assert_eq!(found("q=bad_password").await, [failed]);
    assert_eq!(found("q=0%25").await, [full, failed]); // a literal %
    assert_eq!(found("q=login.failed").await, [failed]);
    assert_eq!(found("limit=1").await, [full]);
    assert_eq!(found(&format!("until={}", time(start_ns))).await, [started]);
    assert_eq!(found("since=1s").await, [""; 0]);
    assert_eq!(
        found(&format!("since=1s&trace_id={}", "01".repeat(16))).await,
        [""; 0]
    );
}

#[tokio::test]
async fn a_log_record_has_all_that_was_sent() {
    let start_ns = now_ns() - 60 * SECOND_NS;
    let lens = seeded(start_ns).await;
    let expected = json!({
        "time": time(start_ns + 5), "severity": "ERROR", "severity_number": 17, "service": "auth",
        "event_name": "auth.login.failed", "body": "login failed", "trace_id": "01".repeat(16), "span_id": "03".repeat(8),
        "attributes": {"reason": "bad_password", "share": "100%"},
        "resource": {
            "host.name": "testhost", "service.instance.id": "a", "service.name": "auth", "service.namespace": "trivium",
        },
        "scope": "auth",
    });
    assert_eq!(
        lens.ok("/api/logs?q=bad_password").await,
        json!({"logs": [expected]})
    );
}

#[tokio::test]
async fn wrong_ids_and_values_are_refused_with_the_reason() {
    let lens = seeded(now_ns()).await;
    let refused = [
        ("/api/traces/xyz", "trace_id: `xyz` is not 32 hex digits"),
        (
            "/api/logs?trace_id=xyz",
            "trace_id: `xyz` is not 32 hex digits",
        ),
        ("/api/logs?span_id=12", "span_id: `12` is not 16 hex digits"),
        (
            "/api/logs?severity=loud",
            "severity: `loud` is not one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL",
        ),
        (
            "/api/traces?status=bad",
            "status: `bad` is not `error`, `ok`, a class such as `5xx` or an HTTP status such as `404`",
        ),
        (
            "/api/traces?min_duration=slow",
            "min_duration: `slow` is not a duration such as `100ms` or `15m`",
        ),
        (
            "/api/traces?attribute=user.id",
            "attribute: `user.id` is not a list such as `db.system.name=sqlite user.name=\"Ada L.\"`",
        ),
        (
            "/api/traces?rout=/",
            "`rout` is not a parameter here; known are service, route, status, min_duration, max_duration, attribute, since, until, limit",
        ),
    ];
    for (address, message) in refused {
        let (status, body) = lens.get(address).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{address}");
        assert_eq!(
            body,
            json!({"error": {"code": "invalid_parameter", "message": message}}),
            "{address}"
        );
    }
    let unknown = "0c".repeat(16);
    let (status, body) = lens.get(&format!("/api/traces/{unknown}")).await;
    let message = format!(
        "no span of trace {unknown} is stored; it may not have arrived yet, or be older than what is kept"
    );
    assert_eq!(
        (status, &body["error"]["message"]),
        (StatusCode::NOT_FOUND, &json!(message))
    );
}
