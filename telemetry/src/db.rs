//! Database calls: a client span and `db.client.operation.duration` with exemplars.
//!
//! <https://opentelemetry.io/docs/specs/semconv/database/>

use std::{
    any::type_name,
    fmt::Display,
    future::Future,
    time::{Duration, Instant},
};

use opentelemetry::KeyValue;
use tracing::{Span, field::Empty};

use crate::{
    metrics::{DURATION_BOUNDARIES, Histogram, meter},
    trace::{self, InSpan},
};

/// One database as its client sees it.
#[derive(Debug, Clone)]
pub struct Client {
    system: &'static str,
    namespace: &'static str,
    duration: Histogram,
}

impl Client {
    /// `system`: `db.system.name`, such as `sqlite` or `postgresql`. `namespace`: `db.namespace`, the database's name.
    #[must_use]
    pub fn new(system: &'static str, namespace: &'static str) -> Self {
        let duration = meter("trivium-telemetry")
            .f64_histogram("db.client.operation.duration")
            .with_unit("s")
            .with_description("Duration of database client operations.")
            .with_boundaries(DURATION_BOUNDARIES.to_vec())
            .build();
        Self {
            system,
            namespace,
            duration,
        }
    }

    /// Describes one call. `name`: `db.operation.name`, such as `SELECT`; `collection`: `db.collection.name`, the table.
    pub fn operation(&self, name: &'static str, collection: &'static str) -> Operation<'_> {
        Operation {
            client: self,
            name,
            collection,
            query_text: None,
        }
    }
}

/// A call about to be made. See [`Client::operation`].
#[derive(Debug, Clone, Copy)]
#[must_use = "an operation is seen only when it is observed"]
pub struct Operation<'a> {
    client: &'a Client,
    name: &'static str,
    collection: &'static str,
    query_text: Option<&'static str>,
}

impl Operation<'_> {
    /// `db.query.text`: the statement with placeholders. It is `'static` so that no value can be in it.
    pub fn query_text(mut self, text: &'static str) -> Self {
        self.query_text = Some(text);
        self
    }

    /// Awaits `call` inside a client span and records its duration. An error marks the span and becomes `error.type`:
    /// the name of its Rust type.
    pub fn observe<T, E: Display>(
        self,
        call: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        // A driver's future has many kilobytes, and every layer around this one would carry and copy them.
        let call = Box::pin(call);
        async move {
            let span = self.span();
            let started = Instant::now();
            let result = InSpan::new(span.clone(), call).await;
            self.ended(&span, started.elapsed(), &result);
            result
        }
    }

    fn ended<T, E>(&self, span: &Span, elapsed: Duration, result: &Result<T, E>) {
        let mut attributes = Vec::with_capacity(5);
        attributes.extend([
            KeyValue::new("db.system.name", self.client.system),
            KeyValue::new("db.namespace", self.client.namespace),
            KeyValue::new("db.operation.name", self.name),
            KeyValue::new("db.collection.name", self.collection),
        ]);
        if result.is_err() {
            span.record("error.type", type_name::<E>());
            span.record("otel.status_code", "ERROR");
            attributes.push(KeyValue::new("error.type", type_name::<E>()));
        }
        self.client
            .duration
            .record_in(&trace::context(span), elapsed.as_secs_f64(), &attributes);
    }

    fn span(&self) -> Span {
        tracing::info_span!(
            "db",
            otel.name = format_args!("{} {}", self.name, self.collection),
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = self.client.system,
            db.namespace = self.client.namespace,
            db.operation.name = self.name,
            db.collection.name = self.collection,
            db.query.text = self.query_text,
            error.type = Empty,
        )
    }
}
