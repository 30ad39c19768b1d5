//! The rows of the store, as the ingest protocols decode them. Attribute sets are JSON text already, so that what is
//! stored is built once, off the writer; nothing here is validated, that is the decoders' part.

use std::sync::Arc;

/// The name of whoever sends none, as OpenTelemetry has it.
pub const UNKNOWN_SERVICE: &str = "unknown_service";

/// The identity of a process, shared by its rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    /// `service.name`, or [`UNKNOWN_SERVICE`] when it is absent.
    pub service_name: String,
    /// `service.namespace`, or empty.
    pub service_namespace: String,
    /// `service.instance.id`, or empty.
    pub service_instance_id: String,
    /// All attributes: one JSON object, keys sorted. Two resources are the same when this is.
    pub attributes: String,
}

/// One span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Not all zeros.
    pub trace_id: [u8; 16],
    /// Not all zeros.
    pub span_id: [u8; 8],
    /// Absent for a root.
    pub parent_span_id: Option<[u8; 8]>,
    /// Who made it.
    pub resource: Arc<Resource>,
    /// Name of the instrumentation scope.
    pub scope: Arc<str>,
    /// The span's name.
    pub name: String,
    /// OTLP `SpanKind`, 0 to 5.
    pub kind: i32,
    /// Nanoseconds since the Unix epoch.
    pub start_ns: i64,
    /// Nanoseconds.
    pub duration_ns: i64,
    /// OTLP `StatusCode`: 0 unset, 1 ok, 2 error.
    pub status: i32,
    /// Empty unless the status is an error with a message.
    pub status_message: String,
    /// `http.route`.
    pub http_route: Option<String>,
    /// `http.response.status_code`.
    pub http_status: Option<i64>,
    /// JSON object.
    pub attributes: String,
    /// JSON array of `{"time_ns", "name", "attributes"}`, absent when empty.
    pub events: Option<String>,
    /// JSON array of `{"trace_id", "span_id", "attributes"}` with hexadecimal ids, absent when empty.
    pub links: Option<String>,
}

impl Span {
    /// Whether a search for traces should find the trace by this span: it has no parent, or it is a SERVER or CONSUMER.
    pub fn is_entry(&self) -> bool {
        const SERVER: i32 = 2;
        const CONSUMER: i32 = 5;
        self.parent_span_id.is_none() || self.kind == SERVER || self.kind == CONSUMER
    }
}

/// One log record.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// Nanoseconds since the Unix epoch.
    pub time_ns: i64,
    /// The trace it was written in.
    pub trace_id: Option<[u8; 16]>,
    /// The span it was written in.
    pub span_id: Option<[u8; 8]>,
    /// Who wrote it.
    pub resource: Arc<Resource>,
    /// Name of the instrumentation scope.
    pub scope: Arc<str>,
    /// OTLP `SeverityNumber`, 0 (unset) to 24.
    pub severity: i32,
    /// The level as the program names it.
    pub severity_text: String,
    /// Empty when the record is no event.
    pub event_name: String,
    /// The text itself, or a structured body as JSON.
    pub body: String,
    /// JSON object.
    pub attributes: String,
}

/// The identity of a Prometheus series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Series {
    /// `__name__`.
    pub metric: String,
    /// All labels with `__name__`: one JSON object, keys sorted.
    pub labels: String,
}

/// One value of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// Absent for Prometheus's stale marker, and for NaN, which SQLite cannot hold.
    pub value: Option<f64>,
}

/// One measurement that opens a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    /// Milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The measured value.
    pub value: f64,
    /// The trace it opens.
    pub trace_id: [u8; 16],
    /// The span it was measured in.
    pub span_id: [u8; 8],
}

/// A series with what one request brought for it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRows {
    /// Which series.
    pub series: Series,
    /// Its values.
    pub samples: Vec<Sample>,
    /// Its exemplars.
    pub exemplars: Vec<Exemplar>,
}

/// What one request brought. It is stored whole or not at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// SHA-256 of a request whose rows have no identity of their own (log records): a batch with a digest that was stored
    /// within the last hour is acknowledged and not stored again.
    pub digest: Option<[u8; 32]>,
    /// Spans; one that is stored already is left as it is.
    pub spans: Vec<Span>,
    /// Log records.
    pub logs: Vec<LogRecord>,
    /// Samples and exemplars; those that are stored already are left as they are.
    pub series: Vec<SeriesRows>,
}

impl Batch {
    /// Spans, log records, samples and exemplars together.
    pub fn row_count(&self) -> usize {
        let of_series = |rows: &SeriesRows| rows.samples.len() + rows.exemplars.len();
        self.spans.len() + self.logs.len() + self.series.iter().map(of_series).sum::<usize>()
    }
}
