//! Exports traces: each that has an entry span (a root, a server's or a consumer's) which started in the range, whole. These
//! are the traces that a search in the range finds.

use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData};
use serde::Deserialize;
use sqlx::SqlitePool;

use super::FileError;
use super::origin::{Origin, by_origin};
use super::values::{self, Pairs};
use super::write::{LINE_ROWS, Lines};
use crate::query::ids::{parse_span_id, parse_trace_id};
use crate::query::time::Range;
use crate::query::{QueryError, from_json};

/// Traces read by one statement, so that no read lasts and the write-ahead log is cleared between two.
const TRACES_AT_ONCE: usize = 200;

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    origin: Origin,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
    parent_span_id: Option<Vec<u8>>,
    name: String,
    kind: i32,
    start_ns: i64,
    duration_ns: i64,
    status: i32,
    status_message: String,
    attributes: String,
    events: Option<String>,
    links: Option<String>,
}

/// Needs 16 bytes of memory for each trace.
pub(super) async fn export(
    pool: &SqlitePool,
    range: Range,
    lines: &mut Lines,
) -> Result<(), FileError> {
    let ids = trace_ids(pool, range).await?;
    let mut rows = Vec::with_capacity(LINE_ROWS);
    for ids in ids.chunks(TRACES_AT_ONCE) {
        let list =
            serde_json::Value::from_iter(ids.iter().map(|id| format!("{id:032x}"))).to_string();
        let mut found = sqlx::query_as::<_, Row>(
            "SELECT resources.attributes AS resource, scope, trace_id, span_id, parent_span_id, name, kind, start_ns,
                    duration_ns, status, status_message, spans.attributes AS attributes, events, links
             FROM spans JOIN resources ON resources.id = resource_id
             WHERE trace_id IN (SELECT unhex(value) FROM json_each(?))",
        )
        .bind(list)
        .fetch(pool);
        while let Some(row) = found.try_next().await? {
            rows.push((row.origin.clone(), span(row)?));
            if rows.len() == LINE_ROWS {
                line(std::mem::take(&mut rows), lines)?;
            }
        }
    }
    line(rows, lines)
}

async fn trace_ids(pool: &SqlitePool, range: Range) -> Result<Vec<u128>, FileError> {
    let mut ids = BTreeSet::new();
    let mut found = sqlx::query_scalar::<_, Vec<u8>>(
        "SELECT trace_id FROM spans WHERE is_entry = 1 AND start_ns BETWEEN ? AND ?",
    )
    .bind(range.since_ns)
    .bind(range.until_ns)
    .fetch(pool);
    while let Some(id) = found.try_next().await? {
        // Ingest stores no other length.
        ids.extend(<[u8; 16]>::try_from(id).map(u128::from_be_bytes));
    }
    Ok(ids.into_iter().collect())
}

fn line(rows: Vec<(Origin, Span)>, lines: &mut Lines) -> Result<(), FileError> {
    if rows.is_empty() {
        return Ok(());
    }
    lines.written.spans += rows.len() as u64;
    let resource_spans = by_origin(rows).into_iter().map(|(origin, spans)| {
        Ok(ResourceSpans {
            resource: origin.resource()?,
            scope_spans: vec![ScopeSpans {
                scope: origin.scope(),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        })
    });
    let resource_spans = resource_spans.collect::<Result<_, FileError>>()?;
    lines.line(&TracesData { resource_spans })
}

fn span(row: Row) -> Result<Span, QueryError> {
    let events = row.events.as_deref().unwrap_or("[]");
    let events: Vec<EventRow> = from_json("spans.events", events)?;
    let links = row.links.as_deref().unwrap_or("[]");
    let links: Vec<LinkRow> = from_json("spans.links", links)?;
    Ok(Span {
        trace_id: row.trace_id,
        span_id: row.span_id,
        parent_span_id: row.parent_span_id.unwrap_or_default(),
        name: row.name,
        kind: row.kind,
        start_time_unix_nano: unsigned(row.start_ns),
        end_time_unix_nano: unsigned(row.start_ns.saturating_add(row.duration_ns)),
        attributes: values::attributes("spans.attributes", &row.attributes)?,
        events: events.into_iter().map(EventRow::into_event).collect(),
        links: links.into_iter().map(LinkRow::into_link).collect(),
        status: (row.status != 0 || !row.status_message.is_empty()).then_some(Status {
            code: row.status,
            message: row.status_message,
        }),
        ..Span::default()
    })
}

/// A moment before 1970 is nobody's.
fn unsigned(time_ns: i64) -> u64 {
    u64::try_from(time_ns).unwrap_or_default()
}

#[derive(Deserialize)]
struct EventRow {
    time_ns: u64,
    name: String,
    attributes: Pairs,
}

impl EventRow {
    fn into_event(self) -> Event {
        let Pairs(attributes) = self.attributes;
        Event {
            time_unix_nano: self.time_ns,
            name: self.name,
            attributes,
            ..Event::default()
        }
    }
}

#[derive(Deserialize)]
struct LinkRow {
    trace_id: String,
    span_id: String,
    attributes: Pairs,
}

impl LinkRow {
    fn into_link(self) -> Link {
        let Pairs(attributes) = self.attributes;
        Link {
            trace_id: parse_trace_id(&self.trace_id)
                .map_or_else(Vec::new, |id| id.to_bytes().to_vec()),
            span_id: parse_span_id(&self.span_id)
                .map_or_else(Vec::new, |id| id.to_bytes().to_vec()),
            attributes,
            ..Link::default()
        }
    }
}
