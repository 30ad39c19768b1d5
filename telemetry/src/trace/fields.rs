//! The fields of a `tracing` span into its recording.

use std::{error::Error, fmt};

use opentelemetry::trace::{SpanKind, Status};
use tracing::field::{Field, Visit};

use crate::export::encode::Recording;

pub(super) struct Fields<'a>(pub(super) &'a mut Recording);

impl Fields<'_> {
    /// Whether `value` went to what OpenTelemetry knows besides attributes.
    fn is_special(&mut self, field: &Field, value: &str) -> bool {
        match field.name() {
            "otel.name" => self.0.rename(value),
            "otel.kind" => self.0.kind = kind(value),
            "otel.status_code" => self.0.set_status(status(value)),
            "otel.status_description" => self.0.set_status(Status::error(value.to_owned())),
            _ => return false,
        }
        true
    }

    fn displayed(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        match field.name() {
            "otel.name" => self.0.rename(value),
            name if name.starts_with("otel.") && self.is_special(field, &value.to_string()) => {}
            name => self.0.displayed(name, value),
        }
    }
}

fn kind(text: &str) -> SpanKind {
    let is = |kind: &str| text.eq_ignore_ascii_case(kind);
    match () {
        () if is("server") => SpanKind::Server,
        () if is("client") => SpanKind::Client,
        () if is("producer") => SpanKind::Producer,
        () if is("consumer") => SpanKind::Consumer,
        () => SpanKind::Internal,
    }
}

fn status(text: &str) -> Status {
    let is = |status: &str| text.eq_ignore_ascii_case(status);
    match () {
        () if is("ok") => Status::Ok,
        () if is("error") => Status::error(""),
        () => Status::Unset,
    }
}

impl Visit for Fields<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.bool(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.int(field.name(), value);
    }

    /// As text where OTLP's integers can't hold it.
    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.0.int(field.name(), value),
            Err(_) => self.0.displayed(field.name(), value),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.double(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if !self.is_special(field, value) {
            self.0.string(field.name(), value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.displayed(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.displayed(field, format_args!("{value:?}"));
    }
}
