//! What containers use: CPU, memory against its limit, network and disks; of all of them the last values, of one the charts.

use serde::Serialize;
use sqlx::SqlitePool;

use super::QueryError;
use super::containers::{self, Container, IDENTITY};
use super::readings::{Chart, HOST_NAME, Line, Point, Readings, Tracks, Unit};
use super::series::{Filter, Labels};
use super::time::Range;

pub(super) const NETWORK_DIRECTION: &str = "network_io_direction";
pub(super) const DISK_DIRECTION: &str = "disk_io_direction";

/// What a container used at the end of the range, or at the moment that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Usage {
    /// CPUs: 1.5 is one and a half of them all the time.
    pub cpu: Option<f64>,
    /// Memory.
    pub memory_bytes: Option<f64>,
    /// What it may use at most; absent without a limit.
    pub memory_limit_bytes: Option<f64>,
    /// Received from the network.
    pub network_receive_bytes_per_second: Option<f64>,
    /// Sent to the network.
    pub network_transmit_bytes_per_second: Option<f64>,
    /// Read from disks.
    pub disk_read_bytes_per_second: Option<f64>,
    /// Written to disks.
    pub disk_write_bytes_per_second: Option<f64>,
    /// In each second, how long its tasks had to wait because it had used up the CPU time it may use; a task each.
    pub throttled_seconds_per_second: Option<f64>,
    /// Processes and threads.
    pub pids: Option<f64>,
    /// How long it has been running.
    pub uptime_seconds: Option<f64>,
    /// CPUs over time.
    #[serde(skip)]
    pub cpu_points: Vec<Point>,
}

/// The containers seen in a range, with what they used.
#[derive(Debug, Serialize)]
pub struct Listing {
    /// By name.
    pub containers: Vec<Used>,
    /// Length of a step of [`Usage::cpu_points`].
    #[serde(skip)]
    pub step_ms: i64,
}

/// A container with what it used.
#[derive(Debug, Clone, Serialize)]
pub struct Used {
    /// Who.
    #[serde(flatten)]
    pub container: Container,
    /// What.
    #[serde(flatten)]
    pub usage: Usage,
}

/// One container with its charts.
#[derive(Debug, Serialize)]
pub struct DetailedContainer {
    /// Which, and what it used last.
    #[serde(flatten)]
    pub used: Used,
    /// Those that it has metrics for.
    pub charts: Vec<Chart>,
}

/// Those of one host, or of all, with what they used.
pub async fn listing(
    pool: &SqlitePool,
    range: Range,
    at_ns: Option<i64>,
    host: Option<&str>,
) -> Result<Listing, QueryError> {
    let mut containers = containers::containers(pool, range).await?;
    containers.retain(|container| host.is_none() || container.host.as_deref() == host);
    let readings = Readings::open(pool, range, at_ns).await?;
    let of_host = host.map(|host| Filter::default().and(HOST_NAME, host));
    let meters = Meters::read(&readings, &of_host.unwrap_or_default()).await?;
    let used = containers
        .into_iter()
        .map(|container| meters.used(container));
    Ok(Listing {
        containers: used.collect(),
        step_ms: meters.cpu.step_ms,
    })
}

/// The metrics that tell what containers use, by their identity.
#[derive(Debug)]
pub struct Meters {
    cpu: Tracks,
    memory: Tracks,
    memory_limit: Tracks,
    network: Tracks,
    disk: Tracks,
    throttled: Tracks,
    pids: Tracks,
    uptime: Tracks,
}

impl Meters {
    /// Reads those of the containers that `filter` lets through.
    pub async fn read(readings: &Readings<'_>, filter: &Filter) -> Result<Self, QueryError> {
        let by_direction =
            |label: &'static str| [label].into_iter().chain(IDENTITY).collect::<Vec<_>>();
        let (network, disk) = (
            by_direction(NETWORK_DIRECTION),
            by_direction(DISK_DIRECTION),
        );
        Ok(Self {
            cpu: readings
                .rates("container.cpu.time", filter, &IDENTITY)
                .await?,
            memory: readings
                .gauges("container.memory.usage", filter, &IDENTITY)
                .await?,
            // The conventions have no name for it; this is what the Collector's own receivers call it.
            memory_limit: readings
                .gauges("container.memory.usage.limit", filter, &IDENTITY)
                .await?,
            network: readings
                .rates("container.network.io", filter, &network)
                .await?,
            disk: readings.rates("container.disk.io", filter, &disk).await?,
            // As the Collector's own receivers call these two, in nanoseconds.
            throttled: readings
                .rates(
                    "container.cpu.throttling_data.throttled_time",
                    filter,
                    &IDENTITY,
                )
                .await?,
            pids: readings
                .gauges("container.pids.count", filter, &IDENTITY)
                .await?,
            uptime: readings
                .gauges("container.uptime", filter, &IDENTITY)
                .await?,
        })
    }

    /// A container with what it used.
    pub fn used(&self, container: Container) -> Used {
        let usage = container.metrics.as_ref();
        let usage = usage
            .map(|identity| self.usage(identity))
            .unwrap_or_default();
        Used { container, usage }
    }

    fn usage(&self, identity: &Labels) -> Usage {
        let directed = |tracks: &Tracks, label: &str, direction: &str| {
            let mut labels = identity.clone();
            labels.insert(label.to_owned(), direction.to_owned());
            tracks.value(&labels)
        };
        let network = |direction| directed(&self.network, NETWORK_DIRECTION, direction);
        let disk = |direction| directed(&self.disk, DISK_DIRECTION, direction);
        Usage {
            cpu: self.cpu.value(identity),
            memory_bytes: self.memory.value(identity),
            memory_limit_bytes: self.memory_limit.value(identity),
            network_receive_bytes_per_second: network("receive"),
            network_transmit_bytes_per_second: network("transmit"),
            disk_read_bytes_per_second: disk("read"),
            disk_write_bytes_per_second: disk("write"),
            throttled_seconds_per_second: self.throttled.value(identity).map(|nanos| nanos / 1e9),
            pids: self.pids.value(identity),
            uptime_seconds: self.uptime.value(identity),
            cpu_points: self.cpu.points(identity).to_vec(),
        }
    }
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
