//! The metrics of the host, `system.*`, from /proc.
//!
//! Sums start when the host was booted, which is taken from the uptime at the first sample and then kept, so that a
//! corrected clock does not make it look like a reset.

mod connections;
mod cpu;
mod disk;
mod filesystem;
mod load;
mod memory;
mod mounts;
mod network;
mod paging;
mod pressure;
mod processes;
mod stat;
#[cfg(test)]
pub(super) mod tests;

use std::{path::PathBuf, sync::Arc};

pub(super) use self::{
    cpu::ticks_per_second,
    load::{boot, uptime_seconds},
};
use super::{MetricsError, error::Warned, view::HostView};
use crate::wire::metrics::{Times, agent_scope, resource_metrics};

/// What to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where the host's `/` is: `/`, or the folder it is mounted at in the agent's container.
    pub root: PathBuf,
    /// Whether CPU time and utilization are given for each logical CPU, by `cpu.logical_number`, instead of for all together.
    pub is_per_cpu: bool,
}

/// Samples the host.
#[derive(Debug)]
pub struct Host {
    view: HostView,
    resource: Arc<[u8]>,
    scope: Vec<u8>,
    boot_unix_nano: Option<u64>,
    cpu: cpu::Cpu,
    warned: Warned,
}

impl Host {
    /// `resource` are the encoded fields of the host's `Resource`.
    pub fn new(settings: &Settings, resource: Arc<[u8]>) -> Self {
        Self {
            view: HostView::new(&settings.root),
            resource,
            scope: agent_scope(),
            boot_unix_nano: None,
            cpu: cpu::Cpu::new(settings.is_per_cpu),
            warned: Warned::default(),
        }
    }

    /// Appends the host's `ResourceMetrics` to an `ExportMetricsServiceRequest`.
    pub fn sample(&mut self, now_unix_nano: u64, out: &mut Vec<u8>) {
        let view = &mut self.view;
        let uptime = load::uptime_seconds(view);
        let boot_unix_nano = *self
            .boot_unix_nano
            .get_or_insert_with(|| load::boot(now_unix_nano, uptime.as_ref().ok().copied()));
        let times = Times {
            start_unix_nano: boot_unix_nano.min(now_unix_nano),
            now_unix_nano,
        };
        resource_metrics(out, &self.resource, &self.scope, times, |metrics| {
            let mut check = |family, result| self.warned.check(family, result);
            check(
                "uptime",
                uptime.map(|uptime| load::write_uptime(metrics, uptime)),
            );
            check(
                "cpu",
                stat::read(view).map(|stat| self.cpu.write(metrics, &stat)),
            );
            check("load", load::sample(view, metrics));
            check("memory", memory::sample(view, metrics));
            check("disk", disk::sample(view, metrics));
            check("filesystem", filesystem::sample(view, metrics));
            check("network", network::sample(view, metrics));
            check("connections", connections::sample(view, metrics));
            check("paging", paging::sample_operations(view, metrics));
            check("swap", paging::sample_usage(view, metrics));
            check("processes", processes::sample(view, metrics));
            check("pressure", pressure::sample(view, metrics));
        });
    }
}

/// Turns what was not found in a file that was read into the error that says so.
fn expect<T>(
    value: Option<T>,
    path: &'static str,
    expected: &'static str,
) -> Result<T, MetricsError> {
    value.ok_or(MetricsError::Format { path, expected })
}
