//! The search for log records, newest first. With a trace id it reads that trace's records; without one it reads the index
//! of times backwards and stops after [`EXAMINED`], as the search for traces does. What else of logs is read lies in
//! `logs_tally` (counts over time and by facet) and `logs_context` (what the same source wrote before and after).

use std::collections::HashMap;

use opentelemetry::{SpanId, TraceId};
use serde::Serialize;
use serde_json::Value;
use sqlx::query::QueryAs;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqlitePool};

use super::time::{Range, rfc3339};
use super::{QueryError, from_json, ids};

/// Records that one search looks at.
pub const EXAMINED: i64 = 50_000;

/// The level names of OTLP's severity numbers, each standing for four: TRACE is 1 to 4.
pub const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Written in this trace.
    pub trace_id: Option<TraceId>,
    /// Written in this span.
    pub span_id: Option<SpanId>,
    /// `service.name`.
    pub service: Option<&'a str>,
    /// `host.name`.
    pub host: Option<&'a str>,
    /// `container.id`, also abbreviated to at least 12 digits, or `container.name`.
    pub container: Option<&'a str>,
    /// `log.file.path` or `log.file.name`.
    pub file: Option<&'a str>,
    /// `event_name`.
    pub event: Option<&'a str>,
    /// Lowest severity number.
    pub min_severity: i64,
    /// Contained in body, event name or attributes; upper and lower case of ASCII letters are the same.
    pub text: Option<&'a str>,
    /// When.
    pub range: Range,
    /// At most so many.
    pub limit: i64,
}

/// One log record.
#[derive(Debug, Serialize)]
pub struct LogRecord {
    /// Row id: what tells it from all others.
    #[serde(skip)]
    pub id: i64,
    /// When.
    pub time: String,
    /// The same in nanoseconds since the Unix epoch.
    #[serde(skip)]
    pub time_ns: i64,
    /// One of [`LEVELS`], or `UNSPECIFIED`.
    pub severity: &'static str,
    /// OTLP's `SeverityNumber`.
    pub severity_number: i64,
    /// `service.name`.
    pub service: String,
    /// Name of the event, or empty.
    pub event_name: String,
    /// The text.
    pub body: String,
    /// The trace it was written in.
    #[serde(serialize_with = "ids::hex_or_null")]
    pub trace_id: Option<TraceId>,
    /// The span it was written in.
    #[serde(serialize_with = "ids::hex_or_null")]
    pub span_id: Option<SpanId>,
    /// JSON object.
    pub attributes: Value,
    /// Attributes of the resource, a JSON object.
    pub resource: Value,
    /// Instrumentation scope.
    pub scope: String,
}

/// What a search found.
#[derive(Debug, Serialize)]
pub struct Found {
    /// Newest first.
    pub logs: Vec<LogRecord>,
    /// Present when the search stopped before the range's start: nothing older than this was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub searched_since: Option<String>,
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: i64,
    time_ns: i64,
    severity: i64,
    service_name: String,
    event_name: String,
    body: String,
    trace_id: Option<Vec<u8>>,
    span_id: Option<Vec<u8>>,
    attributes: String,
    resource_attributes: String,
    scope: String,
}

/// What a record must meet besides its time. The resources that meet it are looked up once, not for each record.
macro_rules! conditions {
    () => {
        r#"(?4 IS NULL OR service_name = ?4)
      AND (?5 IS NULL OR span_id = ?5)
      AND severity >= ?6
      AND (?7 IS NULL OR body LIKE ?7 ESCAPE '\' OR event_name LIKE ?7 ESCAPE '\' OR log.attributes LIKE ?7 ESCAPE '\')
      AND (?9 IS NULL OR resource_id IN (SELECT id FROM resources WHERE attributes ->> '$."host.name"' = ?9))
      AND (?10 IS NULL OR resource_id IN (
            SELECT id FROM resources
            WHERE attributes ->> '$."container.name"' = ?10 OR attributes ->> '$."container.id"' = ?10
               OR (length(?10) >= 12 AND substr(attributes ->> '$."container.id"', 1, length(?10)) = ?10)
               OR (length(attributes ->> '$."container.id"') >= 12
                   AND substr(?10, 1, length(attributes ->> '$."container.id"')) = attributes ->> '$."container.id"')))
      AND (?11 IS NULL OR log.attributes ->> '$."log.file.path"' = ?11 OR log.attributes ->> '$."log.file.name"' = ?11)
      AND (?13 IS NULL OR event_name = ?13)"#
    };
}
pub(super) use conditions;

const OF_TRACE: &str = concat!(
    "SELECT log.*, service_name, resources.attributes AS resource_attributes
     FROM logs AS log JOIN resources ON resources.id = resource_id
     WHERE trace_id = ?12 AND time_ns BETWEEN ?1 AND ?2 AND ",
    conditions!(),
    " ORDER BY time_ns DESC, log.id DESC LIMIT min(?8, ?3)"
);

/// The inner query is a co-routine that stops when the outer one does; CROSS JOIN keeps its order.
const BY_TIME: &str = concat!(
    "SELECT log.*, service_name, resources.attributes AS resource_attributes
     FROM (SELECT * FROM logs WHERE time_ns BETWEEN ?1 AND ?2 ORDER BY time_ns DESC, id DESC LIMIT ?3) AS log
     CROSS JOIN resources ON resources.id = resource_id
     WHERE ",
    conditions!(),
    " LIMIT ?8"
);

/// With what [`conditions`] numbers, and the statements around them: parameters 1 to 13.
pub(super) fn bound<'q, O>(
    query: QueryAs<'q, Sqlite, O, SqliteArguments>,
    wanted: Wanted<'q>,
) -> QueryAs<'q, Sqlite, O, SqliteArguments> {
    query
        .bind(wanted.range.since_ns)
        .bind(wanted.range.until_ns)
        .bind(EXAMINED)
        .bind(wanted.service)
        .bind(wanted.span_id.map(|id| id.to_bytes().to_vec()))
        .bind(wanted.min_severity)
        .bind(wanted.text.map(like_pattern))
        .bind(wanted.limit)
        .bind(wanted.host)
        .bind(wanted.container)
        .bind(wanted.file)
        .bind(wanted.trace_id.map(|id| id.to_bytes().to_vec()))
        .bind(wanted.event)
}

/// Searches.
pub async fn search(pool: &SqlitePool, wanted: Wanted<'_>) -> Result<Found, QueryError> {
    let statement = if wanted.trace_id.is_some() {
        OF_TRACE
    } else {
        BY_TIME
    };
    let rows: Vec<Row> = bound(sqlx::query_as(statement), wanted)
        .fetch_all(pool)
        .await?;
    let logs: Vec<LogRecord> = rows.into_iter().map(record).collect::<Result<_, _>>()?;
    let found_all = i64::try_from(logs.len()).is_ok_and(|found| found < wanted.limit);
    let searched_since = match wanted.trace_id {
        None if found_all => examined_since(pool, wanted.range).await?.map(rfc3339),
        _ => None,
    };
    Ok(Found {
        logs,
        searched_since,
    })
}

/// Where the examined records end, when there are more.
pub(super) async fn examined_since(
    pool: &SqlitePool,
    range: Range,
) -> Result<Option<i64>, QueryError> {
    let query = sqlx::query_scalar(
        "SELECT time_ns FROM logs WHERE time_ns BETWEEN ?1 AND ?2 ORDER BY time_ns DESC LIMIT 1 OFFSET ?3",
    );
    Ok(query
        .bind(range.since_ns)
        .bind(range.until_ns)
        .bind(EXAMINED)
        .fetch_optional(pool)
        .await?)
}

/// How many records each span of a trace wrote.
pub async fn counts_by_span(
    pool: &SqlitePool,
    trace_id: TraceId,
) -> Result<HashMap<SpanId, i64>, QueryError> {
    let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(
        "SELECT coalesce(span_id, x''), count(*) FROM logs WHERE trace_id = ?1 GROUP BY span_id",
    )
    .bind(trace_id.to_bytes().to_vec())
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(span_id, count)| (ids::span_id(&span_id), count))
        .collect())
}

pub(super) fn record(row: Row) -> Result<LogRecord, QueryError> {
    Ok(LogRecord {
        id: row.id,
        time: rfc3339(row.time_ns),
        time_ns: row.time_ns,
        severity: level(row.severity),
        severity_number: row.severity,
        service: row.service_name,
        event_name: row.event_name,
        body: row.body,
        trace_id: row.trace_id.as_deref().map(ids::trace_id),
        span_id: row.span_id.as_deref().map(ids::span_id),
        attributes: from_json("logs.attributes", &row.attributes)?,
        resource: from_json("resources.attributes", &row.resource_attributes)?,
        scope: row.scope,
    })
}

/// The level of a severity number.
pub fn level(severity: i64) -> &'static str {
    let index = usize::try_from((severity - 1).div_euclid(4));
    index
        .ok()
        .and_then(|index| LEVELS.get(index))
        .copied()
        .unwrap_or("UNSPECIFIED")
}

/// The lowest severity number of a level's name, in any case.
pub fn severity_of(level: &str) -> Option<i64> {
    let index = LEVELS
        .iter()
        .position(|known| known.eq_ignore_ascii_case(level))?;
    i64::try_from(index * 4 + 1).ok()
}

pub(super) fn like_pattern(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{escaped}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_levels_by_number_and_back() {
        let named = [0, 1, 4, 5, 9, 12, 13, 17, 24, 25].map(level);
        let expected = [
            "UNSPECIFIED",
            "TRACE",
            "TRACE",
            "DEBUG",
            "INFO",
            "INFO",
            "WARN",
            "ERROR",
            "FATAL",
            "UNSPECIFIED",
        ];
        assert_eq!(named, expected);
        assert_eq!(severity_of("warn"), Some(13));
        assert_eq!(severity_of("loud"), None);
    }

    #[test]
    fn a_pattern_matches_its_text_only() {
        assert_eq!(like_pattern(r"50%_\"), r"%50\%\_\\%");
    }
}
