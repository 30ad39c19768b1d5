//! `opentelemetry.proto.logs.v1.LogRecord` of a `tracing` event.
//!
//! What is in it is what opentelemetry-appender-tracing and the SDK put there: `message` is the body, an error the attribute
//! `exception.message`, and the time is the time it was observed, for `tracing` knows none.

use std::{error::Error, fmt, time::SystemTime};

use opentelemetry::{Context, logs::Severity, trace::TraceContextExt as _};
use tracing::{
    Event, Level,
    field::{Field, Visit},
};
use trivium_otlp::wire::{bytes, close, fixed32, fixed64, open, uint};

use super::{
    span::nanos,
    string,
    value::{
        bool_attribute, bytes_attribute, displayed, displayed_attribute, double_attribute,
        int_attribute, string_attribute,
    },
};

const BODY: u32 = 5;
const ATTRIBUTES: u32 = 6;

/// Writes the fields of the `LogRecord` of an event that happens in `context`, now.
pub(crate) fn event(out: &mut Vec<u8>, event: &Event<'_>, context: &Context) {
    let metadata = event.metadata();
    // The API numbers severities as OTLP does.
    uint(out, 2, severity(*metadata.level()) as u64);
    string(out, 3, metadata.level().as_str());
    event.record(&mut Fields(out));
    if context.has_active_span() {
        let span = context.span();
        let span = span.span_context();
        fixed32(out, 8, u32::from(span.trace_flags().to_u8()));
        bytes(out, 9, &span.trace_id().to_bytes());
        bytes(out, 10, &span.span_id().to_bytes());
    }
    fixed64(out, 11, nanos(SystemTime::now()));
    string(out, 12, metadata.name());
}

fn severity(level: Level) -> Severity {
    match level {
        Level::TRACE => Severity::Trace,
        Level::DEBUG => Severity::Debug,
        Level::INFO => Severity::Info,
        Level::WARN => Severity::Warn,
        Level::ERROR => Severity::Error,
    }
}

struct Fields<'a>(&'a mut Vec<u8>);

impl Visit for Fields<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        bool_attribute(self.0, ATTRIBUTES, field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        int_attribute(self.0, ATTRIBUTES, field.name(), value);
    }

    /// As text where OTLP's integers can't hold it.
    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            Err(_) => displayed_attribute(self.0, ATTRIBUTES, field.name(), value),
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            Err(_) => displayed_attribute(self.0, ATTRIBUTES, field.name(), value),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            Err(_) => displayed_attribute(self.0, ATTRIBUTES, field.name(), value),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        double_attribute(self.0, ATTRIBUTES, field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.body(value),
            name => string_attribute(self.0, ATTRIBUTES, name, value),
        }
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        bytes_attribute(self.0, ATTRIBUTES, field.name(), value);
    }

    fn record_error(&mut self, _: &Field, value: &(dyn Error + 'static)) {
        displayed_attribute(self.0, ATTRIBUTES, "exception.message", value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.body(format_args!("{value:?}")),
            name => displayed_attribute(self.0, ATTRIBUTES, name, format_args!("{value:?}")),
        }
    }
}

impl Fields<'_> {
    fn body(&mut self, text: impl fmt::Display) {
        let body = open(self.0, BODY);
        displayed(self.0, text);
        close(self.0, body);
    }
}
