//! What is different in the last minutes of a range from the hour before them: errors of a new kind, routes that became slower,
//! services that fell silent, new versions. Without an hour before there is nothing to compare with, and nothing is said.

use std::time::Duration;

use opentelemetry::TraceId;
use sqlx::SqlitePool;

use super::selection::{Selection, Total};
use super::series::Filter;
use super::services::{self, REQUEST_DURATION, SERVICE_NAME};
use super::time::{Range, nanoseconds};
use super::{QueryError, ids, metrics};

/// The last minutes.
pub const RECENT: Duration = Duration::from_secs(10 * 60);
/// What they are compared with.
const BEFORE: Duration = Duration::from_secs(60 * 60);
/// A service that sent nothing for so long is silent; most send every ten seconds, and `resources.seen_ms` is to the minute.
const SILENT: Duration = Duration::from_secs(3 * 60);
/// Failed entry spans that are looked at.
const FAILURES: i64 = 10_000;
/// A 95th percentile is a step up when it is so many times what it was, and so many seconds more, of so many requests.
const SLOWER: (f64, f64, f64) = (1.5, 0.005, 20.0);
/// In the hour before, requests are counted from the end of a series' first step on, so it is short; and each costs its reads,
/// so it is not shorter.
const STEP: Duration = Duration::from_secs(5 * 60);
const ROUTE: &str = "http_route";

/// Something that is different.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Requests fail in a way in which none did before.
    NewError {
        /// `service.name`.
        service: String,
        /// Name of the entry span.
        name: String,
        /// `error.type`, or the status message, or the HTTP status.
        what: String,
        /// How many.
        count: i64,
        /// When the first of them started, nanoseconds since the Unix epoch.
        since_ns: i64,
        /// The first.
        trace_id: TraceId,
    },
    /// A route is slower.
    Slower {
        /// `service.name`.
        service: String,
        /// `http.route`.
        route: String,
        /// 95th percentile before.
        before_seconds: f64,
        /// 95th percentile now.
        now_seconds: f64,
    },
    /// A service sends nothing any more.
    Silent {
        /// `service.name`.
        service: String,
        /// When it last sent something, nanoseconds since the Unix epoch.
        last_seen_ns: i64,
    },
    /// A service runs in a version that it did not run in before.
    NewVersion {
        /// `service.name`.
        service: String,
        /// `service.version`.
        version: String,
        /// When it was first seen, nanoseconds since the Unix epoch.
        since_ns: i64,
    },
}

/// What changed up to `until_ns`, the worst first.
pub async fn changes(pool: &SqlitePool, until_ns: i64) -> Result<Vec<Change>, QueryError> {
    let recent = Range {
        since_ns: until_ns - nanoseconds(RECENT),
        until_ns,
    };
    let before = Range {
        since_ns: recent.since_ns - nanoseconds(BEFORE),
        until_ns: recent.since_ns,
    };
    let mut changes = silent(pool, before, until_ns).await?;
    changes.extend(new_errors(pool, before, recent).await?);
    changes.extend(slower(pool, before, recent).await?);
    changes.extend(new_versions(pool, recent).await?);
    Ok(changes)
}

async fn silent(
    pool: &SqlitePool,
    before: Range,
    until_ns: i64,
) -> Result<Vec<Change>, QueryError> {
    let both = Range { until_ns, ..before };
    let seen = services::last_seen(pool, both).await?.into_iter();
    let silent = seen.filter(|(_, seen_ns)| *seen_ns < until_ns - nanoseconds(SILENT));
    Ok(silent
        .map(|(service, last_seen_ns)| Change::Silent {
            service,
            last_seen_ns,
        })
        .collect())
}

#[derive(sqlx::FromRow)]
struct Failure {
    service_name: String,
    name: String,
    what: String,
    count: i64,
    since_ns: i64,
    trace_id: Vec<u8>,
}

async fn new_errors(
    pool: &SqlitePool,
    before: Range,
    recent: Range,
) -> Result<Vec<Change>, QueryError> {
    let is_known_before: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM spans WHERE is_entry = 1 AND start_ns < ? LIMIT 1")
            .bind(recent.since_ns)
            .fetch_optional(pool)
            .await?;
    if is_known_before.is_none() {
        return Ok(Vec::new());
    }
    // The trace is that of the row with the minimum, as SQLite promises.
    let failures: Vec<Failure> = sqlx::query_as(
        r#"WITH failure AS MATERIALIZED (
             SELECT resource_id, name, trace_id, start_ns,
                    coalesce(attributes ->> '$."error.type"', nullif(status_message, ''), http_status, 'failed') AS what
             FROM spans WHERE is_entry = 1 AND status = 2 AND start_ns BETWEEN ?1 AND ?2
             ORDER BY start_ns DESC LIMIT ?3)
           SELECT service_name, name, CAST(what AS TEXT) AS what, count(*) AS count, min(start_ns) AS since_ns, trace_id
           FROM failure JOIN resources ON resources.id = resource_id
           GROUP BY service_name, name, what HAVING since_ns >= ?4 ORDER BY count DESC"#,
    )
    .bind(before.since_ns)
    .bind(recent.until_ns)
    .bind(FAILURES)
    .bind(recent.since_ns)
    .fetch_all(pool)
    .await?;
    let changes = failures.into_iter().map(|failure| Change::NewError {
        service: failure.service_name,
        name: failure.name,
        what: failure.what,
        count: failure.count,
        since_ns: failure.since_ns,
        trace_id: ids::trace_id(&failure.trace_id),
    });
    Ok(changes.collect())
}

async fn slower(
    pool: &SqlitePool,
    before: Range,
    recent: Range,
) -> Result<Vec<Change>, QueryError> {
    let Some(family) = metrics::family(pool, REQUEST_DURATION).await? else {
        return Ok(Vec::new());
    };
    let by = [SERVICE_NAME.to_owned(), ROUTE.to_owned()];
    let all = Filter::default();
    let read = |range| Selection::read_from_the_end(pool, &family, &all, range, STEP);
    let before = read(before).await?.totals(&by);
    // Only what was there in the hour before is compared, so a series that begins now is of a process that started now.
    let now = read(recent).await?.with_all_before().totals(&by);
    let slower = now.into_iter().filter_map(|(labels, now)| {
        let was = before.get(&labels)?;
        let (before_seconds, now_seconds) = (p95(was)?, p95(&now)?);
        let (times, more, _) = SLOWER;
        (now_seconds >= before_seconds * times && now_seconds - before_seconds >= more).then(|| {
            Change::Slower {
                service: labels.get(SERVICE_NAME).cloned().unwrap_or_default(),
                route: labels.get(ROUTE).cloned().unwrap_or_default(),
                before_seconds,
                now_seconds,
            }
        })
    });
    Ok(slower.collect())
}

/// The 95th percentile of enough requests.
fn p95(total: &Total) -> Option<f64> {
    (total.count >= SLOWER.2)
        .then(|| total.buckets.quantile(0.95))
        .flatten()
}

async fn new_versions(pool: &SqlitePool, recent: Range) -> Result<Vec<Change>, QueryError> {
    let versions: Vec<(String, String, i64)> = sqlx::query_as(
        "WITH first AS MATERIALIZED (
           SELECT service, version, min(first_ms) AS first_ms FROM (
             SELECT labels ->> '$.service_name' AS service, labels ->> '$.service_version' AS version,
                    (SELECT min(time_ms) FROM samples WHERE series_id = id) AS first_ms
             FROM series WHERE metric NOT LIKE '%\\_bucket' ESCAPE '\\')
           WHERE service IS NOT NULL AND version IS NOT NULL AND first_ms IS NOT NULL GROUP BY service, version)
         SELECT service, version, first_ms FROM first
         WHERE first_ms BETWEEN ?1 AND ?2
           AND EXISTS (SELECT 1 FROM first AS other WHERE other.service = first.service AND other.first_ms < first.first_ms)
         ORDER BY first_ms DESC",
    )
    .bind(recent.since_ms())
    .bind(recent.until_ms())
    .fetch_all(pool)
    .await?;
    let changes = versions
        .into_iter()
        .map(|(service, version, first_ms)| Change::NewVersion {
            service,
            version,
            since_ns: first_ms * 1_000_000,
        });
    Ok(changes.collect())
}
