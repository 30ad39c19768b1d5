//! What a container uses, read from its cgroups.
//!
//! | | v2 | v1 |
//! |---|---|---|
//! | CPU time | `cpu.stat`: `user_usec`, `system_usec` | `cpuacct.stat`: `user`, `system`, in clock ticks |
//! | throttled | `cpu.stat`: `throttled_usec` if `nr_periods` is not 0 | `cpu.stat`: `throttled_time`, in ns, likewise |
//! | memory in use | `memory.current` | `memory.usage_in_bytes` |
//! | its limit | `memory.max`, or `max` | `memory.stat`: `hierarchical_memory_limit`, or nearly 2⁶³ |
//! | its parts, faults | `memory.stat`: `anon`, `inactive_file`, `pgfault`, `pgmajfault` | `memory.stat`: `total_rss`, `total_inactive_file`, `total_pgfault`, `total_pgmajfault` |
//! | disks | `io.stat`: `8:0 rbytes=1 wbytes=2 …` | `blkio.throttle.io_service_bytes_recursive`: `8:0 Read 1` |
//! | processes | `pids.current` | `pids.current` |

use super::{
    super::{
        MetricsError,
        error::Warned,
        text::{device_number, fields, number, number_after},
        view::HostView,
    },
    hierarchies::{Hierarchies, Hierarchy},
};

/// Version 1 says "no limit" by the greatest multiple of its page size, which differs; no host has that much.
const NO_LIMIT: u64 = 1 << 62;

/// CPU time in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CpuTime {
    pub(super) user: u64,
    pub(super) system: u64,
}

impl CpuTime {
    /// Both with their `cpu.mode`.
    pub(super) fn modes(self) -> [(&'static str, u64); 2] {
        [("user", self.user), ("system", self.system)]
    }
}

/// Bytes read from and written to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DiskIo {
    /// Major and minor.
    pub(super) device: (u32, u32),
    pub(super) read: u64,
    pub(super) write: u64,
}

/// What was found; what has no value has no controller, or its container is gone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) cpu_time: Option<CpuTime>,
    /// For how long a limit of the CPU held it, in nanoseconds; `None` without a limit.
    pub(super) throttled: Option<u64>,
    /// In bytes, as all of the memory.
    pub(super) memory: Option<u64>,
    pub(super) memory_limit: Option<u64>,
    pub(super) rss: Option<u64>,
    pub(super) inactive_file: Option<u64>,
    pub(super) faults: Option<u64>,
    pub(super) major_faults: Option<u64>,
    pub(super) pids: Option<u64>,
    pub(super) disks: Vec<DiskIo>,
}

impl Usage {
    /// Reads the usage of the container whose cgroup is at `path` in each hierarchy.
    pub(super) fn read(
        view: &mut HostView,
        hierarchies: &Hierarchies,
        path: &str,
        nanos_per_tick: f64,
        warned: &mut Warned,
    ) -> Self {
        let mut usage = Self::default();
        let mut check = |family, result: Result<(), MetricsError>| match result {
            Err(error) if error.is_gone() => {}
            result => warned.check(family, result),
        };
        check(
            "container cpu",
            usage.read_cpu(view, hierarchies, path, nanos_per_tick),
        );
        if let Some(hierarchy) = hierarchies.memory {
            check("container memory", usage.read_memory(view, hierarchy, path));
        }
        if let Some(hierarchy) = hierarchies.io {
            check("container disk", usage.read_disks(view, hierarchy, path));
        }
        if let Some(hierarchy) = hierarchies.pids {
            check(
                "container pids",
                one_number(view, &[hierarchy.path(), path, "pids.current"])
                    .map(|pids| usage.pids = pids),
            );
        }
        usage
    }

    /// Whether nothing was found, as after the container's end.
    pub(super) fn is_gone(&self) -> bool {
        self.cpu_time.is_none() && self.memory.is_none() && self.pids.is_none()
    }

    /// What can't be given back at once when memory is short, as Kubernetes reckons it.
    pub(super) fn working_set(&self) -> Option<u64> {
        Some(self.memory?.saturating_sub(self.inactive_file?))
    }

    fn read_cpu(
        &mut self,
        view: &mut HostView,
        hierarchies: &Hierarchies,
        path: &str,
        nanos_per_tick: f64,
    ) -> Result<(), MetricsError> {
        let [mut user, mut system, mut periods, mut throttled] = [None; 4];
        if let Some(Hierarchy::V1(hierarchy)) = hierarchies.cpu_time {
            let nanos = |ticks| (ticks as f64 * nanos_per_tick) as u64;
            view.lines(&[hierarchy, path, "cpuacct.stat"], |line| {
                user = user.or_else(|| number_after(line, b"user").map(nanos));
                system = system.or_else(|| number_after(line, b"system").map(nanos));
            })?;
        }
        let nanos = |microseconds: u64| microseconds.saturating_mul(1000);
        if let Some(Hierarchy::V2(hierarchy)) = hierarchies.cpu_time {
            view.lines(&[hierarchy, path, "cpu.stat"], |line| {
                user = user.or_else(|| number_after(line, b"user_usec").map(nanos));
                system = system.or_else(|| number_after(line, b"system_usec").map(nanos));
                periods = periods.or_else(|| number_after(line, b"nr_periods"));
                throttled = throttled.or_else(|| number_after(line, b"throttled_usec").map(nanos));
            })?;
        }
        self.cpu_time = user
            .zip(system)
            .map(|(user, system)| CpuTime { user, system });
        if let Some(Hierarchy::V1(hierarchy)) = hierarchies.cpu {
            view.lines(&[hierarchy, path, "cpu.stat"], |line| {
                periods = periods.or_else(|| number_after(line, b"nr_periods"));
                throttled = throttled.or_else(|| number_after(line, b"throttled_time"));
            })?;
        }
        self.throttled = throttled.filter(|_| periods.is_some_and(|periods| periods > 0));
        Ok(())
    }

    fn read_memory(
        &mut self,
        view: &mut HostView,
        hierarchy: Hierarchy,
        path: &str,
    ) -> Result<(), MetricsError> {
        let (in_use, keys) = match hierarchy {
            Hierarchy::V1(_) => (
                "memory.usage_in_bytes",
                [
                    "total_rss",
                    "total_inactive_file",
                    "total_pgfault",
                    "total_pgmajfault",
                ],
            ),
            Hierarchy::V2(_) => (
                "memory.current",
                ["anon", "inactive_file", "pgfault", "pgmajfault"],
            ),
        };
        self.memory = one_number(view, &[hierarchy.path(), path, in_use])?;
        let [rss, inactive_file, faults, major_faults] = keys;
        let mut limit = None;
        view.lines(&[hierarchy.path(), path, "memory.stat"], |line| {
            for (value, key) in [
                (&mut self.rss, rss),
                (&mut self.inactive_file, inactive_file),
                (&mut self.faults, faults),
                (&mut self.major_faults, major_faults),
                (&mut limit, "hierarchical_memory_limit"),
            ] {
                if value.is_none() {
                    *value = number_after(line, key.as_bytes());
                }
            }
        })?;
        self.memory_limit = match hierarchy {
            Hierarchy::V1(_) => limit.filter(|limit| *limit < NO_LIMIT),
            Hierarchy::V2(_) => one_number(view, &[hierarchy.path(), path, "memory.max"])?,
        };
        Ok(())
    }

    fn read_disks(
        &mut self,
        view: &mut HostView,
        hierarchy: Hierarchy,
        path: &str,
    ) -> Result<(), MetricsError> {
        match hierarchy {
            Hierarchy::V2(hierarchy) => view.lines(&[hierarchy, path, "io.stat"], |line| {
                self.disks.extend(io_stat(line));
            }),
            Hierarchy::V1(hierarchy) => {
                let file = "blkio.throttle.io_service_bytes_recursive";
                view.lines(&[hierarchy, path, file], |line| {
                    let Some((device, is_write, bytes)) = service_bytes(line) else {
                        return;
                    };
                    let known = self.disks.iter_mut().find(|disk| disk.device == device);
                    let (read, write) = if is_write { (0, bytes) } else { (bytes, 0) };
                    match known {
                        Some(disk) => {
                            disk.read = disk.read.max(read);
                            disk.write = disk.write.max(write);
                        }
                        None => self.disks.push(DiskIo {
                            device,
                            read,
                            write,
                        }),
                    }
                })
            }
        }
    }
}

/// The number that a file consists of; `None` for `max`.
fn one_number(view: &mut HostView, parts: &[&str]) -> Result<Option<u64>, MetricsError> {
    let mut value = None;
    view.lines(parts, |line| value = value.or_else(|| number(line)))?;
    Ok(value)
}

/// `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`
fn io_stat(line: &[u8]) -> Option<DiskIo> {
    let mut fields = fields(line);
    let device = device_number(fields.next()?)?;
    let [mut read, mut write] = [None; 2];
    for field in fields {
        if let Some(bytes) = field.strip_prefix(b"rbytes=") {
            read = number(bytes);
        } else if let Some(bytes) = field.strip_prefix(b"wbytes=") {
            write = number(bytes);
        }
    }
    Some(DiskIo {
        device,
        read: read?,
        write: write?,
    })
}

/// `8:0 Read 4096`: the disk, whether it was written to, and how many bytes. Other words than `Read` and `Write` count the
/// same bytes in another way.
fn service_bytes(line: &[u8]) -> Option<((u32, u32), bool, u64)> {
    let mut fields = fields(line);
    let device = device_number(fields.next()?)?;
    let is_write = match fields.next()? {
        b"Read" => false,
        b"Write" => true,
        _ => return None,
    };
    Some((device, is_write, number(fields.next()?)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_disk_of_version_2_without_counters_is_none() {
        assert_eq!(io_stat(b"8:0 "), None);
        assert_eq!(
            io_stat(b"8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0"),
            Some(DiskIo {
                device: (8, 0),
                read: 1,
                write: 2
            })
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..80), text in "[0-9]{1,12}:[0-9]{1,12} (Read|rbytes=|wbytes=)[0-9 ]{0,30}") {
            for line in [line.as_slice(), text.as_bytes()] {
                let _ = (io_stat(line), service_bytes(line));
            }
        }
    }
}
