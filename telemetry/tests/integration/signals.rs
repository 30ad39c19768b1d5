//! Logs, counters, the resource and the exporter's own metrics.

use opentelemetry::KeyValue;
use tracing::Instrument as _;
use trivium_telemetry::{metrics::meter, task::spawn_blocking};

use crate::collector::{Received, attribute};

#[tokio::test]
async fn a_log_carries_its_span_and_event_name_and_is_no_span_event() {
    let collector = crate::collector();
    async {
        tracing::info!(name: "order.placed", order = 7, "placed");
        spawn_blocking(|| tracing::warn!(name: "order.checked", "checked"))
            .await
            .unwrap();
    }
    .instrument(tracing::info_span!("place order"))
    .await;

    let span = collector.wait_for("the span", |received| received.span("place order"));
    let placed = collector.wait_for("the log", |received| received.log("order.placed"));
    let checked = collector.wait_for("the blocking log", |received| received.log("order.checked"));
    for log in [&placed, &checked] {
        assert_eq!(log.trace_id, span.trace_id);
        assert_eq!(log.span_id, span.span_id);
    }
    assert_eq!(placed.severity_text, "INFO");
    assert_eq!(attribute(&placed.attributes, "order").as_deref(), Some("7"));
    assert_eq!(span.events, []);
}

#[tokio::test]
async fn a_program_may_have_a_name_like_a_crate_of_the_transport() {
    let collector = crate::collector();
    tracing::info_span!(target: "hyper_service::main", "served").in_scope(|| {
        tracing::info!(name: "sent", target: "hyper::client", "a request");
        tracing::info!(name: "served", target: "hyper_service", "a request");
    });
    collector.wait_for("the span", |received| received.span("served"));
    collector.wait_for("the log", |received| received.log("served"));
    assert_eq!(collector.received().log("sent"), None);
}

#[tokio::test]
async fn a_counter_s_exemplar_points_to_the_span_it_was_counted_in() {
    let collector = crate::collector();
    let counter = meter("test").u64_counter("orders").build();
    let paid = [KeyValue::new("paid", true)];
    counter.add(1, &[]);
    tracing::info_span!("count order").in_scope(|| counter.add(2, &paid));

    let span = collector.wait_for("the span", |received| received.span("count order"));
    let exemplars_with = |received: &Received, attributes: usize| {
        let metrics = received.metrics.iter().filter(|m| m.name == "orders");
        let mut exemplars = Vec::new();
        for metric in metrics {
            let Some(opentelemetry_proto::tonic::metrics::v1::metric::Data::Sum(sum)) =
                &metric.data
            else {
                continue;
            };
            for point in &sum.data_points {
                if point.attributes.len() == attributes {
                    exemplars.extend(point.exemplars.clone());
                }
            }
        }
        exemplars
    };
    let exemplar = collector.wait_for("the exemplar", |received| {
        exemplars_with(received, 1).first().cloned()
    });
    assert_eq!(exemplar.trace_id, span.trace_id);
    assert_eq!(exemplar.span_id, span.span_id);
    assert_eq!(
        exemplar.value,
        Some(opentelemetry_proto::tonic::metrics::v1::exemplar::Value::AsInt(2))
    );
    assert_eq!(
        exemplars_with(&collector.received(), 0),
        [],
        "the count made outside of a span has none"
    );
}

#[tokio::test]
async fn all_three_signals_carry_the_same_complete_resource() {
    let collector = crate::collector();
    tracing::info_span!("resource").in_scope(|| tracing::info!(name: "resource", "log"));
    collector.wait_for("the span", |received| received.span("resource"));
    collector.wait_for("the log", |received| received.log("resource"));
    collector.wait_for("a metric", |received| received.metrics.first().cloned());

    let received = collector.received();
    let first = &received.resources[0];
    assert!(received.resources.iter().all(|resource| resource == first));
    for (key, value) in [
        ("service.name", "tested"),
        ("service.namespace", "trivium"),
        ("service.version", "1.2.3"),
        ("deployment.environment.name", "development"),
        ("telemetry.sdk.language", "rust"),
    ] {
        assert_eq!(attribute(&first.attributes, key).as_deref(), Some(value));
    }
    for key in ["service.instance.id", "host.name", "process.pid"] {
        assert!(attribute(&first.attributes, key).is_some(), "{key}");
    }
}

#[tokio::test]
async fn the_exporter_and_the_process_are_measured_and_feed_nothing_back() {
    let collector = crate::collector();
    tracing::info_span!("measured").in_scope(|| {});
    collector.wait_for("the exporter's own count", |received| {
        let points = received.sum("otel.sdk.exporter.span.exported");
        points.iter().find(|point| {
            use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
            matches!(point.value, Some(Value::AsInt(exported)) if exported > 0)
        })?;
        Some(())
    });
    let mut names = vec![
        "otel.sdk.processor.span.queue.capacity",
        "tokio.worker.busy_duration",
    ];
    if cfg!(feature = "process-metrics") {
        names.extend([
            "process.cpu.time",
            "process.memory.usage",
            "process.thread.count",
            "process.unix.file_descriptor.count",
        ]);
    }
    for name in names {
        assert!(!collector.received().sum(name).is_empty(), "{name}");
    }
    let received = collector.received();
    let transport = [
        "h2::",
        "hyper::",
        "hyper_util",
        "tonic",
        "tower",
        "opentelemetry",
        "trivium",
    ];
    let fed_back: Vec<_> = received
        .log_scopes
        .iter()
        .filter(|scope| transport.iter().any(|own| scope.starts_with(own)))
        .collect();
    assert!(fed_back.is_empty(), "{fed_back:?}");
}

/// Makes telemetry of its own while it is formatted.
struct Talkative;

impl std::fmt::Debug for Talkative {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        tracing::info_span!("talkative", inner = "a")
            .in_scope(|| tracing::info!(name: "talkative.inner", inner = "b", "inner"));
        formatter.write_str("outer")
    }
}

#[test]
fn a_value_may_log_and_make_spans_while_it_is_formatted() {
    let collector = crate::collector();
    let span = tracing::info_span!("talked about", value = ?Talkative);
    span.in_scope(|| tracing::info!(name: "talkative.outer", value = ?Talkative, "outer"));
    drop(span);

    let outer = collector.wait_for("the log", |received| received.log("talkative.outer"));
    let inner = collector.wait_for("the inner log", |received| received.log("talkative.inner"));
    let span = collector.wait_for("the span", |received| received.span("talked about"));
    let inner_span = collector.wait_for("the inner span", |received| received.span("talkative"));
    for (attributes, key, value) in [
        (&outer.attributes, "value", "outer"),
        (&inner.attributes, "inner", "b"),
        (&span.attributes, "value", "outer"),
        (&inner_span.attributes, "inner", "a"),
    ] {
        assert_eq!(attribute(attributes, key).as_deref(), Some(value));
        assert_eq!(attributes.len(), 1);
    }
    assert_eq!(outer.span_id, span.span_id);
}
