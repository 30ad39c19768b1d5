//! `/proc/meminfo`: how the memory is used.
//!
//! The states `used`, `free`, `cached` and `buffers` add up to the limit. As `free` of procps has it, what the kernel can give
//! back of its slabs counts as cached, and used is what is left.

use opentelemetry_semantic_conventions::{
    attribute::{SYSTEM_MEMORY_LINUX_SLAB_STATE, SYSTEM_MEMORY_STATE},
    metric::{
        SYSTEM_MEMORY_LIMIT, SYSTEM_MEMORY_LINUX_AVAILABLE, SYSTEM_MEMORY_LINUX_SHARED,
        SYSTEM_MEMORY_LINUX_SLAB_USAGE, SYSTEM_MEMORY_USAGE, SYSTEM_MEMORY_UTILIZATION,
    },
};

use super::expect;
use crate::{
    metrics::{
        MetricsError,
        text::{fields, number},
        view::HostView,
    },
    wire::metrics::{Metric, Metrics, Value::Text},
};

const USAGE: Metric = Metric::up_down_counter(SYSTEM_MEMORY_USAGE, "By");
const UTILIZATION: Metric = Metric::gauge(SYSTEM_MEMORY_UTILIZATION, "1");
const LIMIT: Metric = Metric::up_down_counter(SYSTEM_MEMORY_LIMIT, "By");
const AVAILABLE: Metric = Metric::up_down_counter(SYSTEM_MEMORY_LINUX_AVAILABLE, "By");
const SHARED: Metric = Metric::up_down_counter(SYSTEM_MEMORY_LINUX_SHARED, "By");
const SLAB_USAGE: Metric = Metric::up_down_counter(SYSTEM_MEMORY_LINUX_SLAB_USAGE, "By");

/// In bytes.
#[derive(Debug, Default)]
struct Memory {
    total: Option<u64>,
    free: Option<u64>,
    available: Option<u64>,
    buffers: Option<u64>,
    cached: Option<u64>,
    shared: Option<u64>,
    slab_reclaimable: Option<u64>,
    slab_unreclaimable: Option<u64>,
}

/// Writes the memory metrics.
pub(super) fn sample(view: &mut HostView, metrics: &mut Metrics<'_>) -> Result<(), MetricsError> {
    let mut memory = Memory::default();
    view.lines(&["proc/meminfo"], |line| memory.line(line))?;
    let total = expect(memory.total, "/proc/meminfo", "MemTotal")?;
    let free = expect(memory.free, "/proc/meminfo", "MemFree")?.min(total);
    let buffers = memory.buffers.unwrap_or_default().min(total - free);
    let cached = memory
        .cached
        .unwrap_or_default()
        .saturating_add(memory.slab_reclaimable.unwrap_or_default())
        .min(total - free - buffers);
    let states = [
        ("used", total - free - buffers - cached),
        ("free", free),
        ("cached", cached),
        ("buffers", buffers),
    ];

    metrics.int(&LIMIT, Some(total));
    metrics.metric(&USAGE, |points| {
        for (state, bytes) in states {
            points.int(bytes, &[(SYSTEM_MEMORY_STATE, Text(state))]);
        }
    });
    if total > 0 {
        metrics.metric(&UTILIZATION, |points| {
            for (state, bytes) in states {
                let share = bytes as f64 / total as f64;
                points.double(share, &[(SYSTEM_MEMORY_STATE, Text(state))]);
            }
        });
    }
    metrics.int(&AVAILABLE, memory.available);
    metrics.int(&SHARED, memory.shared);
    metrics.metric(&SLAB_USAGE, |points| {
        for (state, bytes) in [
            ("reclaimable", memory.slab_reclaimable),
            ("unreclaimable", memory.slab_unreclaimable),
        ] {
            if let Some(bytes) = bytes {
                points.int(bytes, &[(SYSTEM_MEMORY_LINUX_SLAB_STATE, Text(state))]);
            }
        }
    });
    Ok(())
}

impl Memory {
    /// `MemTotal:       24684084 kB`
    fn line(&mut self, line: &[u8]) {
        let mut fields = fields(line);
        let value = match fields.next() {
            Some(b"MemTotal:") => &mut self.total,
            Some(b"MemFree:") => &mut self.free,
            Some(b"MemAvailable:") => &mut self.available,
            Some(b"Buffers:") => &mut self.buffers,
            Some(b"Cached:") => &mut self.cached,
            Some(b"Shmem:") => &mut self.shared,
            Some(b"SReclaimable:") => &mut self.slab_reclaimable,
            Some(b"SUnreclaim:") => &mut self.slab_unreclaimable,
            _ => return,
        };
        *value = fields
            .next()
            .and_then(number)
            .and_then(|kibibytes| kibibytes.checked_mul(1024));
    }
}
