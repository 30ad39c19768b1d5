//! Where the cgroup hierarchies are: version 2, version 1, or both at once.
//!
//! | host | sign | controllers |
//! |---|---|---|
//! | v2 | `/sys/fs/cgroup/cgroup.controllers` | all in `/sys/fs/cgroup` |
//! | v1 | `/sys/fs/cgroup/memory` and so on | one folder each, or `cpu,cpuacct` for two |
//! | hybrid | as v1, and `/sys/fs/cgroup/unified/cgroup.controllers` | those without a folder of v1 in `unified` |
//!
//! A container has the same path in every hierarchy.

use super::super::{MetricsError, view::HostView};

/// A hierarchy, by its path from the root of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hierarchy {
    V1(&'static str),
    V2(&'static str),
}

impl Hierarchy {
    /// Its path.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::V1(path) | Self::V2(path) => path,
        }
    }
}

/// The hierarchy of each controller, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hierarchies {
    /// The one to look for containers in.
    pub(super) walk: Hierarchy,
    /// CPU time.
    pub(super) cpu_time: Option<Hierarchy>,
    /// Limits of the CPU.
    pub(super) cpu: Option<Hierarchy>,
    /// Memory.
    pub(super) memory: Option<Hierarchy>,
    /// Disks.
    pub(super) io: Option<Hierarchy>,
    /// The number of processes.
    pub(super) pids: Option<Hierarchy>,
}

impl Hierarchies {
    /// Looks for them.
    pub(super) fn detect(view: &mut HostView) -> Result<Self, MetricsError> {
        const V2: &str = "sys/fs/cgroup";
        const HYBRID: &str = "sys/fs/cgroup/unified";
        let mut has = |path: &[&str]| view.resolve(path).exists();
        if has(&[V2, "cgroup.controllers"]) {
            let all = Some(Hierarchy::V2(V2));
            return Ok(Self {
                walk: Hierarchy::V2(V2),
                cpu_time: all,
                cpu: all,
                memory: all,
                io: all,
                pids: all,
            });
        }
        let v2 = has(&[HYBRID, "cgroup.controllers"]).then_some(Hierarchy::V2(HYBRID));
        let mut controller = |paths: &[&'static str]| {
            let v1 = paths.iter().find(|path| has(&[path]));
            v1.map(|path| Hierarchy::V1(path)).or(v2)
        };
        let cpu_time = controller(&[
            "sys/fs/cgroup/cpuacct",
            "sys/fs/cgroup/cpu,cpuacct",
            "sys/fs/cgroup/cpuacct,cpu",
        ]);
        let cpu = controller(&[
            "sys/fs/cgroup/cpu",
            "sys/fs/cgroup/cpu,cpuacct",
            "sys/fs/cgroup/cpuacct,cpu",
        ]);
        let memory = controller(&["sys/fs/cgroup/memory"]);
        let io = controller(&["sys/fs/cgroup/blkio"]);
        let pids = controller(&["sys/fs/cgroup/pids"]);
        let walk = memory
            .or(cpu_time)
            .or(cpu)
            .or(pids)
            .or(io)
            .ok_or(MetricsError::Format {
                path: "/sys/fs/cgroup",
                expected: "cgroup hierarchy",
            })?;
        Ok(Self {
            walk,
            cpu_time,
            cpu,
            memory,
            io,
            pids,
        })
    }
}
