//! Measurements that open a trace.

use opentelemetry::{SpanId, TraceId};
use serde::Serialize;
use sqlx::SqlitePool;

use super::names::{Family, Kind};
use super::series::Labels;
use super::services::SERVICE_NAME;
use super::time::{Range, rfc3339_ms};
use super::{QueryError, from_json, ids};

/// One exemplar.
#[derive(Debug, Serialize)]
pub struct Exemplar {
    /// The metric as Prometheus has it, without `_bucket`.
    pub metric: String,
    /// Of its series, without `le`.
    pub labels: Labels,
    /// When it was measured.
    pub time: String,
    /// Milliseconds since the Unix epoch.
    #[serde(skip)]
    pub time_ms: i64,
    /// What was measured, in the metric's unit.
    pub value: f64,
    /// The trace it opens.
    #[serde(serialize_with = "super::ids::hex")]
    pub trace_id: TraceId,
    /// The span it was measured in.
    #[serde(serialize_with = "super::ids::hex")]
    pub span_id: SpanId,
}

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Of this metric only.
    pub metric: Option<&'a Family>,
    /// Of this `service.name` only.
    pub service: Option<&'a str>,
    /// Of this `http.route` only.
    pub route: Option<&'a str>,
    /// When they were measured.
    pub range: Range,
    /// At most so many.
    pub limit: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    metric: String,
    labels: String,
    time_ms: i64,
    value: f64,
    trace_id: Vec<u8>,
    span_id: Vec<u8>,
}

/// The exemplars wanted, newest first.
pub async fn exemplars(pool: &SqlitePool, wanted: Wanted<'_>) -> Result<Vec<Exemplar>, QueryError> {
    let sample_name = wanted.metric.map(|family| match family.kind {
        Kind::Histogram => format!("{}_bucket", family.name),
        Kind::Counter | Kind::Gauge => family.name.clone(),
    });
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT metric, labels, time_ms, value, trace_id, span_id
         FROM series CROSS JOIN exemplars ON series_id = series.id
         WHERE (?1 IS NULL OR metric = ?1)
           AND (?2 IS NULL OR labels ->> ?3 = ?2)
           AND (?4 IS NULL OR labels ->> '$.http_route' = ?4)
           AND time_ms BETWEEN ?5 AND ?6
         ORDER BY time_ms DESC LIMIT ?7",
    )
    .bind(sample_name)
    .bind(wanted.service)
    .bind(SERVICE_NAME)
    .bind(wanted.route)
    .bind(wanted.range.since_ms())
    .bind(wanted.range.until_ms())
    .bind(wanted.limit)
    .fetch_all(pool)
    .await?;
    rows.iter().map(exemplar).collect()
}

fn exemplar(row: &Row) -> Result<Exemplar, QueryError> {
    let mut labels: Labels = from_json("series.labels", &row.labels)?;
    labels.remove("__name__");
    labels.remove("le");
    Ok(Exemplar {
        metric: row
            .metric
            .strip_suffix("_bucket")
            .unwrap_or(&row.metric)
            .to_owned(),
        labels,
        time: rfc3339_ms(row.time_ms),
        time_ms: row.time_ms,
        value: row.value,
        trace_id: ids::trace_id(&row.trace_id),
        span_id: ids::span_id(&row.span_id),
    })
}
