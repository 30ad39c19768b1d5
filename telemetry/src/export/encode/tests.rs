//! What is written here is what the SDK's own conversion into generated messages gives.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Array, Context, KeyValue, Value,
    trace::{
        Event, Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
        TraceId, TraceState,
    },
};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_proto::{
    tonic::collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    transform::{
        common::tonic::ResourceAttributesWithSchema, logs::tonic::group_logs_by_resource_and_scope,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    logs::{LogBatch, LogProcessor, SdkLogRecord, SdkLoggerProvider},
    trace::{SpanData, SpanEvents, SpanLinks},
};
use prost::Message as _;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

fn a_resource() -> Resource {
    Resource::builder_empty()
        .with_schema_url(
            [KeyValue::new("service.name", "orders")],
            "https://schema/1",
        )
        .build()
}

fn every_kind_of_value() -> Vec<KeyValue> {
    vec![
        KeyValue::new("string", "text"),
        KeyValue::new("long", "x".repeat(20_000)),
        KeyValue::new("empty", ""),
        KeyValue::new("bool", true),
        KeyValue::new("int", -7),
        KeyValue::new("double", 0.25),
        KeyValue::new("bools", Value::Array(Array::Bool(vec![true, false]))),
        KeyValue::new("ints", Value::Array(Array::I64(vec![1, -2]))),
        KeyValue::new("doubles", Value::Array(Array::F64(vec![0.5]))),
        KeyValue::new("strings", Value::Array(Array::String(vec!["a".into()]))),
    ]
}

fn context(span_id: u64, state: &str, is_remote: bool) -> SpanContext {
    SpanContext::new(
        TraceId::from(u128::MAX / 3),
        SpanId::from(span_id),
        TraceFlags::SAMPLED,
        is_remote,
        state.parse::<TraceState>().unwrap(),
    )
}

fn spans() -> Vec<SpanData> {
    let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
    let mut full = SpanData {
        span_context: context(7, "vendor=1", false),
        parent_span_id: SpanId::from(6),
        parent_span_is_remote: true,
        span_kind: SpanKind::Server,
        name: Cow::Borrowed("GET /orders"),
        start_time: start,
        end_time: start + Duration::from_millis(3),
        attributes: every_kind_of_value(),
        dropped_attributes_count: 2,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::error("it broke"),
        instrumentation_scope: InstrumentationScope::builder("tracing")
            .with_version("1.2")
            .with_schema_url("https://schema/2")
            .with_attributes([KeyValue::new("of", "scope")])
            .build(),
    };
    full.events.events = vec![Event::new("retry", start, every_kind_of_value(), 1)];
    full.events.dropped_count = 3;
    full.links.links = vec![Link::new(context(9, "", true), every_kind_of_value(), 4)];
    full.links.dropped_count = 5;
    let kinds = [
        SpanKind::Internal,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];
    let mut spans = vec![full];
    for (kind, status) in
        kinds
            .into_iter()
            .zip([Status::Unset, Status::Ok, Status::Unset, Status::Ok])
    {
        let mut bare = spans[0].clone();
        bare.span_kind = kind;
        bare.status = status;
        bare.parent_span_id = SpanId::INVALID;
        bare.parent_span_is_remote = false;
        bare.attributes.clear();
        bare.events = SpanEvents::default();
        bare.links = SpanLinks::default();
        spans.push(bare);
    }
    spans
}

#[test]
fn spans_are_written_as_the_sdk_converts_them() {
    let resource = a_resource();
    let spans = spans();
    let scope = &spans[0].instrumentation_scope;
    let encoded = EncodedResource::new(&resource);
    let mut items = encoded.items(scope.name(), scope, Vec::new());
    for data in &spans {
        with_buffer(|buffer| {
            span(buffer, data);
            items.push(buffer);
        });
    }
    let written = encoded.request(vec![items]);

    let mut written = ExportTraceServiceRequest::decode(written.as_slice()).unwrap();
    for written in &mut written.resource_spans[0].scope_spans[0].spans {
        // Unset and absent mean the same.
        written.status.get_or_insert_default();
    }
    let resource = ResourceAttributesWithSchema::from(&resource);
    let resource_spans = group_spans_by_resource_and_scope(spans, &resource);
    assert_eq!(written, ExportTraceServiceRequest { resource_spans });
}

/// Keeps what is emitted.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<(SdkLogRecord, InstrumentationScope)>>>);

impl LogProcessor for Kept {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.0.lock().unwrap().push((record.clone(), scope.clone()));
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Emits events of every level and kind of field.
fn emit() {
    let error = "x".parse::<i32>().unwrap_err();
    tracing::info!(
        name: "order.packed",
        target: "orders",
        flag = true,
        count = -3,
        unsigned = 7_u64,
        large = u64::MAX,
        wide = i128::MAX,
        unsigned_wide = 8_u128,
        half = 0.5,
        text = "x".repeat(300),
        bytes = [0_u8, 255].as_slice(),
        debug = ?Some(1),
        display = %"shown",
        never = tracing::field::Empty,
        error = &error as &dyn std::error::Error,
        "packed {} boxes",
        3
    );
    tracing::trace!(target: "orders", "one");
    tracing::debug!(target: "orders", message = "two");
    tracing::warn!(target: "orders", "three");
    tracing::error!(target: "orders", left = "no body");
}

/// The records of [`emit`] by opentelemetry-appender-tracing and the SDK.
fn log_records() -> Vec<(SdkLogRecord, InstrumentationScope)> {
    let kept = Kept::default();
    let provider = SdkLoggerProvider::builder()
        .with_log_processor(kept.clone())
        .build();
    let bridge = OpenTelemetryTracingBridge::new(&provider);
    let subscriber = tracing_subscriber::registry().with(bridge);
    tracing::subscriber::with_default(subscriber, emit);
    let records = kept.0.lock().unwrap();
    records.clone()
}

/// Keeps what is written of events.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<Vec<u8>>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Written {
    fn on_event(&self, event_: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut written = Vec::new();
        Context::map_current(|context| event(&mut written, event_, context));
        self.0.lock().unwrap().push(written);
    }
}

#[test]
fn events_are_written_as_the_bridge_and_the_sdk_convert_them() {
    let _span = Context::new()
        .with_remote_span_context(context(6, "", false))
        .attach();
    let resource = a_resource();
    let records = log_records();
    assert_eq!(records.len(), 5);
    let written = Written::default();
    let subscriber = tracing_subscriber::registry().with(written.clone());
    tracing::subscriber::with_default(subscriber, emit);
    let encoded = EncodedResource::new(&resource);
    let mut items = encoded.items("orders", &records[0].1, Vec::new());
    for record in &*written.0.lock().unwrap() {
        items.push(record);
    }
    let written = encoded.request(vec![items]);

    let mut written = ExportLogsServiceRequest::decode(written.as_slice()).unwrap();
    let resource = ResourceAttributesWithSchema::from(&resource);
    let records: Vec<_> = records
        .iter()
        .map(|(record, scope)| (record, scope))
        .collect();
    let mut resource_logs = group_logs_by_resource_and_scope(&LogBatch::new(&records), &resource);
    for logs in [&mut written.resource_logs, &mut resource_logs] {
        for record in &mut logs[0].scope_logs[0].log_records {
            assert!(record.observed_time_unix_nano > 0);
            record.observed_time_unix_nano = 0;
        }
    }
    assert_eq!(written.resource_logs, resource_logs);
}

#[test]
fn each_scope_of_a_batch_comes_with_its_resource() {
    let encoded = EncodedResource::new(&a_resource());
    let scopes = ["one", "two"].map(|name| {
        let mut items = encoded.items(name, &InstrumentationScope::default(), Vec::new());
        items.push(&[]);
        items
    });
    let request = encoded.request(Vec::from(scopes));
    let request = ExportTraceServiceRequest::decode(request.as_slice()).unwrap();
    let names = request.resource_spans.iter().map(|of_resource| {
        let attributes = &of_resource.resource.as_ref().unwrap().attributes;
        assert_eq!(attributes[0].key, "service.name");
        assert_eq!(of_resource.schema_url, "https://schema/1");
        assert_eq!(of_resource.scope_spans[0].spans.len(), 1);
        of_resource.scope_spans[0]
            .scope
            .as_ref()
            .unwrap()
            .name
            .clone()
    });
    assert_eq!(names.collect::<Vec<_>>(), ["one", "two"]);
}
