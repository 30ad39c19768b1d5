//! Stores what a file holds, line by line, so that memory is bounded by a line. Spans, samples and exemplars have an identity
//! by which the store knows them again; a log record has none, so one is taken for stored when one that is equal in all was
//! there before the file was begun.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::ResourceLogs;
use opentelemetry_proto::tonic::metrics::v1::ResourceMetrics;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use serde::Deserialize;
use sqlx::SqlitePool;

use super::{FileError, import_metrics};
use crate::ingest;
use crate::model::{Batch, LogRecord, Resource};
use crate::query::json_ids;
use crate::store::Store;

/// A line as long as the largest request that ingest takes.
const LINE_BYTES: u64 = 64 * 1024 * 1024;

/// What a file held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Spans, those that were stored already included.
    pub spans: u64,
    /// Log records, likewise.
    pub logs: u64,
    /// Of them were stored already.
    pub known_logs: u64,
    /// Samples, those that were stored already included; a histogram's data point is several.
    pub samples: u64,
    /// Exemplars, likewise.
    pub exemplars: u64,
    /// Spans and data points that lens cannot store.
    pub left_out: u64,
    /// Lines of JSON in which there is nothing that lens knows: of another kind of file, or of a signal it has not.
    pub without_request: u64,
    /// The oldest sample, in milliseconds since the Unix epoch.
    pub oldest_sample_ms: Option<i64>,
}

/// One request of any signal; OTLP tells a reader to pass over what it does not know.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Line {
    resource_spans: Vec<ResourceSpans>,
    resource_logs: Vec<ResourceLogs>,
    resource_metrics: Vec<ResourceMetrics>,
}

/// Stores the file. After an error the lines before it are stored; importing again stores nothing twice.
pub async fn import(store: &Store, path: &Path) -> Result<Imported, FileError> {
    let failed = |source| FileError::Input {
        path: path.to_owned(),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let last_log: i64 = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM logs")
        .fetch_one(store.readers())
        .await?;
    let mut imported = Imported::default();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        (&mut file)
            .take(LINE_BYTES + 1)
            .read_until(b'\n', &mut text)
            .map_err(failed)?;
        if text.is_empty() {
            break;
        }
        if text.len() as u64 > LINE_BYTES {
            return Err(FileError::LongLine {
                path: path.to_owned(),
                line,
                limit_bytes: LINE_BYTES,
            });
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let read: Line = serde_json::from_slice(&text).map_err(|source| FileError::Line {
            path: path.to_owned(),
            line,
            source,
        })?;
        if read.is_empty() {
            imported.without_request += 1;
            continue;
        }
        let mut batch = batch(read, &mut imported);
        let known = known_logs(store.readers(), &batch.logs, last_log).await?;
        let before = batch.logs.len();
        batch.logs.retain(|log| !known.contains(&KnownLog::of(log)));
        imported.known_logs += (before - batch.logs.len()) as u64;
        store.write(batch).await?;
    }
    Ok(imported)
}

impl Line {
    fn is_empty(&self) -> bool {
        self.resource_spans.is_empty()
            && self.resource_logs.is_empty()
            && self.resource_metrics.is_empty()
    }
}

fn batch(line: Line, imported: &mut Imported) -> Batch {
    let traces = ingest::decode_traces(ExportTraceServiceRequest {
        resource_spans: line.resource_spans,
    });
    let logs = ingest::decode_logs(ExportLogsServiceRequest {
        resource_logs: line.resource_logs,
    });
    let metrics = import_metrics::rows(line.resource_metrics);
    imported.left_out += traces.1 + metrics.left_out;
    let series = metrics.into_series();
    imported.spans += traces.0.len() as u64;
    imported.logs += logs.len() as u64;
    for rows in &series {
        imported.samples += rows.samples.len() as u64;
        imported.exemplars += rows.exemplars.len() as u64;
        let oldest = rows.samples.iter().map(|sample| sample.time_ms).min();
        imported.oldest_sample_ms = imported.oldest_sample_ms.into_iter().chain(oldest).min();
    }
    Batch {
        spans: traces.0,
        logs,
        series,
        ..Batch::default()
    }
}

/// A record that is stored: all that a record has.
#[derive(Debug, PartialEq, Eq, Hash, sqlx::FromRow)]
struct KnownLog {
    time_ns: i64,
    trace_id: Option<Vec<u8>>,
    span_id: Option<Vec<u8>>,
    resource: String,
    scope: String,
    severity: i32,
    severity_text: String,
    event_name: String,
    body: String,
    attributes: String,
}

impl KnownLog {
    fn of(log: &LogRecord) -> Self {
        let resource: &Arc<Resource> = &log.resource;
        Self {
            time_ns: log.time_ns,
            trace_id: log.trace_id.map(|id| id.to_vec()),
            span_id: log.span_id.map(|id| id.to_vec()),
            resource: resource.attributes.clone(),
            scope: log.scope.to_string(),
            severity: log.severity,
            severity_text: log.severity_text.clone(),
            event_name: log.event_name.clone(),
            body: log.body.clone(),
            attributes: log.attributes.clone(),
        }
    }
}

/// The records up to the id `last` at the times of `logs`.
async fn known_logs(
    pool: &SqlitePool,
    logs: &[LogRecord],
    last: i64,
) -> Result<HashSet<KnownLog>, FileError> {
    if logs.is_empty() {
        return Ok(HashSet::new());
    }
    let found = sqlx::query_as(
        "SELECT time_ns, trace_id, span_id, resources.attributes AS resource, scope, severity, severity_text, event_name, body,
                logs.attributes AS attributes
         FROM logs JOIN resources ON resources.id = resource_id
         WHERE time_ns IN (SELECT value FROM json_each(?)) AND logs.id <= ?",
    )
    .bind(json_ids(logs.iter().map(|log| log.time_ns)))
    .bind(last)
    .fetch_all(pool)
    .await?;
    Ok(found.into_iter().collect())
}
