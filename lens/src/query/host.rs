//! One host over a range: CPU by mode, load, memory by state, pressure, network, disks and paging as charts; each filesystem, disk
//! and network interface as it was last.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::SqlitePool;

use super::QueryError;
use super::container::{DISK_DIRECTION, NETWORK_DIRECTION as DIRECTION};
use super::hosts::{
    self, CPU_MODE, Host, IDLE_MODES, INTERFACE, MEMORY_STATE, cpu_seconds, leaves_the_host,
};
use super::readings::{Chart, HOST_NAME, Line, Readings, Tracks, Unit};
use super::series::Filter;
use super::time::Range;

const DEVICE: &str = "system_device";
const MOUNTPOINT: &str = "system_filesystem_mountpoint";
const TYPE: &str = "system_filesystem_type";
const STATE: &str = "system_filesystem_state";

/// What there is to know of a host beside how busy it was.
#[derive(Debug, Default, Serialize)]
pub struct Detail {
    /// Those that it has metrics for.
    pub charts: Vec<Chart>,
    /// By mount point.
    pub filesystems: Vec<Filesystem>,
    /// By name.
    pub disks: Vec<Disk>,
    /// By name.
    pub interfaces: Vec<Interface>,
}

/// One mounted filesystem.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Filesystem {
    /// Where it is mounted.
    pub mountpoint: String,
    /// What is mounted there.
    pub device: String,
    /// `ext4`.
    #[serde(rename = "type")]
    pub kind: String,
    /// In use.
    pub used_bytes: f64,
    /// In all: used, free and reserved.
    pub limit_bytes: f64,
}

impl Filesystem {
    /// How full it is.
    pub fn used_ratio(&self) -> Option<f64> {
        (self.limit_bytes > 0.0).then(|| self.used_bytes / self.limit_bytes)
    }
}

/// One disk.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Disk {
    /// `nvme0n1`.
    pub name: String,
    /// Read.
    pub read_bytes_per_second: Option<f64>,
    /// Written.
    pub write_bytes_per_second: Option<f64>,
    /// Share of the time in which it had something to do.
    pub busy_ratio: Option<f64>,
}

/// One network interface.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Interface {
    /// `eth0`.
    pub name: String,
    /// Received.
    pub receive_bytes_per_second: Option<f64>,
    /// Sent.
    pub transmit_bytes_per_second: Option<f64>,
    /// Packets with errors, both ways.
    pub errors_per_second: Option<f64>,
    /// Packets that were dropped, both ways.
    pub dropped_per_second: Option<f64>,
}

/// One host with its charts.
#[derive(Debug, Serialize)]
pub struct DetailedHost {
    /// Which, and how busy it was last.
    #[serde(flatten)]
    pub host: Host,
    /// Everything else.
    #[serde(flatten)]
    pub detail: Detail,
}

/// One host, whenever it was seen, and what it did in `range`; none when nothing of it is stored.
pub async fn host(
    pool: &SqlitePool,
    name: &str,
    range: Range,
    at_ns: Option<i64>,
) -> Result<Option<DetailedHost>, QueryError> {
    let readings = Readings::open(pool, range, at_ns).await?;
    let Some(host) = hosts::host(pool, &readings, name, range).await? else {
        return Ok(None);
    };
    let detail = detail(&readings, &host).await?;
    Ok(Some(DetailedHost { host, detail }))
}

async fn detail(readings: &Readings<'_>, host: &Host) -> Result<Detail, QueryError> {
    let (filter, usage) = (Filter::default().and(HOST_NAME, &host.name), &host.usage);
    let network = readings
        .rates("system.network.io", &filter, &[INTERFACE, DIRECTION])
        .await?;
    let disk = readings
        .rates("system.disk.io", &filter, &[DEVICE, DISK_DIRECTION])
        .await?;
    let mut charts = vec![
        cpu(readings, &filter).await?,
        load(readings, &filter, usage.cpus).await?,
        memory(readings, &filter, usage.memory_limit_bytes).await?,
        pressure(readings, &filter).await?,
        directed(
            "network",
            &network.summed(&[DIRECTION], leaves_the_host),
            DIRECTION,
            &["receive", "transmit"],
        ),
        directed(
            "disk",
            &disk.summed(&[DISK_DIRECTION], |_| true),
            DISK_DIRECTION,
            &["read", "write"],
        ),
        paging(readings, &filter).await?,
    ];
    charts.retain(|chart| chart.lines.iter().any(|line| !line.points.is_empty()));
    Ok(Detail {
        charts,
        filesystems: filesystems(readings, &filter).await?,
        disks: disks(readings, &filter, &disk).await?,
        interfaces: interfaces(readings, &filter, &network).await?,
    })
}

/// The shares of the modes in which something was done; what is missing to the whole is idle.
async fn cpu(readings: &Readings<'_>, filter: &Filter) -> Result<Chart, QueryError> {
    const ORDER: [&str; 6] = ["user", "system", "nice", "interrupt", "steal", "iowait"];
    let cpu = readings
        .rates("system.cpu.time", filter, &[CPU_MODE])
        .await?;
    let all = cpu_seconds(&cpu);
    let mut lines = cpu.lines(CPU_MODE, &ORDER);
    // Modes that a machine never has (`steal` without a hypervisor) would only fill the legend.
    let is_ever = |line: &Line| line.points.iter().any(|point| point.value > 0.0);
    lines.retain(|line| line.name != IDLE_MODES[0] && is_ever(line));
    for point in lines.iter_mut().flat_map(|line| &mut line.points) {
        let all = all.get(&point.end_ms).copied().unwrap_or_default();
        point.value = if all > 0.0 { point.value / all } else { 0.0 };
    }
    Ok(Chart {
        name: "cpu",
        unit: Unit::Ratio,
        is_stacked: true,
        limit: Some(1.0),
        step_ms: cpu.step_ms,
        lines,
    })
}

async fn load(
    readings: &Readings<'_>,
    filter: &Filter,
    cpus: Option<f64>,
) -> Result<Chart, QueryError> {
    let (mut lines, mut step_ms) = (Vec::new(), 0);
    for over in ["1m", "5m", "15m"] {
        let name = format!("system.cpu.load_average.{over}");
        let track = readings.gauges(&name, filter, &[]).await?;
        step_ms = track.step_ms.max(step_ms);
        lines.extend(track.lines("", &[]).into_iter().map(|line| Line {
            name: over.to_owned(),
            ..line
        }));
    }
    Ok(Chart {
        name: "load",
        unit: Unit::Cpus,
        is_stacked: false,
        limit: cpus,
        step_ms,
        lines,
    })
}

/// What is missing to the whole is free.
async fn memory(
    readings: &Readings<'_>,
    filter: &Filter,
    limit: Option<f64>,
) -> Result<Chart, QueryError> {
    let memory = readings
        .gauges("system.memory.usage", filter, &[MEMORY_STATE])
        .await?;
    let mut lines = memory.lines(MEMORY_STATE, &["used", "buffers", "cached"]);
    lines.retain(|line| line.name != "free");
    Ok(Chart {
        name: "memory",
        unit: Unit::Bytes,
        is_stacked: true,
        limit,
        step_ms: memory.step_ms,
        lines,
    })
}

/// The shares of time in which some task, or every one that had something to do, waited for a resource (pressure stall
/// information). The conventions have no name for it; this is the agent's.
async fn pressure(readings: &Readings<'_>, filter: &Filter) -> Result<Chart, QueryError> {
    const RESOURCE: &str = "system_linux_psi_resource";
    const STALL_TYPE: &str = "system_linux_psi_stall_type";
    let stalls = readings
        .rates("system.linux.psi.time", filter, &[RESOURCE, STALL_TYPE])
        .await?;
    let mut lines = Vec::new();
    for (stall_type, suffix) in [("some", ""), ("full", ", all tasks")] {
        let of_type = stalls.only(STALL_TYPE, stall_type);
        for mut line in of_type.lines(RESOURCE, &["cpu", "memory", "io"]) {
            line.name.push_str(suffix);
            lines.push(line);
        }
    }
    Ok(Chart {
        name: "pressure",
        unit: Unit::Ratio,
        is_stacked: false,
        limit: None,
        step_ms: stalls.step_ms,
        lines,
    })
}

/// Pages that came from disk or went there: those swapped, and the faults that had to wait for one.
async fn paging(readings: &Readings<'_>, filter: &Filter) -> Result<Chart, QueryError> {
    const FAULT_TYPE: &str = "system_paging_fault_type";
    const PAGING_DIRECTION: &str = "system_paging_direction";
    let swapped = readings
        .rates("system.paging.operations", filter, &[PAGING_DIRECTION])
        .await?;
    let faults = readings
        .rates("system.paging.faults", filter, &[FAULT_TYPE])
        .await?;
    let mut lines = swapped.lines(PAGING_DIRECTION, &["in", "out"]);
    for line in &mut lines {
        line.name.insert_str(0, "swapped ");
    }
    let faults = faults.only(FAULT_TYPE, "major").lines("", &[]);
    lines.extend(faults.into_iter().map(|line| Line {
        name: "major faults".to_owned(),
        ..line
    }));
    Ok(Chart {
        name: "paging",
        unit: Unit::PerSecond,
        is_stacked: false,
        limit: None,
        step_ms: swapped.step_ms,
        lines,
    })
}

/// Bytes by their direction.
fn directed(name: &'static str, tracks: &Tracks, label: &str, order: &[&str]) -> Chart {
    Chart {
        name,
        unit: Unit::BytesPerSecond,
        is_stacked: false,
        limit: None,
        step_ms: tracks.step_ms,
        lines: tracks.lines(label, order),
    }
}

async fn filesystems(
    readings: &Readings<'_>,
    filter: &Filter,
) -> Result<Vec<Filesystem>, QueryError> {
    let usage = readings
        .gauges(
            "system.filesystem.usage",
            filter,
            &[MOUNTPOINT, DEVICE, TYPE, STATE],
        )
        .await?;
    let mut by_mountpoint: BTreeMap<String, Filesystem> = BTreeMap::new();
    for (labels, points) in usage.groups() {
        let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
        let filesystem = by_mountpoint
            .entry(label(MOUNTPOINT))
            .or_insert_with(|| Filesystem {
                mountpoint: label(MOUNTPOINT),
                device: label(DEVICE),
                kind: label(TYPE),
                ..Filesystem::default()
            });
        let bytes = usage.value_of(points).unwrap_or_default();
        filesystem.limit_bytes += bytes;
        if label(STATE) == "used" {
            filesystem.used_bytes += bytes;
        }
    }
    Ok(by_mountpoint.into_values().collect())
}

async fn disks(
    readings: &Readings<'_>,
    filter: &Filter,
    io: &Tracks,
) -> Result<Vec<Disk>, QueryError> {
    let busy = readings
        .rates("system.disk.io_time", filter, &[DEVICE])
        .await?;
    let mut disks: BTreeMap<String, Disk> = BTreeMap::new();
    for (label, direction, value) in latest(io, DEVICE, DISK_DIRECTION) {
        let disk = disks.entry(label).or_default();
        match direction {
            "read" => disk.read_bytes_per_second = Some(value),
            "write" => disk.write_bytes_per_second = Some(value),
            _ => {}
        }
    }
    for (label, _, value) in latest(&busy, DEVICE, "") {
        disks.entry(label).or_default().busy_ratio = Some(value.min(1.0));
    }
    let named = disks.into_iter().map(|(name, disk)| Disk { name, ..disk });
    Ok(named.collect())
}

async fn interfaces(
    readings: &Readings<'_>,
    filter: &Filter,
    io: &Tracks,
) -> Result<Vec<Interface>, QueryError> {
    let errors = readings
        .rates("system.network.errors", filter, &[INTERFACE])
        .await?;
    let dropped = readings
        .rates("system.network.packet.dropped", filter, &[INTERFACE])
        .await?;
    let mut interfaces: BTreeMap<String, Interface> = BTreeMap::new();
    for (label, direction, value) in latest(io, INTERFACE, DIRECTION) {
        let interface = interfaces.entry(label).or_default();
        match direction {
            "receive" => interface.receive_bytes_per_second = Some(value),
            "transmit" => interface.transmit_bytes_per_second = Some(value),
            _ => {}
        }
    }
    for (label, _, value) in latest(&errors, INTERFACE, "") {
        interfaces.entry(label).or_default().errors_per_second = Some(value);
    }
    for (label, _, value) in latest(&dropped, INTERFACE, "") {
        interfaces.entry(label).or_default().dropped_per_second = Some(value);
    }
    let named = interfaces
        .into_iter()
        .map(|(name, interface)| Interface { name, ..interface });
    Ok(named.collect())
}

/// Of each group that has the label `label`: its value, that of the label `direction`, and the newest point.
fn latest<'a>(
    tracks: &'a Tracks,
    label: &'a str,
    direction: &'a str,
) -> impl Iterator<Item = (String, &'a str, f64)> {
    tracks.groups().filter_map(move |(labels, points)| {
        let direction = labels.get(direction).map_or("", String::as_str);
        Some((
            labels.get(label)?.clone(),
            direction,
            tracks.value_of(points)?,
        ))
    })
}
