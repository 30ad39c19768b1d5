//! The metrics of every container on the host, `container.*`, from its cgroups and the network of its first process.
//!
//! `find cgroups → first process → usage → wire`, without a container runtime being asked.
//!
//! Sums start when the first process was started; when that can't be known, when the container was first seen. A container
//! that was started again has another cgroup, and so another start.
//!
//! Containers may share a network, as those of a pod do: its traffic is given once, with the container that was started
//! first. A container in the host's network has none of its own.

mod devices;
mod discover;
mod hierarchies;
mod init;
#[cfg(test)]
pub(super) mod tests;
mod usage;
mod write;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use opentelemetry_semantic_conventions::attribute::CONTAINER_ID;

use self::{
    devices::Devices,
    discover::Found,
    hierarchies::Hierarchies,
    usage::{CpuTime, Usage},
    write::Rest,
};
use super::{
    MetricsError,
    error::Warned,
    host::{boot, ticks_per_second, uptime_seconds},
    net_dev::{Interface, interface},
    view::HostView,
};
use crate::wire::{
    attributes::{OF_RESOURCE, string},
    metrics::{Times, agent_scope, resource_metrics},
};

/// Samples the containers.
#[derive(Debug)]
pub struct Containers {
    view: HostView,
    host_resource: Arc<[u8]>,
    scope: Vec<u8>,
    nanos_per_tick: f64,
    /// By id.
    tracked: BTreeMap<String, Tracked>,
    devices: Devices,
    warned: Warned,
    /// The resource of a container that nothing else is known about.
    plain_resource: Vec<u8>,
}

/// A container since it was first seen.
#[derive(Debug)]
struct Tracked {
    path: String,
    inode: u64,
    is_seen: bool,
    start_unix_nano: u64,
    /// Whether the start is that of the first process.
    is_start_known: bool,
    /// When the CPU time was read before, and what it was.
    before: Option<(u64, CpuTime)>,
    /// Its first process, and the network of that.
    process: Option<(String, u64)>,
    has_own_network: bool,
}

impl Containers {
    /// `root` is where the host's `/` is; `host_resource` are the encoded fields of the host's `Resource`.
    pub fn new(root: &Path, host_resource: Arc<[u8]>) -> Self {
        Self {
            view: HostView::new(root),
            host_resource,
            scope: agent_scope(),
            nanos_per_tick: 1e9 / ticks_per_second(),
            tracked: BTreeMap::new(),
            devices: Devices::default(),
            warned: Warned::default(),
            plain_resource: Vec::new(),
        }
    }

    /// Appends a `ResourceMetrics` for each container to an `ExportMetricsServiceRequest`. `resource_of` gives the encoded
    /// fields of the `Resource` of a container by its id; without it is the host's with `container.id`.
    pub fn sample(
        &mut self,
        now_unix_nano: u64,
        resource_of: &dyn Fn(&str) -> Option<Arc<[u8]>>,
        out: &mut Vec<u8>,
    ) {
        let found = Hierarchies::detect(&mut self.view).and_then(|hierarchies| {
            let found = discover::find(&mut self.view, hierarchies.walk.path())?;
            Ok((hierarchies, found))
        });
        match found {
            Ok((hierarchies, found)) => {
                self.follow(found, now_unix_nano, &hierarchies);
                self.assign_networks();
                self.write(now_unix_nano, &hierarchies, resource_of, out);
            }
            Err(error) => self.warned.check("containers", Err(error)),
        }
    }

    /// Keeps what is known about the containers that are still there, and learns about the new ones.
    fn follow(&mut self, found: Vec<Found>, now_unix_nano: u64, hierarchies: &Hierarchies) {
        let uptime = uptime_seconds(&mut self.view);
        let boot_unix_nano = uptime
            .as_ref()
            .ok()
            .map(|uptime| boot(now_unix_nano, Some(*uptime)));
        self.warned.check("container uptime", uptime.map(drop));
        for tracked in self.tracked.values_mut() {
            tracked.is_seen = false;
        }
        for Found { id, path, inode } in found {
            let view = &mut self.view;
            let pid = init::first_process(view, &[hierarchies.walk.path(), &path])
                .map(|pid| pid.to_string());
            let is_known = self
                .tracked
                .get(&id)
                .is_some_and(|known| known.inode == inode);
            if !is_known {
                let start_ticks = pid.as_ref().and_then(|pid| init::start_ticks(view, pid));
                let start_unix_nano = boot_unix_nano.zip(start_ticks).map(|(boot, ticks)| {
                    boot.saturating_add((ticks as f64 * self.nanos_per_tick) as u64)
                });
                self.tracked.insert(
                    id.clone(),
                    Tracked {
                        path,
                        inode,
                        is_seen: true,
                        start_unix_nano: start_unix_nano.unwrap_or(now_unix_nano),
                        is_start_known: start_unix_nano.is_some(),
                        before: None,
                        process: None,
                        has_own_network: false,
                    },
                );
            }
            let Some(tracked) = self.tracked.get_mut(&id) else {
                continue;
            };
            tracked.is_seen = true;
            tracked.process = pid.and_then(|pid| {
                let process = format!("proc/{pid}");
                let network = init::network(view, &process)?;
                Some((process, network))
            });
        }
        self.tracked.retain(|_, tracked| tracked.is_seen);
    }

    /// Gives each network to the container that was started first in it.
    fn assign_networks(&mut self) {
        let host_process = self.view.host_process();
        let host = init::network(&mut self.view, host_process);
        let mut users: Vec<(u64, &mut Tracked)> = self
            .tracked
            .values_mut()
            .filter_map(|tracked| {
                tracked.has_own_network = false;
                let (_, network) = tracked.process.as_ref()?;
                Some((*network, tracked))
            })
            .collect();
        users.sort_by_key(|(network, tracked)| (*network, tracked.start_unix_nano));
        let mut taken = None;
        for (network, tracked) in users {
            tracked.has_own_network = Some(network) != host && Some(network) != taken;
            taken = Some(network);
        }
    }

    fn write(
        &mut self,
        now_unix_nano: u64,
        hierarchies: &Hierarchies,
        resource_of: &dyn Fn(&str) -> Option<Arc<[u8]>>,
        out: &mut Vec<u8>,
    ) {
        let mut are_devices_new = false;
        for (id, tracked) in &mut self.tracked {
            let usage = Usage::read(
                &mut self.view,
                hierarchies,
                &tracked.path,
                self.nanos_per_tick,
                &mut self.warned,
            );
            if usage.is_gone() {
                continue;
            }
            let mut disks = usage.disks.iter();
            if !are_devices_new && disks.any(|disk| self.devices.name(disk.device).is_none()) {
                are_devices_new = true;
                self.warned
                    .check("container disk", self.devices.refresh(&mut self.view));
            }
            let interfaces = match tracked.interfaces(&mut self.view) {
                Err(error) if !error.is_gone() => {
                    self.warned.check("container network", Err(error));
                    Vec::new()
                }
                interfaces => interfaces.unwrap_or_default(),
            };
            let rest = Rest {
                cpu_usage: tracked.cpu_usage(now_unix_nano, usage.cpu_time),
                interfaces: &interfaces,
                uptime_seconds: tracked.uptime_seconds(now_unix_nano),
            };
            let times = Times {
                start_unix_nano: tracked.start_unix_nano.min(now_unix_nano),
                now_unix_nano,
            };
            let known_resource = resource_of(id);
            let resource = if let Some(resource) = &known_resource {
                resource
            } else {
                self.plain_resource.clear();
                self.plain_resource.extend_from_slice(&self.host_resource);
                string(&mut self.plain_resource, OF_RESOURCE, CONTAINER_ID, id);
                self.plain_resource.as_slice()
            };
            resource_metrics(out, resource, &self.scope, times, |metrics| {
                write::write(metrics, &usage, &rest, &self.devices);
            });
        }
    }
}

impl Tracked {
    /// How many CPUs it used since the sample before.
    fn cpu_usage(
        &mut self,
        now_unix_nano: u64,
        cpu_time: Option<CpuTime>,
    ) -> Option<[(&'static str, f64); 2]> {
        let now = cpu_time?;
        let (before_unix_nano, before) = self.before.replace((now_unix_nano, now))?;
        let elapsed = now_unix_nano.checked_sub(before_unix_nano)?;
        if elapsed == 0 {
            return None;
        }
        let cpus = |now: u64, before: u64| now.saturating_sub(before) as f64 / elapsed as f64;
        Some([
            ("user", cpus(now.user, before.user)),
            ("system", cpus(now.system, before.system)),
        ])
    }

    fn uptime_seconds(&self, now_unix_nano: u64) -> Option<f64> {
        let nanos = now_unix_nano.saturating_sub(self.start_unix_nano);
        self.is_start_known.then_some(nanos as f64 / 1e9)
    }

    fn interfaces(&self, view: &mut HostView) -> Result<Vec<Interface>, MetricsError> {
        let mut interfaces = Vec::new();
        if let Some((process, _)) = &self.process
            && self.has_own_network
        {
            view.lines(&[process, "net/dev"], |line| {
                interfaces.extend(interface(line).filter(|interface| interface.name != "lo"));
            })?;
        }
        Ok(interfaces)
    }
}
