//! The space of each local filesystem, by `statvfs`.
//!
//! The states `used`, `free` (to anyone) and `reserved` (to root) add up to the limit.
//!
//! # Known limitations
//! `statvfs` waits for as long as the kernel does: a local disk that hangs, or one mounted below a network folder that
//! hangs, holds this sample up.

use std::{fs, os::unix::fs::MetadataExt as _};

use nix::sys::statvfs::statvfs;
use opentelemetry_semantic_conventions::{
    attribute::{
        SYSTEM_DEVICE, SYSTEM_FILESYSTEM_MODE, SYSTEM_FILESYSTEM_MOUNTPOINT,
        SYSTEM_FILESYSTEM_STATE, SYSTEM_FILESYSTEM_TYPE,
    },
    metric::{SYSTEM_FILESYSTEM_LIMIT, SYSTEM_FILESYSTEM_USAGE, SYSTEM_FILESYSTEM_UTILIZATION},
};

use super::mounts::{self, Mount};
use crate::{
    metrics::{MetricsError, view::HostView},
    wire::metrics::{
        Metric, Metrics,
        Value::{self, Text},
    },
};

const USAGE: Metric = Metric::up_down_counter(SYSTEM_FILESYSTEM_USAGE, "By");
const LIMIT: Metric = Metric::up_down_counter(SYSTEM_FILESYSTEM_LIMIT, "By");
const UTILIZATION: Metric = Metric::gauge(SYSTEM_FILESYSTEM_UTILIZATION, "1");

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Space {
    limit: u64,
    used: u64,
    free: u64,
    reserved: u64,
}

impl Space {
    /// From blocks of `block_bytes`; `None` if there are none.
    fn new(block_bytes: u64, blocks: u64, free: u64, available: u64) -> Option<Self> {
        let bytes = |blocks: u64| blocks.saturating_mul(block_bytes);
        let free = free.min(blocks);
        let available = available.min(free);
        (bytes(blocks) > 0).then(|| Self {
            limit: bytes(blocks),
            used: bytes(blocks - free),
            free: bytes(available),
            reserved: bytes(free - available),
        })
    }

    fn states(&self) -> [(&'static str, u64); 3] {
        [
            ("used", self.used),
            ("free", self.free),
            ("reserved", self.reserved),
        ]
    }
}

/// Writes the filesystem metrics. One that the agent may not or can't look at is left out.
pub(super) fn sample(view: &mut HostView, metrics: &mut Metrics<'_>) -> Result<(), MetricsError> {
    let mut filesystems = Vec::new();
    for mount in mounts::local(view)? {
        let path = view.resolve(&[mount.point.trim_start_matches('/')]);
        if !fs::metadata(path).is_ok_and(|metadata| mount.holds(metadata.dev())) {
            continue;
        }
        let Ok(stat) = statvfs(path) else { continue };
        if let Some(space) = Space::new(
            stat.fragment_size(),
            stat.blocks(),
            stat.blocks_free(),
            stat.blocks_available(),
        ) {
            filesystems.push((mount, space));
        }
    }
    metrics.metric(&LIMIT, |points| {
        for (mount, space) in &filesystems {
            points.int(space.limit, &mount.attributes());
        }
    });
    metrics.metric(&USAGE, |points| {
        for (mount, space) in &filesystems {
            for (state, bytes) in space.states() {
                points.int(bytes, &with_state(mount, state));
            }
        }
    });
    metrics.metric(&UTILIZATION, |points| {
        for (mount, space) in &filesystems {
            for (state, bytes) in space.states() {
                points.double(bytes as f64 / space.limit as f64, &with_state(mount, state));
            }
        }
    });
    Ok(())
}

impl Mount {
    fn attributes(&self) -> [(&'static str, Value<'_>); 4] {
        [
            (SYSTEM_DEVICE, Text(&self.device)),
            (SYSTEM_FILESYSTEM_MODE, Text(self.mode)),
            (SYSTEM_FILESYSTEM_MOUNTPOINT, Text(&self.point)),
            (SYSTEM_FILESYSTEM_TYPE, Text(&self.kind)),
        ]
    }
}

fn with_state<'a>(mount: &'a Mount, state: &'a str) -> [(&'static str, Value<'a>); 5] {
    let [device, mode, point, kind] = mount.attributes();
    [
        device,
        mode,
        point,
        kind,
        (SYSTEM_FILESYSTEM_STATE, Text(state)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_free_and_reserved_add_up_to_the_limit() {
        let space = Space::new(4096, 100, 30, 25).unwrap();
        assert_eq!(
            space,
            Space {
                limit: 409_600,
                used: 70 * 4096,
                free: 25 * 4096,
                reserved: 5 * 4096,
            }
        );
        assert_eq!(Space::new(4096, 0, 0, 0), None);
        // More is said to be free than there is.
        assert_eq!(Space::new(1, 10, 20, 15).unwrap().used, 0);
    }
}
