//! A program that exports no traces: its spans still carry the trace on, and nothing points to what nobody stores. One
//! test, for it has the process's telemetry to itself.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/collector.rs"]
#[expect(
    dead_code,
    reason = "shared with the integration tests, which use all of it"
)]
mod collector;

use std::collections::HashMap;

use collector::Collector;
use opentelemetry::{global, trace::TraceContextExt as _};
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;

use trivium_telemetry::{Telemetry, metrics::meter, trace};

#[tokio::test]
async fn without_traces_there_are_no_exemplars_but_the_context_is_carried_on() {
    let collector = Collector::start();
    let endpoint = collector.endpoint();
    let telemetry = Telemetry::builder("tested")
        .init_from(|variable| match variable {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
            "OTEL_TRACES_EXPORTER" | "OTEL_LOGS_EXPORTER" => Some("none".to_owned()),
            "OTEL_PROPAGATORS" => Some("tracecontext".to_owned()),
            _ => None,
        })
        .unwrap();
    let works = meter("test").u64_counter("works").build();
    let span = tracing::info_span!("work");
    span.in_scope(|| {
        tracing::info!(name: "worked", "words");
        works.add(1, &[]);
    });
    let cx = trace::context(&span);
    assert!(cx.span().span_context().is_sampled());
    let mut carrier = HashMap::new();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&cx, &mut carrier));
    let trace_id = cx.span().span_context().trace_id().to_string();
    assert!(carrier["traceparent"].contains(&trace_id));
    assert!(!carrier.contains_key("baggage"));
    drop(span);
    telemetry.shutdown().await.unwrap();

    let received = collector.received();
    assert_eq!(received.spans, []);
    assert_eq!(received.logs, []);
    let points = received.sum("works");
    assert_eq!(points[0].value, Some(Value::AsInt(1)));
    assert_eq!(points[0].exemplars, []);
}
