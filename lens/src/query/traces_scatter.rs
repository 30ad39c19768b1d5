//! The traces that a search finds as dots over time and duration. Of those that would lie on each other one is kept, so that
//! the chart of tens of thousands costs no more than it can show: failures before the rest, the slowest first. A dot is the
//! matching entry span of a trace, the longest where there are several.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use opentelemetry::TraceId;
use sqlx::SqlitePool;

use super::time::seconds;
use super::trace_attributes::Narrowed;
use super::traces::{Status, Wanted, bound, examined_since, matching_entries};
use super::{QueryError, ids};

/// Columns that a range is cut into; per column and outcome there is one dot for each first digit of the duration.
const COLUMNS: i64 = 120;

/// One trace.
#[derive(Debug, PartialEq)]
pub struct Dot {
    /// Its id.
    pub trace_id: TraceId,
    /// Name of the entry span.
    pub name: String,
    /// `service.name` of the entry span.
    pub service: String,
    /// `http.response.status_code` of the entry span.
    pub http_status: Option<i64>,
    /// Status of the entry span.
    pub status: Status,
    /// When it started, in nanoseconds since the Unix epoch.
    pub start_ns: i64,
    /// How long it took.
    pub duration_seconds: f64,
}

/// The dots.
#[derive(Debug)]
pub struct Scatter {
    /// Oldest first.
    pub dots: Vec<Dot>,
    /// Nothing older was looked at, in nanoseconds since the Unix epoch; absent when all of the range was.
    pub searched_since_ns: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    trace_id: Vec<u8>,
    name: String,
    service_name: String,
    http_status: Option<i64>,
    status: i64,
    start_ns: i64,
    duration_ns: i64,
}

/// The dots of what `wanted` finds, whatever its limit.
pub async fn scatter(
    pool: &SqlitePool,
    wanted: &Wanted<'_>,
    narrowed: Option<&Narrowed>,
) -> Result<Scatter, QueryError> {
    // max() takes the other columns from the row it found; printf leaves one digit and the power of ten.
    const SQL: &str = concat!(
        "SELECT spans.trace_id, spans.name, service_name, spans.http_status, spans.status, spans.start_ns, spans.duration_ns
         FROM (SELECT entry.id, service_name, max(duration_ns) ",
        matching_entries!(),
        " AND (?12 IS NULL OR trace_id IN (SELECT unhex(value) FROM json_each(?12)))
          GROUP BY (start_ns - ?1) / ?11, printf('%.0e', duration_ns),
                   status = 2 OR coalesce(http_status, 0) >= 500, coalesce(http_status, 0) >= 400) AS cell
         CROSS JOIN spans ON spans.id = cell.id"
    );
    let only = narrowed.map(|narrowed| {
        let ids = narrowed.trace_ids.iter().map(ToString::to_string);
        serde_json::Value::from_iter(ids).to_string()
    });
    let searched_since_ns = match narrowed {
        Some(narrowed) => narrowed.searched_since_ns,
        None => examined_since(pool, wanted.range).await?,
    };
    let length_ns = wanted.range.until_ns.saturating_sub(wanted.range.since_ns);
    let rows: Vec<Row> = bound(sqlx::query_as(SQL), wanted)
        .bind((length_ns / COLUMNS).max(1))
        .bind(only)
        .fetch_all(pool)
        .await?;
    let mut by_trace: HashMap<TraceId, Row> = HashMap::with_capacity(rows.len());
    for row in rows {
        let longest = by_trace.entry(ids::trace_id(&row.trace_id));
        match longest {
            Entry::Vacant(free) => {
                free.insert(row);
            }
            Entry::Occupied(mut known) if known.get().duration_ns < row.duration_ns => {
                known.insert(row);
            }
            Entry::Occupied(_) => {}
        }
    }
    let mut dots: Vec<Dot> = by_trace.into_iter().map(dot).collect();
    dots.sort_by_key(|dot| (dot.start_ns, dot.trace_id.to_bytes()));
    Ok(Scatter {
        dots,
        searched_since_ns,
    })
}

fn dot((trace_id, row): (TraceId, Row)) -> Dot {
    Dot {
        trace_id,
        name: row.name,
        service: row.service_name,
        http_status: row.http_status,
        status: row.status.into(),
        start_ns: row.start_ns,
        duration_seconds: seconds(row.duration_ns),
    }
}
