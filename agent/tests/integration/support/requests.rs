//! What is in the requests that the sink kept.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs},
    metrics::v1::{ResourceMetrics, metric::Data, number_data_point},
    trace::v1::ResourceSpans,
};
use prost::Message;
use trivium_bench_agent::sink::Tally;

fn kept<T: Message + Default>(tally: &Tally, signal: &str) -> Vec<T> {
    let kept = tally.kept.as_deref().unwrap_or_default();
    kept.iter()
        .filter(|request| request.path.contains(signal))
        .map(|request| T::decode(request.message.clone()).unwrap())
        .collect()
}

/// Of all requests for logs that were kept.
pub(crate) fn resource_logs(tally: &Tally) -> Vec<ResourceLogs> {
    let requests = kept::<ExportLogsServiceRequest>(tally, "logs");
    requests
        .into_iter()
        .flat_map(|request| request.resource_logs)
        .collect()
}

/// Of all requests for metrics that were kept.
pub(crate) fn resource_metrics(tally: &Tally) -> Vec<ResourceMetrics> {
    let requests = kept::<ExportMetricsServiceRequest>(tally, "metrics");
    requests
        .into_iter()
        .flat_map(|request| request.resource_metrics)
        .collect()
}

/// Of all requests for traces that were kept.
pub(crate) fn resource_spans(tally: &Tally) -> Vec<ResourceSpans> {
    let requests = kept::<ExportTraceServiceRequest>(tally, "trace");
    requests
        .into_iter()
        .flat_map(|request| request.resource_spans)
        .collect()
}

/// The records of it.
pub(crate) fn records(resource_logs: &ResourceLogs) -> impl Iterator<Item = &LogRecord> {
    resource_logs
        .scope_logs
        .iter()
        .flat_map(|scope| &scope.log_records)
}

pub(crate) fn body(record: &LogRecord) -> &str {
    match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        _ => "",
    }
}

/// The value of an attribute, as text.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()? {
        AnyValue {
            value: Some(Value::StringValue(text)),
        } => Some(text.clone()),
        AnyValue {
            value: Some(Value::IntValue(number)),
        } => Some(number.to_string()),
        _ => None,
    }
}

/// The attribute of the resource of these records.
pub(crate) fn of_resource(resource_logs: &ResourceLogs, key: &str) -> Option<String> {
    attribute(&resource_logs.resource.as_ref()?.attributes, key)
}

/// A loss as it was declared: file name, range, reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeclaredLoss {
    pub(crate) file: String,
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) reason: String,
}

/// All losses that arrived.
pub(crate) fn losses(tally: &Tally) -> Vec<DeclaredLoss> {
    let all = resource_logs(tally);
    let records = all.iter().flat_map(records);
    let declared = records.filter_map(|record| {
        let of = |key| attribute(&record.attributes, key);
        Some(DeclaredLoss {
            reason: of("trivium.loss.reason")?,
            file: of("log.file.name").unwrap_or_default(),
            from: of("trivium.loss.from")?.parse().unwrap(),
            to: of("trivium.loss.to")?.parse().unwrap(),
        })
    });
    declared.collect()
}

/// The last value of a metric that was kept, of the data points that have this attribute.
pub(crate) fn last_value(tally: &Tally, metric: &str, with: Option<(&str, &str)>) -> Option<u64> {
    let all = resource_metrics(tally);
    let metrics = all
        .iter()
        .flat_map(|resource| &resource.scope_metrics)
        .flat_map(|scope| &scope.metrics)
        .filter(|found| found.name == metric);
    let points = metrics.flat_map(|found| match &found.data {
        Some(Data::Sum(sum)) => sum.data_points.as_slice(),
        Some(Data::Gauge(gauge)) => gauge.data_points.as_slice(),
        _ => &[],
    });
    let mut of_attribute = points.filter(|point| {
        with.is_none_or(|(key, value)| attribute(&point.attributes, key).as_deref() == Some(value))
    });
    match of_attribute.next_back()?.value? {
        number_data_point::Value::AsInt(value) => Some(value.cast_unsigned()),
        number_data_point::Value::AsDouble(value) => Some(value as u64),
    }
}
