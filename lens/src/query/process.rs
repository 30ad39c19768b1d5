//! What the processes of a service use, all instances together: CPU, memory, its asynchronous runtime, the pool of database
//! connections, by the metrics that OpenTelemetry's conventions and the telemetry library name; and where they run.

use std::collections::BTreeSet;

use sqlx::SqlitePool;

use super::QueryError;
use super::hosts::CPU_MODE;
use super::readings::{Chart, Line, Readings, Tracks, Unit};
use super::series::Filter;
use super::services::SERVICE_NAME;
use super::time::Range;

const CONNECTION_STATE: &str = "db_client_connection_state";

/// A place where a service runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// `host.name`.
    pub host: Option<String>,
    /// What addresses its container and what that is called, where it runs in one.
    pub container: Option<(String, String)>,
    /// `service.version`.
    pub version: Option<String>,
}

/// The charts of `service` that there are metrics for.
pub async fn charts(
    pool: &SqlitePool,
    service: &str,
    range: Range,
    at_ns: Option<i64>,
) -> Result<Vec<Chart>, QueryError> {
    let readings = Readings::open(pool, range, at_ns).await?;
    let filter = Filter::default().and(SERVICE_NAME, service);
    let gauge = async |name: &str| readings.gauges(name, &filter, &[]).await;
    let cpu = readings
        .rates("process.cpu.time", &filter, &[CPU_MODE])
        .await?;
    let memory = gauge("process.memory.usage").await?;
    let busy = readings
        .rates("tokio.worker.busy_duration", &filter, &[])
        .await?;
    let workers = gauge("tokio.workers").await?.sum();
    let [alive, queued] = [
        gauge("tokio.alive_tasks").await?,
        gauge("tokio.global_queue_depth").await?,
    ];
    let connections = readings
        .gauges("db.client.connection.count", &filter, &[CONNECTION_STATE])
        .await?;
    let most_connections = gauge("db.client.connection.max").await?.sum();
    let pending = gauge("db.client.connection.pending_requests").await?;
    let mut charts = vec![
        chart(
            "process-cpu",
            Unit::Cpus,
            None,
            &cpu,
            cpu.lines(CPU_MODE, &["user", "system"]),
        ),
        chart(
            "process-memory",
            Unit::Bytes,
            None,
            &memory,
            named(&memory, "resident"),
        ),
        chart(
            "workers",
            Unit::Cpus,
            workers,
            &busy,
            named(&busy, "busy workers"),
        ),
        chart(
            "tasks",
            Unit::Cpus,
            None,
            &alive,
            [named(&alive, "alive"), named(&queued, "queued")].concat(),
        ),
        chart(
            "pool",
            Unit::Cpus,
            most_connections,
            &connections,
            [
                connections.lines(CONNECTION_STATE, &["used", "idle"]),
                named(&pending, "waiting for one"),
            ]
            .concat(),
        ),
    ];
    charts.retain(|chart| chart.lines.iter().any(|line| !line.points.is_empty()));
    Ok(charts)
}

fn chart(
    name: &'static str,
    unit: Unit,
    limit: Option<f64>,
    tracks: &Tracks,
    lines: Vec<Line>,
) -> Chart {
    Chart {
        name,
        unit,
        is_stacked: name == "process-cpu",
        limit,
        step_ms: tracks.step_ms,
        lines,
    }
}

fn named(tracks: &Tracks, name: &str) -> Vec<Line> {
    let lines = tracks.lines("", &[]).into_iter();
    lines
        .map(|line| Line {
            name: name.to_owned(),
            ..line
        })
        .collect()
}

/// Where the processes of `service` ran that sent spans or log records in the range, to the minute.
pub async fn places(
    pool: &SqlitePool,
    service: &str,
    range: Range,
) -> Result<BTreeSet<Place>, QueryError> {
    /// Precision of `resources.seen_ms`.
    const SEEN_WITHIN_MS: i64 = 60_000;
    type Row = (
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
    );
    let rows: Vec<Row> = sqlx::query_as(
        r#"SELECT attributes ->> '$."host.name"', attributes ->> '$."container.id"', attributes ->> '$."container.name"',
                  attributes ->> '$."service.version"'
           FROM resources WHERE service_name = ?1 AND seen_ms > ?2 - ?3"#,
    )
    .bind(service)
    .bind(range.since_ms())
    .bind(SEEN_WITHIN_MS)
    .fetch_all(pool)
    .await?;
    let places = rows.into_iter().map(|(host, id, name, version)| Place {
        host,
        container: match (id, name) {
            (Some(id), Some(name)) => Some((id, name)),
            (Some(one), None) | (None, Some(one)) => Some((one.clone(), one)),
            (None, None) => None,
        },
        version,
    });
    Ok(places.collect())
}
