//! `opentelemetry.proto.logs.v1.LogRecord`.

use opentelemetry_sdk::logs::SdkLogRecord;
use trivium_otlp::wire::{bytes, close, fixed32, fixed64, open, uint};

use super::{
    span::nanos,
    string,
    value::{log_attribute, log_value},
};

/// Writes the fields of a `LogRecord`.
pub(in crate::export) fn log_record(out: &mut Vec<u8>, record: &SdkLogRecord) {
    if let Some(time) = record.timestamp() {
        fixed64(out, 1, nanos(time));
    }
    if let Some(severity) = record.severity_number() {
        // The API numbers severities as OTLP does.
        uint(out, 2, severity as u64);
    }
    string(out, 3, record.severity_text().unwrap_or_default());
    if let Some(body) = record.body() {
        let message = open(out, 5);
        log_value(out, body);
        close(out, message);
    }
    for (key, value) in record.attributes_iter() {
        log_attribute(out, 6, key, value);
    }
    if let Some(context) = record.trace_context() {
        let flags = context.trace_flags.unwrap_or_default();
        fixed32(out, 8, u32::from(flags.to_u8()));
        bytes(out, 9, &context.trace_id.to_bytes());
        bytes(out, 10, &context.span_id.to_bytes());
    }
    if let Some(time) = record.observed_timestamp() {
        fixed64(out, 11, nanos(time));
    }
    string(out, 12, record.event_name().unwrap_or_default());
}
