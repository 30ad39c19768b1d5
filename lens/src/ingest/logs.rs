//! Decodes `ExportLogsServiceRequest`. No record is refused: one with unusable ids belongs to no trace, as OTLP says, and
//! one without a time gets the time of its arrival. Log records have no identity, so the request's digest stands for theirs.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord as ProtoLogRecord;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::attributes::{self, Attributes, Json};
use super::{Decoded, IngestError};
use crate::model::{LogRecord, Resource};

pub(super) fn decode(body: &[u8]) -> Result<Decoded, IngestError> {
    let request =
        ExportLogsServiceRequest::decode(body).map_err(|source| IngestError::Protobuf {
            message: "ExportLogsServiceRequest",
            source,
        })?;
    let mut decoded = Decoded::default();
    decoded.batch.digest = Some(Sha256::digest(body).into());
    decoded.batch.logs = rows(request);
    Ok(decoded)
}

/// The rows of a request.
pub(super) fn rows(request: ExportLogsServiceRequest) -> Vec<LogRecord> {
    let arrival_ns = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
    let mut logs = Vec::new();
    for of_resource in request.resource_logs {
        let resource = attributes::resource(of_resource.resource);
        for of_scope in of_resource.scope_logs {
            let scope = attributes::scope(of_scope.scope);
            let records = of_scope.log_records.into_iter();
            logs.extend(records.map(|record| row(record, &resource, &scope, arrival_ns)));
        }
    }
    logs
}

fn row(
    record: ProtoLogRecord,
    resource: &Arc<Resource>,
    scope: &Arc<str>,
    arrival_ns: i64,
) -> LogRecord {
    let time_ns = match (record.time_unix_nano, record.observed_time_unix_nano) {
        (0, 0) => arrival_ns,
        (0, time) | (time, _) => i64::try_from(time).unwrap_or(arrival_ns),
    };
    LogRecord {
        time_ns,
        trace_id: id(&record.trace_id),
        span_id: id(&record.span_id),
        resource: Arc::clone(resource),
        scope: Arc::clone(scope),
        severity: record.severity_number,
        severity_text: record.severity_text,
        event_name: record.event_name,
        body: body_text(record.body),
        attributes: attributes::json(&Attributes(&record.attributes)),
    }
}

fn id<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok().filter(|id| *id != [0; N])
}

/// A text as it is, another value as JSON, no value as nothing.
fn body_text(body: Option<AnyValue>) -> String {
    match body {
        Some(AnyValue {
            value: Some(Value::StringValue(text)),
        }) => text,
        Some(body @ AnyValue { value: Some(_) }) => attributes::json(&Json(Some(&body))),
        _ => String::new(),
    }
}
