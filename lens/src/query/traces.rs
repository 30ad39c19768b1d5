//! The search for traces, newest first, by their entry spans: those without a parent and those of a server or consumer.
//! It reads the index of entry spans backwards and stops after [`EXAMINED`], so that a search that finds little in
//! millions of spans still answers at once and says how far back it came. A search for attributes reads the spans of those
//! traces too, and stops earlier: see [`super::trace_attributes`].

use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt;
use opentelemetry::TraceId;
use serde::Serialize;
use sqlx::query::QueryAs;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqlitePool};

use super::time::{Range, rfc3339, seconds};
use super::trace_attributes::{self, Condition, Narrowed};
use super::{QueryError, from_json, ids};

/// Entry spans that one search looks at.
pub const EXAMINED: i64 = 50_000;

/// How a trace's entry span must have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With the span status Error.
    Error,
    /// Without it.
    Ok,
    /// With an HTTP status from the first to the second.
    HttpStatus(i64, i64),
}

impl Outcome {
    /// Reads `error`, `ok`, a class such as `5xx` or a status such as `404`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "error" => Some(Self::Error),
            "ok" => Some(Self::Ok),
            _ => {
                let (low, high) = (text.replace("xx", "00"), text.replace("xx", "99"));
                let (low, high) = (low.parse().ok()?, high.parse().ok()?);
                (low >= 100 && high <= 599 && text.len() == 3)
                    .then_some(Self::HttpStatus(low, high))
            }
        }
    }
}

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// `service.name`.
    pub service: Option<&'a str>,
    /// `http.route`.
    pub route: Option<&'a str>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Shortest duration of the entry span.
    pub min_duration_ns: i64,
    /// Longest duration of the entry span.
    pub max_duration_ns: i64,
    /// Attributes that one span of the trace has, or its resource.
    pub attributes: &'a [Condition],
    /// When the entry span started.
    pub range: Range,
    /// At most so many traces.
    pub limit: usize,
}

impl Wanted<'_> {
    /// All traces.
    pub fn all(range: Range, limit: usize) -> Self {
        Self {
            service: None,
            route: None,
            outcome: None,
            min_duration_ns: 0,
            max_duration_ns: i64::MAX,
            attributes: &[],
            range,
            limit,
        }
    }
}

/// A span status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing was said.
    Unset,
    /// The program said so.
    Ok,
    /// It failed.
    Error,
}

impl From<i64> for Status {
    /// From OTLP's `StatusCode`.
    fn from(code: i64) -> Self {
        match code {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }
}

/// One line of the answer: a trace by its root, the earliest span whose parent is not stored.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Its id.
    #[serde(serialize_with = "ids::hex")]
    pub trace_id: TraceId,
    /// Name of the root span.
    pub name: String,
    /// `service.name` of the root span.
    pub service: String,
    /// `http.route` of the root span.
    pub route: Option<String>,
    /// `http.response.status_code` of the root span.
    pub http_status: Option<i64>,
    /// Status of the root span.
    pub status: Status,
    /// When the root span started.
    pub start: String,
    /// The same in nanoseconds since the Unix epoch.
    #[serde(skip)]
    pub start_ns: i64,
    /// Of the root span.
    pub duration_seconds: f64,
    /// Spans stored.
    pub spans: i64,
    /// Those of them with status Error.
    pub errors: i64,
    /// All that took part, by name.
    pub services: Vec<String>,
}

/// What a search found.
#[derive(Debug, Serialize)]
pub struct Found {
    /// Newest first.
    pub traces: Vec<Summary>,
    /// Present when the search stopped before the range's start: nothing older than this was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub searched_since: Option<String>,
    /// Spans whose attributes were looked at, when attributes were wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub searched_spans: Option<i64>,
}

/// The entry spans that match, newest first, as `entry` and `resources`: the rest of a SELECT. The inner query is a co-routine
/// that stops when the outer one does; CROSS JOIN keeps its order.
macro_rules! matching_entries {
    () => {
        "FROM (SELECT id, trace_id, resource_id, start_ns, duration_ns, status, http_route, http_status FROM spans
               WHERE is_entry = 1 AND start_ns BETWEEN ?1 AND ?2 ORDER BY start_ns DESC LIMIT ?3) AS entry
         CROSS JOIN resources ON resources.id = entry.resource_id
         WHERE (?4 IS NULL OR service_name = ?4)
           AND (?5 IS NULL OR http_route = ?5)
           AND (?6 IS NULL OR (status = 2) = ?6)
           AND (?7 IS NULL OR http_status BETWEEN ?7 AND ?8)
           AND duration_ns BETWEEN ?9 AND ?10"
    };
}
pub(super) use matching_entries;

/// Binds the parameters of [`matching_entries`].
pub(super) fn bound<'q, O>(
    query: QueryAs<'q, Sqlite, O, SqliteArguments>,
    wanted: &Wanted<'q>,
) -> QueryAs<'q, Sqlite, O, SqliteArguments> {
    let (status_is_error, http_low, http_high) = match wanted.outcome {
        Some(Outcome::Error) => (Some(true), None, None),
        Some(Outcome::Ok) => (Some(false), None, None),
        Some(Outcome::HttpStatus(low, high)) => (None, Some(low), Some(high)),
        None => (None, None, None),
    };
    query
        .bind(wanted.range.since_ns)
        .bind(wanted.range.until_ns)
        .bind(EXAMINED)
        .bind(wanted.service)
        .bind(wanted.route)
        .bind(status_is_error)
        .bind(http_low)
        .bind(http_high)
        .bind(wanted.min_duration_ns)
        .bind(wanted.max_duration_ns)
}

/// Searches.
pub async fn search(pool: &SqlitePool, wanted: Wanted<'_>) -> Result<Found, QueryError> {
    let narrowed = trace_attributes::narrowed(pool, &wanted).await?;
    found(pool, &wanted, narrowed.as_ref()).await
}

/// What a search found, once it was narrowed to the traces with the wanted attributes.
pub async fn found(
    pool: &SqlitePool,
    wanted: &Wanted<'_>,
    narrowed: Option<&Narrowed>,
) -> Result<Found, QueryError> {
    let (mut trace_ids, examined) = match narrowed {
        Some(narrowed) => (narrowed.trace_ids.clone(), narrowed.searched_since_ns),
        None => {
            let trace_ids = matching(pool, wanted).await?;
            (trace_ids, examined_since(pool, wanted.range).await?)
        }
    };
    let searched_since = examined.filter(|_| trace_ids.len() < wanted.limit);
    trace_ids.truncate(wanted.limit);
    Ok(Found {
        traces: summaries(pool, &trace_ids).await?,
        searched_since: searched_since.map(rfc3339),
        searched_spans: narrowed.map(|narrowed| narrowed.searched_spans),
    })
}

/// The traces with a matching entry span, newest first.
async fn matching(pool: &SqlitePool, wanted: &Wanted<'_>) -> Result<Vec<TraceId>, QueryError> {
    let sql = concat!("SELECT trace_id ", matching_entries!());
    let mut rows = bound(sqlx::query_as::<_, (Vec<u8>,)>(sql), wanted).fetch(pool);
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    while found.len() < wanted.limit {
        let Some((trace_id,)) = rows.try_next().await? else {
            break;
        };
        let trace_id = ids::trace_id(&trace_id);
        if seen.insert(trace_id) {
            found.push(trace_id);
        }
    }
    Ok(found)
}

/// Where the entry spans end that a search looks at, when there are more in the range.
pub(super) async fn examined_since(
    pool: &SqlitePool,
    range: Range,
) -> Result<Option<i64>, QueryError> {
    let since = sqlx::query_scalar(
        "SELECT start_ns FROM spans
         WHERE is_entry = 1 AND start_ns BETWEEN ?1 AND ?2 ORDER BY start_ns DESC LIMIT 1 OFFSET ?3",
    )
    .bind(range.since_ns)
    .bind(range.until_ns)
    .bind(EXAMINED)
    .fetch_optional(pool)
    .await?;
    Ok(since)
}

#[derive(sqlx::FromRow)]
struct RootRow {
    trace_id: Vec<u8>,
    name: String,
    service_name: String,
    http_route: Option<String>,
    http_status: Option<i64>,
    status: i64,
    start_ns: i64,
    duration_ns: i64,
}

/// The summaries of `trace_ids`, in that order.
async fn summaries(pool: &SqlitePool, trace_ids: &[TraceId]) -> Result<Vec<Summary>, QueryError> {
    let wanted =
        serde_json::Value::from_iter(trace_ids.iter().map(ToString::to_string)).to_string();
    let counts: Vec<(Vec<u8>, i64, i64, String)> = sqlx::query_as(
        "SELECT trace_id, count(*), sum(status = 2), json_group_array(DISTINCT service_name)
         FROM json_each(?1) AS wanted CROSS JOIN spans ON trace_id = unhex(wanted.value)
         JOIN resources ON resources.id = resource_id GROUP BY wanted.key",
    )
    .bind(&wanted)
    .fetch_all(pool)
    .await?;
    let roots: Vec<RootRow> = sqlx::query_as(
        "SELECT trace_id, name, service_name, http_route, http_status, status, start_ns, duration_ns
         FROM json_each(?1) AS wanted CROSS JOIN spans AS root ON trace_id = unhex(wanted.value)
         JOIN resources ON resources.id = resource_id
         WHERE NOT EXISTS (SELECT 1 FROM spans WHERE trace_id = root.trace_id AND span_id = root.parent_span_id)
         ORDER BY start_ns DESC",
    )
    .bind(&wanted)
    .fetch_all(pool)
    .await?;
    let mut counts: HashMap<TraceId, _> = counts
        .into_iter()
        .map(|(trace_id, spans, errors, services)| {
            (ids::trace_id(&trace_id), (spans, errors, services))
        })
        .collect();
    // Of several roots the last put in is the earliest.
    let mut roots: HashMap<TraceId, RootRow> = roots
        .into_iter()
        .map(|root| (ids::trace_id(&root.trace_id), root))
        .collect();
    let mut summaries = Vec::with_capacity(trace_ids.len());
    for &trace_id in trace_ids {
        // Retention may have taken the trace since it was found.
        let (Some((spans, errors, services)), Some(root)) =
            (counts.remove(&trace_id), roots.remove(&trace_id))
        else {
            continue;
        };
        let mut services: Vec<String> = from_json("resources.service_name", &services)?;
        services.sort();
        summaries.push(Summary {
            trace_id,
            name: root.name,
            service: root.service_name,
            route: root.http_route,
            http_status: root.http_status,
            status: root.status.into(),
            start: rfc3339(root.start_ns),
            start_ns: root.start_ns,
            duration_seconds: seconds(root.duration_ns),
            spans,
            errors,
            services,
        });
    }
    Ok(summaries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_outcomes() {
        assert_eq!(Outcome::parse("error"), Some(Outcome::Error));
        assert_eq!(Outcome::parse("5xx"), Some(Outcome::HttpStatus(500, 599)));
        assert_eq!(Outcome::parse("404"), Some(Outcome::HttpStatus(404, 404)));
        for wrong in ["", "xx", "xxx", "0xx", "6xx", "99", "4040", "bad"] {
            assert_eq!(Outcome::parse(wrong), None, "{wrong}");
        }
    }
}
