//! One trace: its spans with all that is stored of them.

use opentelemetry::{SpanId, TraceId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::SqlitePool;

use super::time::{rfc3339, seconds};
use super::traces::Status;
use super::{QueryError, from_json, ids};

/// Spans of one trace that are read; the later ones of a longer trace are left out.
pub const MAX_SPANS: i64 = 10_000;

/// What a span stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "OpenTelemetry's own words")]
pub enum Kind {
    Unspecified,
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

/// One span.
#[derive(Debug, Serialize)]
pub struct Span {
    /// Its id.
    #[serde(serialize_with = "ids::hex")]
    pub span_id: SpanId,
    /// Its parent's id; the parent may not be stored.
    #[serde(serialize_with = "ids::hex_or_null")]
    pub parent_span_id: Option<SpanId>,
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub kind: Kind,
    /// `service.name`.
    pub service: String,
    /// Instrumentation scope.
    pub scope: String,
    /// When it started.
    pub start: String,
    /// The same in nanoseconds since the Unix epoch.
    #[serde(skip)]
    pub start_ns: i64,
    /// How long it took.
    pub duration_seconds: f64,
    /// The same in nanoseconds.
    #[serde(skip)]
    pub duration_ns: i64,
    /// How it ended.
    pub status: Status,
    /// What went wrong, or empty.
    pub status_message: String,
    /// `http.route`.
    #[serde(skip)]
    pub route: Option<String>,
    /// `http.response.status_code`.
    #[serde(skip)]
    pub http_status: Option<i64>,
    /// JSON object.
    pub attributes: Value,
    /// Attributes of the resource, a JSON object.
    pub resource: Value,
    /// What happened in it.
    pub events: Vec<Event>,
    /// JSON array of `{"trace_id", "span_id", "attributes"}`.
    pub links: Value,
}

/// Something that happened in a span.
#[derive(Debug, Serialize)]
pub struct Event {
    /// When.
    pub time: String,
    /// The same in nanoseconds since the Unix epoch.
    #[serde(skip)]
    pub time_ns: i64,
    /// What.
    pub name: String,
    /// JSON object.
    pub attributes: Value,
}

/// An event as the column `spans.events` has it.
#[derive(Deserialize)]
struct StoredEvent {
    time_ns: i64,
    name: String,
    attributes: Value,
}

#[derive(sqlx::FromRow)]
struct Row {
    span_id: Vec<u8>,
    parent_span_id: Option<Vec<u8>>,
    name: String,
    kind: i64,
    service_name: String,
    scope: String,
    start_ns: i64,
    duration_ns: i64,
    status: i64,
    status_message: String,
    http_route: Option<String>,
    http_status: Option<i64>,
    attributes: String,
    resource_attributes: String,
    events: Option<String>,
    links: Option<String>,
}

/// The spans of a trace by start; none when it is not known.
pub async fn spans(pool: &SqlitePool, trace_id: TraceId) -> Result<Vec<Span>, QueryError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT spans.*, service_name, resources.attributes AS resource_attributes
         FROM spans JOIN resources ON resources.id = resource_id
         WHERE trace_id = ?1 ORDER BY start_ns, spans.id LIMIT ?2",
    )
    .bind(trace_id.to_bytes().to_vec())
    .bind(MAX_SPANS)
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(span).collect()
}

fn span(row: Row) -> Result<Span, QueryError> {
    let events: Vec<StoredEvent> =
        from_json("spans.events", row.events.as_deref().unwrap_or("[]"))?;
    Ok(Span {
        span_id: ids::span_id(&row.span_id),
        parent_span_id: row.parent_span_id.as_deref().map(ids::span_id),
        name: row.name,
        kind: kind(row.kind),
        service: row.service_name,
        scope: row.scope,
        start: rfc3339(row.start_ns),
        start_ns: row.start_ns,
        duration_seconds: seconds(row.duration_ns),
        duration_ns: row.duration_ns,
        status: row.status.into(),
        status_message: row.status_message,
        route: row.http_route,
        http_status: row.http_status,
        attributes: from_json("spans.attributes", &row.attributes)?,
        resource: from_json("resources.attributes", &row.resource_attributes)?,
        events: events.into_iter().map(event).collect(),
        links: from_json("spans.links", row.links.as_deref().unwrap_or("[]"))?,
    })
}

fn event(
    StoredEvent {
        time_ns,
        name,
        attributes,
    }: StoredEvent,
) -> Event {
    Event {
        time: rfc3339(time_ns),
        time_ns,
        name,
        attributes,
    }
}

fn kind(code: i64) -> Kind {
    match code {
        1 => Kind::Internal,
        2 => Kind::Server,
        3 => Kind::Client,
        4 => Kind::Producer,
        5 => Kind::Consumer,
        _ => Kind::Unspecified,
    }
}
