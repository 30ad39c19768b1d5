//! The Collector goes away and comes back; then the program ends. One test, for it has the process's telemetry to itself.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/collector.rs"]
#[expect(
    dead_code,
    reason = "shared with the integration tests, which use all of it"
)]
mod collector;

use std::time::{Duration, Instant};

use collector::{Collector, Received, attribute};
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use trivium_telemetry::{Telemetry, metrics::meter};

const QUEUE_SIZE: usize = 200;

fn make_spans(count: usize) {
    for _ in 0..count {
        tracing::info_span!("made").in_scope(|| {});
    }
}

fn dropped(received: &Received) -> i64 {
    let points = received.sum("otel.sdk.processor.span.processed");
    let full = points
        .iter()
        .find(|point| attribute(&point.attributes, "error.type").as_deref() == Some("queue_full"));
    match full.and_then(|point| point.value) {
        Some(Value::AsInt(dropped)) => dropped,
        _ => 0,
    }
}

#[tokio::test]
async fn an_outage_blocks_nothing_and_what_it_cost_is_counted() {
    let mut collector = Collector::start();
    let endpoint = collector.endpoint();
    let telemetry = Telemetry::builder("tested")
        .init_from(|variable| match variable {
            "OTEL_EXPORTER_OTLP_COMPRESSION" => Some("gzip".to_owned()),
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
            "OTEL_BSP_MAX_QUEUE_SIZE" => Some(QUEUE_SIZE.to_string()),
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" => Some("50".to_owned()),
            "OTEL_METRIC_EXPORT_INTERVAL" | "OTEL_BSP_SCHEDULE_DELAY" => Some("50".to_owned()),
            _ => None,
        })
        .unwrap();
    let requests = meter("test").u64_counter("requests").build();

    requests.add(1, &[]);
    make_spans(1);
    collector.wait_for("the first span", |received| received.span("made"));

    collector.pause();
    let started = Instant::now();
    make_spans(1000);
    requests.add(1000, &[]);
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "making spans waited for the Collector"
    );
    // Metrics go on being tried, and failing, while it is away.
    tokio::time::sleep(Duration::from_millis(300)).await;

    collector.resume();
    let lost = collector.wait_for("the count of dropped spans", |received| {
        Some(dropped(received)).filter(|dropped| *dropped > 0)
    });
    let kept = 1001 - usize::try_from(lost).unwrap();
    collector.wait_for("all kept spans", |received| {
        (received.spans.len() == kept).then_some(())
    });
    assert!(
        (QUEUE_SIZE..=QUEUE_SIZE + 101).contains(&kept),
        "{kept} kept of a queue of {QUEUE_SIZE}, the first span and batches on their way"
    );
    collector.wait_for("the right count", |received| {
        let points = received.sum("requests");
        (points.first()?.value == Some(Value::AsInt(1001))).then_some(())
    });

    make_spans(30);
    tracing::info!(name: "last", "words");
    requests.add(1, &[]);
    telemetry.shutdown().await.unwrap();
    let received = collector.received();
    assert_eq!(received.spans.len(), kept + 30);
    assert!(received.log("last").is_some());
    assert_eq!(
        received.sum("requests")[0].value,
        Some(Value::AsInt(1002)),
        "metrics are flushed last"
    );
}
