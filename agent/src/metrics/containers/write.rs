//! Writes the metrics of a container.
//!
//! Names without a convention are those of the Collector's Docker stats receiver.
//! `container.memory.usage` is a counter in the conventions 1.42; it is written as an up-down counter, for memory is given back
//! too, and a counter that falls counts as a restart.

use opentelemetry_semantic_conventions::{
    attribute::{
        CPU_MODE, DISK_IO_DIRECTION, NETWORK_INTERFACE_NAME, NETWORK_IO_DIRECTION, SYSTEM_DEVICE,
        SYSTEM_PAGING_FAULT_TYPE,
    },
    metric::{
        CONTAINER_CPU_TIME, CONTAINER_CPU_USAGE, CONTAINER_DISK_IO, CONTAINER_MEMORY_AVAILABLE,
        CONTAINER_MEMORY_PAGING_FAULTS, CONTAINER_MEMORY_RSS, CONTAINER_MEMORY_USAGE,
        CONTAINER_MEMORY_WORKING_SET, CONTAINER_NETWORK_IO, CONTAINER_UPTIME,
    },
};

use super::{super::net_dev::Interface, devices::Devices, usage::Usage};
use crate::wire::metrics::{Metric, Metrics, Value::Text};

const CPU_TIME: Metric = Metric::counter(CONTAINER_CPU_TIME, "s");
const CPU_USAGE: Metric = Metric::gauge(CONTAINER_CPU_USAGE, "{cpu}");
const THROTTLED_TIME: Metric =
    Metric::counter("container.cpu.throttling_data.throttled_time", "ns");
const MEMORY_USAGE: Metric = Metric::up_down_counter(CONTAINER_MEMORY_USAGE, "By");
const MEMORY_LIMIT: Metric = Metric::up_down_counter("container.memory.usage.limit", "By");
const MEMORY_WORKING_SET: Metric = Metric::up_down_counter(CONTAINER_MEMORY_WORKING_SET, "By");
const MEMORY_AVAILABLE: Metric = Metric::up_down_counter(CONTAINER_MEMORY_AVAILABLE, "By");
const MEMORY_RSS: Metric = Metric::up_down_counter(CONTAINER_MEMORY_RSS, "By");
const PAGING_FAULTS: Metric = Metric::counter(CONTAINER_MEMORY_PAGING_FAULTS, "{fault}");
const DISK_IO: Metric = Metric::counter(CONTAINER_DISK_IO, "By");
const NETWORK_IO: Metric = Metric::counter(CONTAINER_NETWORK_IO, "By");
const PIDS: Metric = Metric::up_down_counter("container.pids.count", "{pids}");
const UPTIME: Metric = Metric::gauge(CONTAINER_UPTIME, "s");

/// What a container uses apart from its cgroups.
#[derive(Debug, Default)]
pub(super) struct Rest<'a> {
    /// How many CPUs it used since the sample before, by `cpu.mode`.
    pub(super) cpu_usage: Option<[(&'static str, f64); 2]>,
    /// Its network, unless another container is accounted for it.
    pub(super) interfaces: &'a [Interface],
    /// Since its first process was started.
    pub(super) uptime_seconds: Option<f64>,
}

/// Writes all metrics that have a value.
pub(super) fn write(metrics: &mut Metrics<'_>, usage: &Usage, rest: &Rest<'_>, devices: &Devices) {
    if let Some(cpu_time) = usage.cpu_time {
        metrics.metric(&CPU_TIME, |points| {
            for (mode, nanos) in cpu_time.modes() {
                points.double(nanos as f64 / 1e9, &[(CPU_MODE, Text(mode))]);
            }
        });
    }
    metrics.metric(&CPU_USAGE, |points| {
        for (mode, cpus) in rest.cpu_usage.iter().flatten() {
            points.double(*cpus, &[(CPU_MODE, Text(mode))]);
        }
    });
    metrics.int(&THROTTLED_TIME, usage.throttled);

    let working_set = usage.working_set();
    metrics.int(&MEMORY_USAGE, usage.memory);
    metrics.int(&MEMORY_LIMIT, usage.memory_limit);
    metrics.int(&MEMORY_WORKING_SET, working_set);
    metrics.int(
        &MEMORY_AVAILABLE,
        usage
            .memory_limit
            .zip(working_set)
            .map(|(limit, used)| limit.saturating_sub(used)),
    );
    metrics.int(&MEMORY_RSS, usage.rss);
    if let (Some(faults), Some(major)) = (usage.faults, usage.major_faults) {
        metrics.metric(&PAGING_FAULTS, |points| {
            for (kind, count) in [("minor", faults.saturating_sub(major)), ("major", major)] {
                points.int(count, &[(SYSTEM_PAGING_FAULT_TYPE, Text(kind))]);
            }
        });
    }
    metrics.metric(&DISK_IO, |points| {
        for disk in &usage.disks {
            let Some(name) = devices.name(disk.device) else {
                continue;
            };
            for (direction, bytes) in [("read", disk.read), ("write", disk.write)] {
                points.int(
                    bytes,
                    &[
                        (SYSTEM_DEVICE, Text(name)),
                        (DISK_IO_DIRECTION, Text(direction)),
                    ],
                );
            }
        }
    });
    metrics.metric(&NETWORK_IO, |points| {
        for interface in rest.interfaces {
            for (direction, traffic) in interface.directions() {
                points.int(
                    traffic.bytes,
                    &[
                        (NETWORK_INTERFACE_NAME, Text(&interface.name)),
                        (NETWORK_IO_DIRECTION, Text(direction)),
                    ],
                );
            }
        }
    });
    metrics.int(&PIDS, usage.pids);
    metrics.double(&UPTIME, rest.uptime_seconds);
}
