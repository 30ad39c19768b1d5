//! What is written here is what the SDK's own conversion into generated messages gives.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Array, KeyValue, Value,
    logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity},
    trace::{Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
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
    let mut items = ScopeItems::new(scope.name(), scope);
    for data in &spans {
        with_buffer(|buffer| {
            span(buffer, data);
            items.push(buffer);
        });
    }
    let written = EncodedResource::new(&resource).request(&[items]);

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

fn log_records() -> Vec<(SdkLogRecord, InstrumentationScope)> {
    let kept = Kept::default();
    let provider = SdkLoggerProvider::builder()
        .with_log_processor(kept.clone())
        .build();
    let logger = provider.logger("orders");

    let mut full = logger.create_log_record();
    full.set_event_name("order.packed");
    full.set_severity_text("INFO");
    full.set_timestamp(SystemTime::UNIX_EPOCH + Duration::from_nanos(17));
    full.set_trace_context(TraceId::from(5), SpanId::from(6), Some(TraceFlags::SAMPLED));
    let values = AnyValue::ListAny(Box::new(vec![1.into(), "two".into(), 0.5.into()]));
    let map = [("list".into(), values), ("text".into(), "t".into())];
    full.set_body(AnyValue::Map(Box::new(map.into_iter().collect())));
    full.add_attribute("bytes", AnyValue::Bytes(Box::new(vec![0, 255])));
    full.add_attribute("flag", true);
    full.add_attribute("count", -3);
    full.add_attribute("text", "x".repeat(300));
    logger.emit(full);

    let severities = [
        Severity::Trace,
        Severity::Trace2,
        Severity::Trace3,
        Severity::Trace4,
        Severity::Debug,
        Severity::Debug2,
        Severity::Debug3,
        Severity::Debug4,
        Severity::Info,
        Severity::Info2,
        Severity::Info3,
        Severity::Info4,
        Severity::Warn,
        Severity::Warn2,
        Severity::Warn3,
        Severity::Warn4,
        Severity::Error,
        Severity::Error2,
        Severity::Error3,
        Severity::Error4,
        Severity::Fatal,
        Severity::Fatal2,
        Severity::Fatal3,
        Severity::Fatal4,
    ];
    for severity in severities {
        let mut record = logger.create_log_record();
        record.set_severity_number(severity);
        record.set_body("text".into());
        logger.emit(record);
    }
    let records = kept.0.lock().unwrap();
    records.clone()
}

#[test]
fn log_records_are_written_as_the_sdk_converts_them() {
    let resource = a_resource();
    let records = log_records();
    assert_eq!(records.len(), 25);
    let scope = &records[0].1;
    let mut items = ScopeItems::new(scope.name(), scope);
    for (record, _) in &records {
        with_buffer(|buffer| {
            log_record(buffer, record);
            items.push(buffer);
        });
    }
    let written = EncodedResource::new(&resource).request(&[items]);

    let written = ExportLogsServiceRequest::decode(written.as_slice()).unwrap();
    let resource = ResourceAttributesWithSchema::from(&resource);
    let records: Vec<_> = records
        .iter()
        .map(|(record, scope)| (record, scope))
        .collect();
    let resource_logs = group_logs_by_resource_and_scope(&LogBatch::new(&records), &resource);
    assert_eq!(written, ExportLogsServiceRequest { resource_logs });
}
