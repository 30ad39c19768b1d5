//! `/api/pipeline` and `/pipeline`: what the hops say of themselves.

use jiff::Timestamp;
use serde_json::{Value, json};
use trivium_lens::model::{Batch, SeriesRows};

use crate::seed::{SeededLens, series};

/// A metric of itself that an instance sends: before the range, at its start, and now.
fn sent(metric: &str, labels: &[(&str, &str)], values: [f64; 3]) -> SeriesRows {
    let now_ms = Timestamp::now().as_millisecond();
    let times = [now_ms - 400_000, now_ms - 250_000, now_ms - 1_000];
    let labels = [labels, &[("service_instance_id", "i-1")]].concat();
    let samples = times.into_iter().zip(values.map(Some));
    series(metric, &labels, &samples.collect::<Vec<_>>())
}

/// A program, an agent that is behind, a Collector whose exporter gave up 7 spans, and lens.
pub(crate) fn hops() -> Batch {
    let auth = ("service_name", "auth");
    let host = ("host_name", "web-1");
    let grpc = [("receiver", "otlp"), ("transport", "grpc")];
    let http = [("receiver", "otlp"), ("transport", "http")];
    let lens = ("exporter", "otlp_grpc/lens");
    let limiter = [("processor", "memory_limiter"), ("otel_signal", "traces")];
    let ingest = [("service_name", "trivium-lens"), ("signal", "traces")];
    let spans = "otel_sdk_exporter_span_exported_total";
    Batch {
        series: vec![
            sent(spans, &[auth], [100.0, 100.0, 160.0]),
            sent(spans, &[auth, ("error_type", "timeout")], [0.0, 0.0, 0.0]),
            sent(
                "otel_sdk_processor_span_queue_size",
                &[auth],
                [0.0, 5.0, 20.0],
            ),
            sent(
                "otel_sdk_processor_span_queue_capacity",
                &[auth],
                [2_048.0; 3],
            ),
            sent(
                "trivium_agent_records_total",
                &[host, ("source", "containers")],
                [0.0, 10.0, 30.0],
            ),
            sent(
                "trivium_agent_records_total",
                &[host, ("source", "files")],
                [0.0, 0.0, 5.0],
            ),
            sent(
                "trivium_agent_acknowledged_total",
                &[host, ("signal", "logs")],
                [0.0, 10.0, 25.0],
            ),
            sent(
                "trivium_agent_lag_bytes",
                &[host, ("source", "containers")],
                [0.0, 0.0, 4_096.0],
            ),
            sent(
                "trivium_agent_lag_time_seconds",
                &[host, ("source", "containers")],
                [0.0, 0.0, 42.0],
            ),
            sent(
                "trivium_agent_lag_time_seconds",
                &[host, ("source", "files")],
                [0.0, 0.0, 3.0],
            ),
            sent("trivium_agent_spool_size_bytes", &[host], [0.0, 0.0, 512.0]),
            sent(
                "otelcol_receiver_accepted_spans_total",
                &grpc,
                [0.0, 0.0, 50.0],
            ),
            sent(
                "otelcol_receiver_accepted_spans_total",
                &http,
                [0.0, 0.0, 10.0],
            ),
            sent(
                "otelcol_receiver_refused_spans_total",
                &grpc,
                [0.0, 0.0, 2.0],
            ),
            sent(
                "otelcol_processor_incoming_items_total",
                &limiter,
                [0.0, 0.0, 60.0],
            ),
            sent(
                "otelcol_processor_outgoing_items_total",
                &limiter,
                [0.0, 0.0, 55.0],
            ),
            sent(
                "otelcol_processor_memory_limiter_refused_spans_total",
                &[limiter[0]],
                [0.0, 0.0, 4.0],
            ),
            sent(
                "otelcol_exporter_sent_spans_total",
                &[lens],
                [0.0, 0.0, 48.0],
            ),
            sent(
                "otelcol_exporter_send_failed_spans_total",
                &[lens],
                [0.0, 0.0, 7.0],
            ),
            sent(
                "otelcol_exporter_queue_size",
                &[lens, ("data_type", "traces")],
                [0.0, 0.0, 90.0],
            ),
            sent(
                "otelcol_exporter_queue_capacity",
                &[lens, ("data_type", "traces")],
                [100.0; 3],
            ),
            sent("lens_ingest_accepted_total", &ingest, [0.0, 0.0, 48.0]),
        ],
        ..Batch::default()
    }
}

#[tokio::test]
async fn each_hop_tells_what_it_took_handed_on_and_lost() {
    let lens = SeededLens::start(hops()).await;
    let body = lens.ok("/api/pipeline?since=5m").await;
    let hops = body["hops"].as_array().unwrap();
    let kinds: Vec<&str> = hops.iter().filter_map(|hop| hop["kind"].as_str()).collect();
    let expected = [
        "sdk",
        "agent",
        "agent",
        "collector_receiver",
        "collector_processor",
        "collector_exporter",
        "lens",
    ];
    assert_eq!(kinds, expected, "{body}");
    let numbers = |index: usize, names: &[&str]| -> Vec<Value> {
        names
            .iter()
            .map(|name| hops[index][*name].clone())
            .collect()
    };
    // The 100 of before the range are not counted; series that failed nothing are there with 0.
    assert_eq!(
        numbers(
            0,
            &[
                "hop",
                "instance",
                "signal",
                "sent",
                "failed",
                "queue_size",
                "queue_capacity",
                "accepted"
            ]
        ),
        [
            json!("auth"),
            json!("i-1"),
            json!("traces"),
            json!(60.0),
            json!(0.0),
            json!(20.0),
            json!(2048.0),
            Value::Null
        ]
    );
    // The spool is of no one signal. Sources are added up, of their lags the longest tells.
    assert_eq!(
        numbers(1, &["hop", "signal", "lag_bytes"]),
        [json!("web-1"), Value::Null, json!(512.0)]
    );
    assert_eq!(
        numbers(
            2,
            &["signal", "accepted", "sent", "lag_bytes", "lag_seconds"]
        ),
        [
            json!("logs"),
            json!(35.0),
            json!(25.0),
            json!(4096.0),
            json!(42.0)
        ]
    );
    assert_eq!(
        numbers(3, &["hop", "accepted", "refused"]),
        [json!("otlp"), json!(60.0), json!(2.0)]
    );
    // Of 60 it refused 4 and handed on 55: it left out one.
    assert_eq!(
        numbers(4, &["accepted", "refused", "dropped", "sent"]),
        [json!(60.0), json!(4.0), json!(1.0), json!(55.0)]
    );
    assert_eq!(
        numbers(
            5,
            &["hop", "sent", "failed", "queue_size", "queue_capacity"]
        ),
        [
            json!("otlp_grpc/lens"),
            json!(48.0),
            json!(7.0),
            json!(90.0),
            json!(100.0)
        ]
    );
    assert_eq!(
        numbers(6, &["accepted", "refused"]),
        [json!(48.0), Value::Null]
    );
}

#[tokio::test]
async fn the_page_says_where_something_was_lost() {
    let lens = SeededLens::start(hops()).await;
    let page = lens.text("/pipeline?since=5m").await;
    assert!(
        page.contains("<b class=\"failed\">7</b> at exporter <code>otlp_grpc/lens</code>."),
        "{page}"
    );
    assert_eq!(page.matches("class=\"hop lossy\"").count(), 1);
    let empty = SeededLens::start(Batch::default()).await;
    let page = empty.text("/pipeline").await;
    assert!(page.contains("No hop said anything of itself in this range"));
}

#[tokio::test]
async fn the_card_of_a_hop_tells_what_waits_only_when_something_does() {
    let behind = SeededLens::start(hops()).await;
    assert!(behind.text("/pipeline?since=5m").await.contains("in hand"));
    let labels = [("host_name", "web-1"), ("source", "files")];
    let idle = SeededLens::start(Batch {
        series: vec![sent("trivium_agent_lag_bytes", &labels, [0.0; 3])],
        ..Batch::default()
    })
    .await;
    let page = idle.text("/pipeline?since=5m").await;
    assert!(page.contains("data-testid=\"hop\""), "{page}");
    assert!(!page.contains("in hand"), "{page}");
}

#[tokio::test]
async fn a_hop_that_fell_silent_has_counts_and_no_queue() {
    let now_ms = Timestamp::now().as_millisecond();
    let labels = [
        ("exporter", "otlp_http/loki"),
        ("service_instance_id", "gone"),
    ];
    let of = |metric: &str, labels: &[(&str, &str)], value: f64| {
        let samples = [600, 590].map(|ago| (now_ms - ago * 1_000, Some(value)));
        series(metric, labels, &samples)
    };
    let queue = [&labels[..], &[("data_type", "logs")]].concat();
    let lens = SeededLens::start(Batch {
        series: vec![
            of("otelcol_exporter_sent_log_records_total", &labels, 12.0),
            of("otelcol_exporter_queue_size", &queue, 9.0),
        ],
        ..Batch::default()
    })
    .await;
    let body = lens.ok("/api/pipeline?since=15m").await;
    let hop = &body["hops"][0];
    assert_eq!(
        [&hop["signal"], &hop["sent"], &hop["queue_size"]],
        [&json!("logs"), &json!(12.0), &Value::Null],
        "{body}"
    );
}
