//! The two cores: which is whose, and how busy each was.
//!
//! Busy is what was neither idle nor waiting for a disk, by the kernel's count of the core; so it holds whatever else the
//! machine did, and what the hypervisor took.

use std::time::Instant;

use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use procfs::{CurrentSI as _, KernelStats, ticks_per_second};

use crate::Failure;

/// The core of the service.
pub(crate) const SERVICE: usize = 0;
/// The core of this program: the clients and the receiver.
pub(crate) const OWN: usize = 1;

/// Leaves the service's core to the service; to be called before there are other threads.
pub(crate) fn pin_this_process() -> Result<(), Failure> {
    pin_this_thread(OWN)
}

pub(crate) fn pin_this_thread(core: usize) -> Result<(), Failure> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &cores)?;
    Ok(())
}

/// The idle time of one core from here on.
pub(crate) struct Watch {
    core: usize,
    since: Instant,
    idle_before: f64,
}

impl Watch {
    pub(crate) fn start(core: usize) -> Result<Self, Failure> {
        Ok(Self {
            core,
            since: Instant::now(),
            idle_before: idle_seconds(core)?,
        })
    }

    /// The share of the time since the start in which it was busy, 0 to 1.
    pub(crate) fn busy(&self) -> Result<f64, Failure> {
        let idle = idle_seconds(self.core)? - self.idle_before;
        Ok(1.0 - idle / self.since.elapsed().as_secs_f64())
    }
}

fn idle_seconds(core: usize) -> Result<f64, Failure> {
    let stats = KernelStats::current()?;
    let core = stats
        .cpu_time
        .get(core)
        .ok_or_else(|| format!("/proc/stat has no core {core}: two are needed"))?;
    let ticks = core.idle + core.iowait.unwrap_or(0);
    Ok(ticks as f64 / ticks_per_second() as f64)
}
