//! The fields of a `tracing` span into its recording.

use std::{borrow::Cow, error::Error, fmt};

use opentelemetry::trace::{SpanKind, Status};
use tracing::field::{Field, Visit};

use crate::export::encode::Recording;

pub(super) struct Fields<'a>(pub(super) &'a mut Recording);

impl Fields<'_> {
    fn text(&mut self, field: &Field, value: &str) {
        match field.name() {
            "otel.name" => self.0.name = Cow::Owned(value.to_owned()),
            "otel.kind" => self.0.kind = kind(value),
            "otel.status_code" => self.0.set_status(status(value)),
            "otel.status_description" => self.0.set_status(Status::error(value.to_owned())),
            name => self.0.string(name, value),
        }
    }
}

fn kind(text: &str) -> SpanKind {
    match text.to_ascii_lowercase().as_str() {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

fn status(text: &str) -> Status {
    match text.to_ascii_lowercase().as_str() {
        "ok" => Status::Ok,
        "error" => Status::error(""),
        _ => Status::Unset,
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
            Err(_) => self.0.string(field.name(), &value.to_string()),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.double(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, &value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }
}
