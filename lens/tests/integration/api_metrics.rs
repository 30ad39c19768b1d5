//! Metrics, services and exemplars through the API, on series whose numbers can be worked out by hand.

use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use trivium_lens::model::{Batch, SeriesRows};

use crate::seed::{
    SeededLens, exemplar, histogram, log_record, resource, series, span_id, trace_id,
};

const DURATION: &str = "http_server_request_duration_seconds";
const BOUNDS: [&str; 2] = ["0.1", "0.5"];

/// A whole minute that lies ten minutes back, in milliseconds.
fn whole_minute() -> i64 {
    let minute_ms = 60_000;
    (Timestamp::now().as_millisecond() / minute_ms - 10) * minute_ms
}

fn time(time_ms: i64) -> String {
    Timestamp::from_millisecond(time_ms).unwrap().to_string()
}

fn login<'a>(instance: &'a str, status: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("http_request_method", "POST"),
        ("http_response_status_code", status),
        ("http_route", "/login/"),
        ("service_instance_id", instance),
        ("service_name", "auth"),
        ("service_namespace", "trivium"),
    ]
}

/// Instance A counts 4, 10, 12 and ends with a stale marker; B begins later, counts 1, 3, restarts and counts 1.
/// Columns: up to 0.1 s, up to 0.5 s, all.
fn two_instances(t0: i64) -> Vec<SeriesRows> {
    let at = |seconds: i64, counts: [f64; 3]| (t0 + seconds * 1_000, counts.to_vec());
    let a = [
        at(-30, [2.0, 4.0, 4.0]),
        at(30, [4.0, 10.0, 10.0]),
        at(90, [4.0, 10.0, 12.0]),
    ];
    let b = [
        at(80, [1.0, 1.0, 1.0]),
        at(150, [3.0, 3.0, 3.0]),
        at(210, [0.0, 1.0, 1.0]),
    ];
    let mut rows = histogram(DURATION, &login("a", "200"), &BOUNDS, &a);
    for row in &mut rows {
        row.samples.push(trivium_lens::model::Sample {
            time_ms: t0 + 100_000,
            value: None,
        });
    }
    rows.extend(histogram(DURATION, &login("b", "200"), &BOUNDS, &b));
    rows
}

fn batch(series: Vec<SeriesRows>) -> Batch {
    Batch {
        series,
        ..Batch::default()
    }
}

fn column(list: &Value, key: &str) -> Vec<f64> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|entry| entry[key].as_f64().unwrap())
        .collect()
}

fn assert_close(got: &[f64], expected: &[f64]) {
    let close =
        got.len() == expected.len() && got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
    assert!(close, "got {got:?}, expected {expected:?}");
}

fn steps(t0: i64, ends_s: &[i64]) -> Vec<String> {
    ends_s.iter().map(|end| time(t0 + end * 1_000)).collect()
}

fn times(list: &Value) -> Vec<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["time"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn two_instances_add_up_through_an_end_and_a_restart() {
    let t0 = whole_minute();
    let lens = SeededLens::start(batch(two_instances(t0))).await;
    let range = format!("since={}&until={}&step=60s", time(t0), time(t0 + 300_000));
    let metric = lens
        .ok(&format!(
            "/api/metrics/http.server.request.duration?{range}"
        ))
        .await;

    assert_eq!(metric["name"], DURATION);
    assert_eq!(
        (&metric["type"], &metric["unit"]),
        (&json!("histogram"), &json!("seconds"))
    );
    let points = &metric["points"];
    assert_eq!(times(points), steps(t0, &[60, 120, 180, 240]));
    assert_close(&column(points, "value"), &[10.0, 13.0, 15.0, 16.0]);
    assert_close(
        &column(points, "rate"),
        &[6.0 / 60.0, 2.0 / 60.0 + 1.0 / 60.0, 2.0 / 70.0, 1.0 / 60.0],
    );

    // In the first minute 2 of 6 lie up to 0.1 s and 4 up to 0.5 s.
    let first = &metric["quantiles"][0];
    assert_eq!(first["time"], time(t0 + 60_000));
    let quantiles = ["p50", "p95", "p99"].map(|q| first[q].as_f64().unwrap());
    assert_close(
        &quantiles,
        &[
            0.1 + 0.4 * 1.0 / 4.0,
            0.1 + 0.4 * 3.7 / 4.0,
            0.1 + 0.4 * 3.94 / 4.0,
        ],
    );

    let cells: Vec<_> = metric["heatmap"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (&c["time"], &c["le"], &c["count"]))
        .collect();
    let ends = steps(t0, &[60, 120, 180, 240])
        .into_iter()
        .map(Value::from)
        .collect::<Vec<_>>();
    let expected = [
        (&ends[0], &json!("0.1"), &json!(2.0)),
        (&ends[0], &json!("0.5"), &json!(4.0)),
        (&ends[1], &json!("0.1"), &json!(1.0)),
        (&ends[1], &json!("+Inf"), &json!(2.0)),
        (&ends[2], &json!("0.1"), &json!(2.0)),
        (&ends[3], &json!("0.5"), &json!(1.0)),
    ];
    assert_eq!(cells, expected);
}

#[tokio::test]
async fn groups_and_conditions_take_labels_in_either_spelling() {
    let t0 = whole_minute();
    let lens = SeededLens::start(batch(two_instances(t0))).await;
    let range = format!("since={}&until={}&step=60s", time(t0), time(t0 + 300_000));
    let address = format!("/api/metrics/{DURATION}?{range}&by=service.instance.id");
    let last = |metric: Value| -> Option<(Value, f64)> {
        let point = metric["points"].as_array().unwrap().last()?.clone();
        Some((point["labels"].clone(), point["value"].as_f64().unwrap()))
    };
    let of = |instance: &str| json!({"service_instance_id": instance});
    // B counted 3 before its restart and 1 after it.
    assert_eq!(last(lens.ok(&address).await), Some((of("b"), 4.0)));
    let of_a = format!("{address}&where=http.route=/login/,service_instance_id=a");
    assert_eq!(last(lens.ok(&of_a).await), Some((of("a"), 12.0)));
    let of_nobody = format!("{address}&where=http_route=/signup/");
    assert_eq!(last(lens.ok(&of_nobody).await), None);
}

#[tokio::test]
async fn a_gauge_is_summed_and_ends_with_its_stale_marker() {
    let t0 = whole_minute();
    let at = |seconds: i64, value: Option<f64>| (t0 + seconds * 1_000, value);
    let active = |instance| [("service_instance_id", instance), ("service_name", "auth")];
    let lens = SeededLens::start(batch(vec![
        series(
            "http_server_active_requests",
            &active("a"),
            &[at(10, Some(3.0)), at(70, Some(5.0)), at(130, None)],
        ),
        series(
            "http_server_active_requests",
            &active("b"),
            &[at(20, Some(1.0)), at(140, Some(2.0)), at(200, Some(4.0))],
        ),
    ]))
    .await;
    let range = format!("since={}&until={}&step=60s", time(t0), time(t0 + 240_000));
    let metric = lens
        .ok(&format!("/api/metrics/http.server.active_requests?{range}"))
        .await;
    assert_eq!(metric["type"], "gauge");
    assert_close(&column(&metric["points"], "value"), &[4.0, 6.0, 2.0, 4.0]);
    assert_eq!(metric["points"][0]["rate"], Value::Null);
    assert_eq!(metric.get("quantiles"), None);
}

#[tokio::test]
async fn the_usual_step_is_no_shorter_than_the_time_between_samples() {
    let t0 = whole_minute();
    let every = |seconds: i64| -> Vec<(i64, Option<f64>)> {
        (0..600 / seconds)
            .map(|n| (t0 + n * seconds * 1_000, Some(1.0)))
            .collect()
    };
    let lens = SeededLens::start(batch(vec![
        series("sent_often", &[("service_name", "auth")], &every(5)),
        series("sent_seldom", &[("service_name", "auth")], &every(60)),
    ]))
    .await;
    let step = async |address: &str| lens.ok(address).await["step_seconds"].clone();
    assert_eq!(step("/api/metrics/sent.often").await, 15.0); // a sixtieth of 15 minutes
    assert_eq!(step("/api/metrics/sent.seldom").await, 120.0); // one and a half minutes, and the next round number
}

#[tokio::test]
async fn families_are_listed_folded() {
    let t0 = whole_minute();
    let mut rows = two_instances(t0);
    rows.push(series(
        "auth_signups_total",
        &[("service_name", "auth")],
        &[(t0, Some(1.0))],
    ));
    let lens = SeededLens::start(batch(rows)).await;
    let expected = json!({"metrics": [
        {"name": "auth_signups_total", "type": "counter", "unit": null, "series": 1},
        {"name": DURATION, "type": "histogram", "unit": "seconds", "series": 2},
    ]});
    assert_eq!(lens.ok("/api/metrics").await, expected);
}

#[tokio::test]
async fn services_tell_rates_errors_and_quantiles_of_the_range() {
    let t0 = whole_minute();
    let at = |seconds: i64, counts: [f64; 3]| (t0 + seconds * 1_000, counts.to_vec());
    let ok = [at(-30, [0.0, 0.0, 0.0]), at(270, [60.0, 90.0, 90.0])];
    let failed = [at(-30, [0.0, 0.0, 0.0]), at(270, [0.0, 10.0, 10.0])];
    let mut rows = histogram(DURATION, &login("a", "200"), &BOUNDS, &ok);
    rows.extend(histogram(DURATION, &login("b", "503"), &BOUNDS, &failed));
    let logs = vec![log_record(
        &resource("worker", "w"),
        (t0 + 60_000) * 1_000_000,
        "only logs",
    )];
    let lens = SeededLens::start(Batch {
        series: rows,
        logs,
        ..Batch::default()
    })
    .await;
    let answer = lens
        .ok(&format!(
            "/api/services?since={}&until={}",
            time(t0),
            time(t0 + 300_000)
        ))
        .await;

    let [auth, worker] = answer["services"].as_array().unwrap().as_slice() else {
        panic!("two services: {answer}")
    };
    assert_eq!(
        (&auth["name"], &auth["namespace"], &auth["instances"]),
        (&json!("auth"), &json!("trivium"), &json!(2))
    );
    assert_eq!(auth["last_seen"], time(t0 + 270_000));
    // 100 requests in 300 s, 10 of them 503; 60 up to 0.1 s, 40 between 0.1 s and 0.5 s.
    let numbers = [
        "request_rate",
        "error_ratio",
        "p50_seconds",
        "p95_seconds",
        "p99_seconds",
    ];
    let numbers = numbers.map(|key| auth[key].as_f64().unwrap());
    assert_close(
        &numbers,
        &[
            100.0 / 300.0,
            0.1,
            0.1 * 50.0 / 60.0,
            0.1 + 0.4 * 35.0 / 40.0,
            0.1 + 0.4 * 39.0 / 40.0,
        ],
    );
    let seen: Timestamp = worker["last_seen"].as_str().unwrap().parse().unwrap();
    assert!(
        (Timestamp::now().as_second() - seen.as_second()) <= 60,
        "arrived just now: {seen}"
    );
    let expected = json!({
        "name": "worker", "namespace": "trivium", "instances": 1, "last_seen": worker["last_seen"],
        "request_rate": null, "error_ratio": null, "p50_seconds": null, "p95_seconds": null, "p99_seconds": null,
    });
    assert_eq!(worker, &expected);
}

#[tokio::test]
async fn exemplars_name_the_trace_and_the_span_of_a_value() {
    let t0 = whole_minute();
    let mut rows = two_instances(t0);
    rows[1].exemplars = vec![
        exemplar(t0 + 5_000, 0.25, trace_id(1), span_id(2)),
        exemplar(t0 + 65_500, 0.45, trace_id(3), span_id(4)),
    ];
    let lens = SeededLens::start(batch(rows)).await;
    let all = lens
        .ok("/api/exemplars?metric=http.server.request.duration")
        .await;
    let labels: serde_json::Map<String, Value> = login("a", "200")
        .into_iter()
        .map(|(label, value)| (label.to_owned(), json!(value)))
        .collect();
    let newest = json!({
        "metric": DURATION, "labels": labels, "time": time(t0 + 65_500), "value": 0.45,
        "trace_id": "03".repeat(16), "span_id": "04".repeat(8),
    });
    assert_eq!(all["exemplars"].as_array().unwrap().len(), 2);
    assert_eq!(all["exemplars"][0], newest);
    assert_eq!(all["exemplars"][1]["value"], 0.25);

    let count = async |query: &str| {
        lens.ok(&format!("/api/exemplars?{query}")).await["exemplars"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(
        count(&format!("metric={DURATION}&since={}", time(t0 + 60_000))).await,
        1
    );
    assert_eq!(count("service=auth&route=/login/").await, 2);
    assert_eq!(count("service=auth&route=/signup/").await, 0);
    assert_eq!(count("service=other").await, 0);
    assert_eq!(count("limit=1").await, 1);
}

#[tokio::test]
async fn wrong_parameters_are_refused_with_the_reason() {
    let lens = SeededLens::start(batch(two_instances(whole_minute()))).await;
    let refused = [
        (
            "/api/services?since=15x",
            "since: `15x` is not a duration such as `15m` nor an RFC 3339 time such as `2026-11-24T08:00:00Z`",
        ),
        (
            "/api/metrics?since=15m",
            "`since` is not a parameter here; there are none",
        ),
        (
            "/api/metrics/http.server.request.duration?step=0x",
            "step: `0x` is not a duration such as `100ms` or `15m`",
        ),
        (
            "/api/metrics/http.server.request.duration?where=x",
            "where: `x` is not a list such as `http.route=/login/,http.request.method=POST`",
        ),
        (
            "/api/exemplars?limit=many",
            "limit: `many` is not a whole number from 1 to 10000",
        ),
        (
            "/api/exemplars?until=yesterday",
            "until: `yesterday` is not a duration such as `15m` nor an RFC 3339 time such as `2026-11-24T08:00:00Z`",
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
    let (status, body) = lens
        .get("/api/metrics/http.server.request.duration?since=1h&step=1s")
        .await;
    let message = "step: `1s` cuts the range into more than 1000 steps; name a longer step or a shorter range";
    assert_eq!(
        (status, &body["error"]["message"]),
        (StatusCode::BAD_REQUEST, &json!(message))
    );
    let (status, body) = lens.get("/api/exemplars?metric=no.such").await;
    let message = "no metric `no.such` is stored; /api/metrics lists those that are";
    assert_eq!(
        (status, &body["error"]["message"]),
        (StatusCode::NOT_FOUND, &json!(message))
    );
    let (status, body) = lens.get("/api/nothing").await;
    assert_eq!(
        (status, &body["error"]["message"]),
        (
            StatusCode::NOT_FOUND,
            &json!("there is nothing at /api/nothing")
        )
    );
}
