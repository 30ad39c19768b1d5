//! What the overview and the page of a service ask the store for: who calls whom, what changed in the last minutes, and what a
//! service uses.

use serde_json::json;
use trivium_lens::model::{Batch, SeriesRows, Span};
use trivium_lens::query::changes::{Change, changes};
use trivium_lens::query::map::{Callee, edges};
use trivium_lens::query::process::{Place, charts, places};
use trivium_lens::query::time::Range;

use crate::seed::{
    SeededLens, histogram, log_record, resource, series, server_span, span_id, trace_id,
};

const SECOND_NS: i64 = 1_000_000_000;
const MINUTE_MS: i64 = 60_000;

fn now_ns() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap()
}

/// A request to a gateway, which calls `auth`, which asks its database twice.
fn request(trace: u8, start_ns: i64, is_failed: bool) -> Vec<Span> {
    let (gateway, auth) = (resource("gateway", "g"), resource("auth", "a"));
    let status = if is_failed { 2 } else { 0 };
    let root = server_span(&gateway, trace_id(trace), span_id(1), start_ns);
    let client = Span {
        parent_span_id: Some(span_id(1)),
        kind: 3,
        ..server_span(&gateway, trace_id(trace), span_id(2), start_ns)
    };
    let server = Span {
        parent_span_id: Some(span_id(2)),
        status,
        duration_ns: 20_000_000,
        ..server_span(&auth, trace_id(trace), span_id(3), start_ns)
    };
    let database = |id| Span {
        parent_span_id: Some(span_id(3)),
        kind: 3,
        duration_ns: 1_000_000,
        attributes: json!({"db.system.name": "sqlite", "db.namespace": "users"}).to_string(),
        ..server_span(&auth, trace_id(trace), span_id(id), start_ns)
    };
    vec![root, client, server, database(4), database(5)]
}

#[tokio::test]
async fn edges_are_calls_between_services_and_to_databases() {
    let now_ns = now_ns();
    let start_ns = now_ns - 100 * SECOND_NS;
    let spans = [
        request(1, start_ns, false),
        request(2, start_ns + 50 * SECOND_NS, true),
    ];
    let lens = SeededLens::start(Batch {
        spans: spans.concat(),
        ..Batch::default()
    })
    .await;
    let range = Range {
        since_ns: now_ns - 900 * SECOND_NS,
        until_ns: now_ns,
    };
    let found = edges(lens.store.readers(), range).await.unwrap();
    let expected = [
        (None, Callee::Service("gateway".to_owned()), 2, 0.0, 0.01),
        (
            Some("auth"),
            Callee::Database {
                namespace: Some("users".to_owned()),
                system: "sqlite".to_owned(),
            },
            4,
            0.0,
            0.001,
        ),
        (
            Some("gateway"),
            Callee::Service("auth".to_owned()),
            2,
            0.5,
            0.02,
        ),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (edge, (caller, callee, calls, error_ratio, mean_seconds)) in found.iter().zip(expected) {
        assert_eq!(edge.caller.as_deref(), caller);
        assert_eq!(
            (&edge.callee, edge.calls, edge.error_ratio),
            (&callee, calls, error_ratio)
        );
        assert!((edge.mean_seconds - mean_seconds).abs() < 1e-9, "{edge:?}");
        // From the oldest stored span on, 100 seconds.
        #[expect(clippy::cast_precision_loss, reason = "two or four calls")]
        let rate = calls as f64 / 100.0;
        assert!((edge.rate - rate).abs() < 1e-6, "{edge:?}");
    }
    // Of a range without spans there are none.
    let earlier = Range {
        since_ns: 1,
        until_ns: 2,
    };
    assert_eq!(edges(lens.store.readers(), earlier).await.unwrap(), []);
}

#[tokio::test]
async fn a_new_kind_of_error_counts_as_a_change_and_a_known_one_does_not() {
    let now_ns = now_ns();
    let auth = resource("auth", "a");
    let failure = |id: u8, ago_s: i64, message: &str| Span {
        status: 2,
        http_status: Some(503),
        status_message: message.to_owned(),
        ..server_span(&auth, trace_id(id), span_id(id), now_ns - ago_s * SECOND_NS)
    };
    let lens = SeededLens::start(Batch {
        spans: vec![
            failure(1, 1_800, "database is locked"),
            failure(2, 60, "database is locked"),
            failure(3, 120, "no free slot"),
            failure(4, 30, "no free slot"),
        ],
        ..Batch::default()
    })
    .await;
    let found = changes(lens.store.readers(), now_ns).await.unwrap();
    let expected = Change::NewError {
        service: "auth".to_owned(),
        name: "GET /login/".to_owned(),
        what: "no free slot".to_owned(),
        count: 2,
        since_ns: now_ns - 120 * SECOND_NS,
        trace_id: opentelemetry::TraceId::from_bytes(trace_id(3)),
    };
    assert_eq!(found, [expected]);
}

#[tokio::test]
async fn without_an_hour_before_nothing_is_a_change() {
    let now_ns = now_ns();
    let auth = resource("auth", "a");
    let failure = Span {
        status: 2,
        ..server_span(&auth, trace_id(1), span_id(1), now_ns - 60 * SECOND_NS)
    };
    let lens = SeededLens::start(Batch {
        spans: vec![failure],
        ..Batch::default()
    })
    .await;
    assert_eq!(changes(lens.store.readers(), now_ns).await.unwrap(), []);
}

/// 100 requests within 0.1 s up to 11 minutes before `now_ms`, then 100 between 0.5 and 1 s.
fn slower_login(now_ms: i64) -> Vec<SeriesRows> {
    histogram(
        "http_server_request_duration_seconds",
        &[("service_name", "auth"), ("http_route", "/login/")],
        &["0.1", "0.5", "1"],
        &[
            (now_ms - 61 * MINUTE_MS, vec![0.0, 0.0, 0.0, 0.0]),
            (now_ms - 30 * MINUTE_MS, vec![100.0, 100.0, 100.0, 100.0]),
            (now_ms - 11 * MINUTE_MS, vec![100.0, 100.0, 100.0, 100.0]),
            (now_ms - 1_000, vec![100.0, 100.0, 200.0, 200.0]),
        ],
    )
}

#[tokio::test]
async fn a_slower_route_is_found_at_every_time_of_the_hour() {
    for minutes_ago in (0..60).step_by(6) {
        let then_ms = now_ns() / 1_000_000 - minutes_ago * MINUTE_MS;
        let lens = SeededLens::start(Batch {
            series: slower_login(then_ms),
            ..Batch::default()
        })
        .await;
        let found = changes(lens.store.readers(), then_ms * 1_000_000)
            .await
            .unwrap();
        let slower: Vec<_> = found
            .iter()
            .filter_map(|change| match change {
                Change::Slower {
                    before_seconds,
                    now_seconds,
                    ..
                } => Some((*before_seconds, *now_seconds)),
                _ => None,
            })
            .collect();
        let is_right = |&(before, now): &(f64, f64)| {
            (before - 0.095).abs() < 1e-9 && (now - 0.975).abs() < 1e-9
        };
        assert!(
            slower.len() == 1 && slower.iter().all(is_right),
            "{minutes_ago} minutes ago: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_route_that_is_slower_since_a_restart_is_found_whenever_that_was() {
    for minutes_ago in [9, 7, 3] {
        let now_ms = now_ns() / 1_000_000;
        let restart_ms = now_ms - minutes_ago * MINUTE_MS;
        let of = |instance, samples: &[(i64, Vec<f64>)]| {
            let labels = [
                ("service_name", "auth"),
                ("http_route", "/login/"),
                ("service_instance_id", instance),
            ];
            histogram(
                "http_server_request_duration_seconds",
                &labels,
                &["0.1", "0.5", "1"],
                samples,
            )
        };
        let before = of(
            "before",
            &[
                (now_ms - 50 * MINUTE_MS, vec![0.0, 0.0, 0.0, 0.0]),
                (now_ms - 30 * MINUTE_MS, vec![100.0, 100.0, 100.0, 100.0]),
                (restart_ms - 5_000, vec![100.0, 100.0, 100.0, 100.0]),
            ],
        );
        // All in its first minute, between 0.5 and 1 s; nobody asked anything afterwards.
        let after = of(
            "after",
            &[
                (restart_ms + 50_000, vec![0.0, 0.0, 40.0, 40.0]),
                (now_ms - 1_000, vec![0.0, 0.0, 40.0, 40.0]),
            ],
        );
        let lens = SeededLens::start(Batch {
            series: [before, after].concat(),
            ..Batch::default()
        })
        .await;
        let found = changes(lens.store.readers(), now_ms * 1_000_000)
            .await
            .unwrap();
        let [
            Change::Slower {
                route, now_seconds, ..
            },
        ] = &found[..]
        else {
            panic!("{minutes_ago} minutes ago: {found:?}")
        };
        assert_eq!(route, "/login/");
        assert!((now_seconds - 0.975).abs() < 1e-9, "{now_seconds}");
    }
}

#[tokio::test]
async fn a_slower_route_a_silent_service_and_a_new_version_are_changes() {
    let now_ns = now_ns();
    let now_ms = now_ns / 1_000_000;
    let mut rows = slower_login(now_ms);
    let uptime = |service, version, from_minutes: i64, to_ms: i64| {
        series(
            "process_uptime_seconds",
            &[("service_name", service), ("service_version", version)],
            &[
                (now_ms - from_minutes * MINUTE_MS, Some(1.0)),
                (now_ms - to_ms, Some(2.0)),
            ],
        )
    };
    rows.push(uptime("auth", "1.0.0", 50, 6 * MINUTE_MS));
    rows.push(uptime("auth", "1.1.0", 5, 1_000));
    rows.push(uptime("mail", "0.3.0", 50, 8 * MINUTE_MS));
    let lens = SeededLens::start(Batch {
        series: rows,
        ..Batch::default()
    })
    .await;
    let found = changes(lens.store.readers(), now_ns).await.unwrap();
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(
        found[0],
        Change::Silent {
            service: "mail".to_owned(),
            last_seen_ns: (now_ms - 8 * MINUTE_MS) * 1_000_000,
        }
    );
    let Change::Slower {
        service,
        route,
        before_seconds,
        now_seconds,
    } = &found[1]
    else {
        panic!("{found:?}");
    };
    assert_eq!((service.as_str(), route.as_str()), ("auth", "/login/"));
    assert!((before_seconds - 0.095).abs() < 1e-9 && (now_seconds - 0.975).abs() < 1e-9);
    assert_eq!(
        found[2],
        Change::NewVersion {
            service: "auth".to_owned(),
            version: "1.1.0".to_owned(),
            since_ns: (now_ms - 5 * MINUTE_MS) * 1_000_000,
        }
    );
}

#[tokio::test]
async fn a_service_has_charts_of_its_processes_and_the_places_where_they_run() {
    let now_ns = now_ns();
    let now_ms = now_ns / 1_000_000;
    let every_30_s = |value: fn(i32) -> f64| -> Vec<(i64, Option<f64>)> {
        (0..=10)
            .map(|step| {
                let time_ms = now_ms - 1_000 - i64::from(10 - step) * 30_000;
                (time_ms, Some(value(step)))
            })
            .collect()
    };
    let of = |metric: &str, labels: &[(&str, &str)], value: fn(i32) -> f64| {
        let labels = [&[("service_name", "auth")][..], labels].concat();
        series(metric, &labels, &every_30_s(value))
    };
    let state = |state| [("db_client_connection_state", state)];
    let cpu = |instance| [("cpu_mode", "user"), ("service_instance_id", instance)];
    let half_a_cpu = |step: i32| f64::from(step) * 15.0;
    let auth = resource("auth", "a");
    let lens = SeededLens::start(Batch {
        logs: vec![log_record(&auth, now_ns, "started")],
        series: vec![
            of("process_cpu_time_seconds_total", &cpu("a"), half_a_cpu),
            of("process_cpu_time_seconds_total", &cpu("b"), half_a_cpu),
            of("db_client_connection_count", &state("used"), |_| 3.0),
            of("db_client_connection_count", &state("idle"), |_| 1.0),
            of("db_client_connection_max", &[], |_| 5.0),
            series(
                "process_memory_usage_bytes",
                &[("service_name", "mail")],
                &every_30_s(|_| 1.0),
            ),
        ],
        ..Batch::default()
    })
    .await;
    let pool = lens.store.readers();
    let range = Range {
        since_ns: now_ns - 900 * SECOND_NS,
        until_ns: now_ns,
    };
    let found = charts(pool, "auth", range, None).await.unwrap();
    let last = |name: &str, line: &str| {
        let chart = found.iter().find(|chart| chart.name == name);
        let mut lines = chart.unwrap().lines.iter();
        let line = lines.find(|of| of.name == line);
        line.unwrap().points.last().unwrap().value
    };
    let names: Vec<_> = found.iter().map(|chart| chart.name).collect();
    assert_eq!(names, ["process-cpu", "pool"], "not what mail sent");
    assert!((last("process-cpu", "user") - 1.0).abs() < 1e-6);
    assert_eq!((last("pool", "used"), last("pool", "idle")), (3.0, 1.0));
    assert_eq!(found[1].limit, Some(5.0));

    let found: Vec<Place> = places(pool, "auth", range)
        .await
        .unwrap()
        .into_iter()
        .collect();
    let place = Place {
        host: Some("testhost".to_owned()),
        container: None,
        version: None,
    };
    assert_eq!(found, [place]);
}
