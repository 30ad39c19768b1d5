//! The hosts that were seen in a range, and how busy each of them was last. A host is known by the `system.*` metrics of its
//! agent, by its containers, and by the `host.name` of whoever sent spans and log records; without an agent it has no numbers.
//!
//! When an agent sent its last metric is known to the millisecond, when a program on the host sent its last span or log
//! record, to the minute; of the latter, also those that came after the range's end count.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::SqlitePool;

use super::QueryError;
use super::container::NETWORK_DIRECTION as DIRECTION;
use super::containers::{self, Container};
use super::readings::{HOST_NAME, Point, Readings, Tracks};
use super::series::{Filter, Labels};
use super::time::{Range, rfc3339_ms};

pub(super) const CPU_MODE: &str = "cpu_mode";
pub(super) const MEMORY_STATE: &str = "system_memory_state";
pub(super) const INTERFACE: &str = "network_interface_name";
/// The modes in which a CPU has nothing to do.
pub(super) const IDLE_MODES: [&str; 2] = ["idle", "iowait"];

/// A host and how busy it was at the end of the range, or at the moment that was asked for.
#[derive(Debug, Clone, Serialize)]
pub struct Host {
    /// `host.name`.
    pub name: String,
    /// When something of it was seen last.
    pub last_seen: String,
    /// The same in nanoseconds since the Unix epoch.
    #[serde(skip)]
    pub last_seen_ns: i64,
    /// Containers seen on it in the range.
    pub containers: usize,
    /// How busy it was.
    #[serde(flatten)]
    pub usage: Usage,
}

/// How busy a host was; all absent when no agent on it sent metrics.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Logical CPUs.
    pub cpus: Option<f64>,
    /// Share of their time in which they were neither idle nor waiting for a disk.
    pub cpu_ratio: Option<f64>,
    /// Tasks that ran or waited to, over the last minute.
    pub load_average_1m: Option<f64>,
    /// Memory that programs use: without buffers and cache.
    pub memory_used_bytes: Option<f64>,
    /// All memory.
    pub memory_limit_bytes: Option<f64>,
    /// Received by all its interfaces but the loopback.
    pub network_receive_bytes_per_second: Option<f64>,
    /// Sent by all its interfaces but the loopback.
    pub network_transmit_bytes_per_second: Option<f64>,
    /// Since it started.
    pub uptime_seconds: Option<f64>,
    /// The share of CPU time over time.
    #[serde(skip)]
    pub cpu_points: Vec<Point>,
    /// Length of a step of it.
    #[serde(skip)]
    pub step_ms: i64,
}

impl Usage {
    /// Whether an agent sent metrics in the range.
    pub fn is_known(&self) -> bool {
        *self != Self::default()
    }
}

/// The hosts seen in the range, by name.
pub async fn hosts(pool: &SqlitePool, range: Range) -> Result<Vec<Host>, QueryError> {
    let readings = Readings::open(pool, range, None).await?;
    let containers = containers::containers(pool, range).await?;
    let hosts = seen(pool, range, &containers).await?;
    let usage = usage(&readings, &Filter::default()).await?;
    let with_usage = hosts.into_iter().map(|host| Host {
        usage: usage.get(&host.name).cloned().unwrap_or_default(),
        ..host
    });
    Ok(with_usage.collect())
}

/// One host, whenever it was seen, and how busy it was at the end of `range`; none when nothing of it is stored.
pub(super) async fn host(
    pool: &SqlitePool,
    readings: &Readings<'_>,
    name: &str,
    range: Range,
) -> Result<Option<Host>, QueryError> {
    let containers = containers::containers(pool, range).await?;
    let known = seen(pool, Range::ALL, &containers).await?;
    let Some(host) = known.into_iter().find(|host| host.name == name) else {
        return Ok(None);
    };
    let filter = Filter::default().and(HOST_NAME, name);
    let usage = usage(readings, &filter).await?.remove(name);
    Ok(Some(Host {
        usage: usage.unwrap_or_default(),
        ..host
    }))
}

/// Who was seen in the range. `containers` are counted.
pub(super) async fn seen(
    pool: &SqlitePool,
    range: Range,
    containers: &[Container],
) -> Result<Vec<Host>, QueryError> {
    let mut seen: BTreeMap<String, i64> = BTreeMap::new();
    let of_containers = containers.iter().filter_map(|container| {
        Some((container.host.clone()?, container.last_seen_ns / 1_000_000))
    });
    let sightings = sightings(pool, range).await?;
    for (host, seen_ms) in sightings.into_iter().chain(of_containers) {
        let latest = seen.entry(host).or_default();
        *latest = seen_ms.max(*latest);
    }
    let host = |(name, seen_ms): (String, i64)| Host {
        containers: containers
            .iter()
            .filter(|container| container.host.as_ref() == Some(&name))
            .count(),
        usage: Usage::default(),
        name,
        last_seen: rfc3339_ms(seen_ms),
        last_seen_ns: seen_ms.saturating_mul(1_000_000),
    };
    Ok(seen.into_iter().map(host).collect())
}

async fn sightings(pool: &SqlitePool, range: Range) -> Result<Vec<(String, i64)>, QueryError> {
    /// Precision of `resources.seen_ms`.
    const SEEN_WITHIN_MS: i64 = 60_000;
    let mut seen: Vec<(String, i64)> = sqlx::query_as(
        "SELECT host, max(seen_ms) FROM (
           SELECT labels ->> '$.host_name' AS host,
                  (SELECT max(time_ms) FROM samples WHERE series_id = id AND time_ms BETWEEN ?1 AND ?2) AS seen_ms
           FROM series WHERE metric >= 'system_' AND metric < 'system`')
         WHERE host IS NOT NULL AND seen_ms IS NOT NULL GROUP BY host",
    )
    .bind(range.since_ms())
    .bind(range.until_ms())
    .fetch_all(pool)
    .await?;
    let senders: Vec<(String, i64)> = sqlx::query_as(
        r#"SELECT attributes ->> '$."host.name"' AS host, max(seen_ms) FROM resources
           WHERE seen_ms > ?1 - ?2 AND host IS NOT NULL GROUP BY host"#,
    )
    .bind(range.since_ms())
    .bind(SEEN_WITHIN_MS)
    .fetch_all(pool)
    .await?;
    seen.extend(senders);
    Ok(seen)
}

/// How busy each host was that `filter` lets through and whose agent sent metrics.
async fn usage(
    readings: &Readings<'_>,
    filter: &Filter,
) -> Result<BTreeMap<String, Usage>, QueryError> {
    let by_host = [HOST_NAME];
    let cpu = readings
        .rates("system.cpu.time", filter, &[HOST_NAME, CPU_MODE])
        .await?;
    let cpus = readings
        .gauges("system.cpu.logical.count", filter, &by_host)
        .await?;
    let load = readings
        .gauges("system.cpu.load_average.1m", filter, &by_host)
        .await?;
    let memory = readings
        .gauges("system.memory.usage", filter, &[HOST_NAME, MEMORY_STATE])
        .await?;
    let limit = readings
        .gauges("system.memory.limit", filter, &by_host)
        .await?;
    let network = readings
        .rates(
            "system.network.io",
            filter,
            &[HOST_NAME, INTERFACE, DIRECTION],
        )
        .await?
        .summed(&[HOST_NAME, DIRECTION], leaves_the_host);
    let uptime = readings.gauges("system.uptime", filter, &by_host).await?;

    let names = [&cpu, &load, &memory, &network, &uptime].map(|tracks| {
        tracks
            .groups()
            .filter_map(|(labels, _)| labels.get(HOST_NAME).cloned())
            .collect::<Vec<_>>()
    });
    let mut usage = BTreeMap::new();
    for name in names.into_iter().flatten() {
        if usage.contains_key(&name) {
            continue;
        }
        let of = |pairs: &[(&str, &str)]| -> Labels {
            let host = [(HOST_NAME, name.as_str())];
            let pairs = pairs.iter().chain(&host);
            pairs
                .map(|&(label, value)| (label.to_owned(), value.to_owned()))
                .collect()
        };
        let cpu_points = busy(&cpu.only(HOST_NAME, &name));
        let all_memory = memory.only(HOST_NAME, &name).sum();
        let of_host = Usage {
            cpus: cpus.value(&of(&[])),
            cpu_ratio: cpu.value_of(&cpu_points),
            load_average_1m: load.value(&of(&[])),
            memory_used_bytes: memory.value(&of(&[(MEMORY_STATE, "used")])),
            memory_limit_bytes: limit.value(&of(&[])).or(all_memory),
            network_receive_bytes_per_second: network.value(&of(&[(DIRECTION, "receive")])),
            network_transmit_bytes_per_second: network.value(&of(&[(DIRECTION, "transmit")])),
            uptime_seconds: uptime.value(&of(&[])),
            step_ms: cpu.step_ms,
            cpu_points,
        };
        usage.insert(name, of_host);
    }
    Ok(usage)
}

/// Whether an interface's traffic is with somebody else.
pub(super) fn leaves_the_host(labels: &Labels) -> bool {
    labels.get(INTERFACE).is_none_or(|name| name != "lo")
}

/// The CPU seconds per second of all modes together, by the end of the step.
pub(super) fn cpu_seconds(cpu: &Tracks) -> BTreeMap<i64, f64> {
    let mut all = BTreeMap::new();
    for (_, points) in cpu.groups() {
        for point in points {
            *all.entry(point.end_ms).or_default() += point.value;
        }
    }
    all
}

/// The share of CPU time in which there was something to do. `cpu` is one host's, by mode.
fn busy(cpu: &Tracks) -> Vec<Point> {
    let mut idle: BTreeMap<i64, f64> = BTreeMap::new();
    let is_idle = |labels: &Labels| {
        labels
            .get(CPU_MODE)
            .is_some_and(|mode| IDLE_MODES.contains(&mode.as_str()))
    };
    for (_, points) in cpu.groups().filter(|(labels, _)| is_idle(labels)) {
        for point in points {
            *idle.entry(point.end_ms).or_default() += point.value;
        }
    }
    let all = cpu_seconds(cpu).into_iter().filter(|(_, all)| *all > 0.0);
    all.map(|(end_ms, all)| Point {
        end_ms,
        value: 1.0 - idle.get(&end_ms).copied().unwrap_or(0.0) / all,
    })
    .collect()
}
