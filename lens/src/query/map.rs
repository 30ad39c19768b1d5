//! Who calls whom: read from the newest stored traces of a range, so it costs the same however many there are. A call is the
//! span of a server or consumer whose parent another service made, or nobody that is stored, or the client span of a database
//! operation. Rates are those of stored traces: where traces are sampled, fewer than there were requests.

use serde::Serialize;
use sqlx::SqlitePool;

use super::QueryError;
use super::time::{Range, seconds};

/// Entry spans whose traces are read.
const ENTRIES: i64 = 1_500;
/// Spans of these that are read.
const SPANS: i64 = 15_000;

/// Who is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Callee {
    /// A service, by `service.name`.
    Service(String),
    /// A database, by `db.namespace` where that is known, and `db.system.name`.
    Database {
        /// `auth`.
        namespace: Option<String>,
        /// `sqlite`.
        system: String,
    },
}

/// The calls from one to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Edge {
    /// `service.name` of who calls; absent when that is nobody whose spans are stored.
    pub caller: Option<String>,
    /// Who is called.
    pub callee: Callee,
    /// Calls that were read.
    pub calls: i64,
    /// Calls per second.
    pub rate: f64,
    /// Share of them that failed: with the span status Error, or a 5xx.
    pub error_ratio: f64,
    /// Mean duration.
    pub mean_seconds: f64,
}

#[derive(sqlx::FromRow)]
struct Row {
    caller: Option<String>,
    callee: String,
    system: Option<String>,
    namespace: Option<String>,
    calls: i64,
    errors: i64,
    duration_ns: i64,
}

/// The edges of the range, by caller and callee.
pub async fn edges(pool: &SqlitePool, range: Range) -> Result<Vec<Edge>, QueryError> {
    let Some(from_ns) = covered_from(pool, range).await? else {
        return Ok(Vec::new());
    };
    let rows: Vec<Row> = sqlx::query_as(
        r#"WITH trace AS MATERIALIZED (
             SELECT DISTINCT trace_id FROM (
               SELECT trace_id FROM spans WHERE is_entry = 1 AND start_ns BETWEEN ?1 AND ?2
               ORDER BY start_ns DESC LIMIT ?3)),
           call AS MATERIALIZED (
             SELECT span.trace_id, span.parent_span_id, span.resource_id, span.kind, span.duration_ns,
                    span.status = 2 OR coalesce(span.http_status, 0) >= 500 AS is_error,
                    iif(span.kind = 3, span.attributes ->> '$."db.system.name"', NULL) AS system,
                    iif(span.kind = 3, span.attributes ->> '$."db.namespace"', NULL) AS namespace
             FROM trace CROSS JOIN spans AS span ON span.trace_id = trace.trace_id
             WHERE span.kind IN (2, 3, 5) LIMIT ?4),
           pair AS (
             SELECT iif(system IS NULL, parent.resource_id, call.resource_id) AS caller_id, call.resource_id AS callee_id,
                    system, namespace, count(*) AS calls, sum(is_error) AS errors, sum(call.duration_ns) AS duration_ns
             FROM call LEFT JOIN spans AS parent
               ON system IS NULL AND parent.trace_id = call.trace_id AND parent.span_id = call.parent_span_id
             WHERE system IS NOT NULL OR call.kind <> 3 GROUP BY 1, 2, 3, 4)
           SELECT caller.service_name AS caller, callee.service_name AS callee, system, namespace,
                  sum(calls) AS calls, sum(errors) AS errors, sum(duration_ns) AS duration_ns
           FROM pair JOIN resources AS callee ON callee.id = callee_id LEFT JOIN resources AS caller ON caller.id = caller_id
           WHERE system IS NOT NULL OR caller.service_name IS NOT callee.service_name
           GROUP BY 1, iif(system IS NULL, callee.service_name, ''), 3, 4 ORDER BY 1, 2, 3, 4"#,
    )
    .bind(range.since_ns)
    .bind(range.until_ns)
    .bind(ENTRIES)
    .bind(SPANS)
    .fetch_all(pool)
    .await?;
    let length = seconds((range.until_ns - from_ns).max(1_000_000_000));
    Ok(rows.into_iter().map(|row| edge(row, length)).collect())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of at most some ten thousand"
)]
fn edge(row: Row, length_seconds: f64) -> Edge {
    let calls = row.calls as f64;
    Edge {
        caller: row.caller,
        callee: match row.system {
            Some(system) => Callee::Database {
                namespace: row.namespace,
                system,
            },
            None => Callee::Service(row.callee),
        },
        calls: row.calls,
        rate: calls / length_seconds,
        error_ratio: row.errors as f64 / calls,
        mean_seconds: seconds(row.duration_ns) / calls,
    }
}

/// Where the traces that are read begin: where the newest of them end, or the range, or what is stored; none without traces.
async fn covered_from(pool: &SqlitePool, range: Range) -> Result<Option<i64>, QueryError> {
    let beyond: Option<i64> = sqlx::query_scalar(
        "SELECT start_ns FROM spans WHERE is_entry = 1 AND start_ns BETWEEN ?1 AND ?2
         ORDER BY start_ns DESC LIMIT 1 OFFSET ?3",
    )
    .bind(range.since_ns)
    .bind(range.until_ns)
    .bind(ENTRIES - 1)
    .fetch_optional(pool)
    .await?;
    if beyond.is_some() {
        return Ok(beyond);
    }
    let oldest: Option<i64> =
        sqlx::query_scalar("SELECT min(start_ns) FROM spans WHERE is_entry = 1")
            .fetch_one(pool)
            .await?;
    Ok(oldest.map(|oldest| oldest.max(range.since_ns)))
}
