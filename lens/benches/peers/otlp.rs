//! The rows as OTLP, a resource for each service and instance, compressed with gzip as the Collector does.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::Range;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    metric::Data,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use crate::Failure;
use crate::remote_write::value;
use crate::shape::{Shape, service_name};

pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    // As fast as it gets: the sender's work is not what is measured.
    let mut body = GzEncoder::new(Vec::new(), Compression::fast());
    body.write_all(bytes)?;
    Ok(body.finish()?)
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn resource(service: usize, instance: u64) -> Resource {
    let attributes = vec![
        text("service.name", service_name(service)),
        text("service.namespace", "shop"),
        text("service.instance.id", format!("instance-{instance}")),
        text("service.version", "1.4.2"),
        text("deployment.environment.name", "development"),
        text("host.name", format!("node-{}", service % 4)),
    ];
    Resource {
        attributes,
        ..Resource::default()
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "shop".to_owned(),
        ..InstrumentationScope::default()
    }
}

pub(crate) fn spans(shape: &Shape, rows: Range<u64>) -> Result<Vec<u8>, Failure> {
    let mut by_resource: BTreeMap<(usize, u64), Vec<Span>> = BTreeMap::new();
    for n in rows {
        let row = shape.span(n);
        let mut attributes: Vec<_> = row
            .attributes
            .into_iter()
            .map(|(key, value)| text(key, value))
            .collect();
        if let Some(status) = row.http_status {
            attributes.push(attribute(
                "http.response.status_code",
                Value::IntValue(status),
            ));
        }
        let span = Span {
            trace_id: row.trace_id.to_vec(),
            span_id: row.span_id.to_vec(),
            parent_span_id: row.parent_span_id.map_or_else(Vec::new, |id| id.to_vec()),
            name: row.name,
            kind: row.kind,
            start_time_unix_nano: row.start_ns,
            end_time_unix_nano: row.start_ns + row.duration_ns,
            attributes,
            status: row.is_error.then(|| Status {
                code: 2,
                message: "upstream timed out".to_owned(),
            }),
            ..Span::default()
        };
        by_resource
            .entry((row.service, row.instance))
            .or_default()
            .push(span);
    }
    let resource_spans =
        by_resource
            .into_iter()
            .map(|((service, instance), spans)| ResourceSpans {
                resource: Some(resource(service, instance)),
                scope_spans: vec![ScopeSpans {
                    scope: Some(scope()),
                    spans,
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            });
    let request = ExportTraceServiceRequest {
        resource_spans: resource_spans.collect(),
    };
    gzip(&request.encode_to_vec())
}

pub(crate) fn logs(shape: &Shape, rows: Range<u64>) -> Result<Vec<u8>, Failure> {
    let mut by_resource: BTreeMap<(usize, u64), Vec<LogRecord>> = BTreeMap::new();
    for n in rows {
        let row = shape.log(n);
        let (trace_id, span_id) = row.ids.map_or_else(Default::default, |(trace, span)| {
            (trace.to_vec(), span.to_vec())
        });
        let record = LogRecord {
            time_unix_nano: row.time_ns,
            observed_time_unix_nano: row.time_ns,
            severity_number: row.severity.0,
            severity_text: row.severity.1.to_owned(),
            event_name: row.event.to_owned(),
            body: Some(AnyValue {
                value: Some(Value::StringValue(row.body)),
            }),
            attributes: row
                .attributes
                .into_iter()
                .map(|(key, value)| text(key, value))
                .collect(),
            trace_id,
            span_id,
            ..LogRecord::default()
        };
        by_resource
            .entry((row.service, row.instance))
            .or_default()
            .push(record);
    }
    let resource_logs = by_resource
        .into_iter()
        .map(|((service, instance), log_records)| ResourceLogs {
            resource: Some(resource(service, instance)),
            scope_logs: vec![ScopeLogs {
                scope: Some(scope()),
                log_records,
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        });
    let request = ExportLogsServiceRequest {
        resource_logs: resource_logs.collect(),
    };
    gzip(&request.encode_to_vec())
}

/// The samples as sums and gauges: each series is one data point, under the name that remote write gives it.
pub(crate) fn metrics(
    shape: &Shape,
    series: &[(Vec<(&'static str, String)>, f64)],
    point: u64,
    rows: Range<u64>,
) -> Result<Vec<u8>, Failure> {
    let time_ns = shape.point_ms(point).cast_unsigned() * 1_000_000;
    let mut by_name: BTreeMap<String, (bool, Vec<NumberDataPoint>)> = BTreeMap::new();
    for (labels, growth) in &series[rows.start as usize..rows.end as usize] {
        let mut labels = labels.iter();
        let name = labels
            .next()
            .map(|(_, name)| name.clone())
            .unwrap_or_default();
        let data_point = NumberDataPoint {
            attributes: labels
                .map(|(key, value)| text(key, value.as_str()))
                .collect(),
            time_unix_nano: time_ns,
            start_time_unix_nano: shape.point_ms(0).cast_unsigned() * 1_000_000,
            value: Some(Number::AsDouble(value(*growth, point))),
            ..NumberDataPoint::default()
        };
        let metric = by_name.entry(name).or_insert((*growth > 0.0, Vec::new()));
        metric.1.push(data_point);
    }
    let metrics = by_name
        .into_iter()
        .map(|(name, (is_sum, data_points))| Metric {
            name,
            data: Some(if is_sum {
                Data::Sum(Sum {
                    data_points,
                    aggregation_temporality: AggregationTemporality::Cumulative as i32,
                    is_monotonic: true,
                })
            } else {
                Data::Gauge(Gauge { data_points })
            }),
            ..Metric::default()
        });
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource(0, 0)),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope()),
                metrics: metrics.collect(),
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    };
    gzip(&request.encode_to_vec())
}
