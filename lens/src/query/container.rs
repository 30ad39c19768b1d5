//! One container over a range: CPU, memory against its limit, network and disks as charts.

use serde::Serialize;
use sqlx::SqlitePool;

use super::QueryError;
use super::containers::{self, DISK_DIRECTION, Meters, NETWORK_DIRECTION, Usage, Used};
use super::readings::{Chart, Line, Readings, Unit};
use super::series::Filter;
use super::time::Range;

/// One container with its charts.
#[derive(Debug, Serialize)]
pub struct DetailedContainer {
    /// Which, and what it used last.
    #[serde(flatten)]
    pub used: Used,
    /// Those that it has metrics for.
    pub charts: Vec<Chart>,
}

/// The container that `asked` means, whenever it was seen, and what it used in `range`; none when nothing of it is stored.
pub async fn container(
    pool: &SqlitePool,
    asked: &str,
    range: Range,
    at_ns: Option<i64>,
) -> Result<Option<DetailedContainer>, QueryError> {
    let known = containers::containers(pool, Range::ALL).await?;
    let Some(found) = containers::find(&known, asked).cloned() else {
        return Ok(None);
    };
    let (used, charts) = match found.filter() {
        Some(filter) => {
            let readings = Readings::open(pool, range, at_ns).await?;
            let meters = Meters::read(&readings, &filter).await?;
            (meters.used(found), charts(&readings, &filter).await?)
        }
        // An empty filter would let through the metrics of all others.
        None => (
            Used {
                container: found,
                usage: Usage::default(),
            },
            Vec::new(),
        ),
    };
    Ok(Some(DetailedContainer { used, charts }))
}

/// The charts of the container whose metrics `filter` lets through; those without metrics are left out.
async fn charts(readings: &Readings<'_>, filter: &Filter) -> Result<Vec<Chart>, QueryError> {
    let cpu = readings
        .rates("container.cpu.time", filter, &["cpu_mode"])
        .await?;
    let usage = readings
        .gauges("container.memory.usage", filter, &[])
        .await?;
    let working_set = readings
        .gauges("container.memory.working_set", filter, &[])
        .await?;
    let limit = readings
        .gauges("container.memory.usage.limit", filter, &[])
        .await?;
    let network = readings
        .rates("container.network.io", filter, &[NETWORK_DIRECTION])
        .await?;
    let disk = readings
        .rates("container.disk.io", filter, &[DISK_DIRECTION])
        .await?;
    let named = |name: &str, mut lines: Vec<Line>| {
        for line in &mut lines {
            name.clone_into(&mut line.name);
        }
        lines
    };
    let memory = [
        named("usage", usage.lines("", &[])),
        named("working set", working_set.lines("", &[])),
    ];
    let mut charts = vec![
        Chart {
            name: "cpu",
            unit: Unit::Cpus,
            is_stacked: true,
            limit: None,
            step_ms: cpu.step_ms,
            lines: cpu.lines("cpu_mode", &["user", "system"]),
        },
        Chart {
            name: "memory",
            unit: Unit::Bytes,
            is_stacked: false,
            limit: limit.sum(),
            step_ms: usage.step_ms.max(working_set.step_ms),
            lines: memory.concat(),
        },
        Chart {
            name: "network",
            unit: Unit::BytesPerSecond,
            is_stacked: false,
            limit: None,
            step_ms: network.step_ms,
            lines: network.lines(NETWORK_DIRECTION, &["receive", "transmit"]),
        },
        Chart {
            name: "disk",
            unit: Unit::BytesPerSecond,
            is_stacked: false,
            limit: None,
            step_ms: disk.step_ms,
            lines: disk.lines(DISK_DIRECTION, &["read", "write"]),
        },
    ];
    charts.retain(|chart| chart.lines.iter().any(|line| !line.points.is_empty()));
    Ok(charts)
}
