//! Host and container metrics from /proc and cgroups, as OTLP.
//!
//! `HostView → parse → snapshot → wire`: every file is read once for each sample, through one buffer, and all metrics of a
//! sample carry the same time. Names, units and attributes are those of the semantic conventions 1.42 where they have one;
//! the table in `docs/metrics.md` lists every metric with its source.
//!
//! A family of metrics whose files can't be read or understood is left out and warned about once; the others go on.
//!
//! # Known limitations
//! - The network and the mounts are those of process 1. With a host mounted at another root, the /proc there must be the
//!   host's and must not hide process 1 (`hidepid`).
//! - Containers are matched to processes by process id; without the host's process namespace (`hostPID: true`) a container
//!   has no uptime and no network.

pub mod containers;
pub mod host;

mod error;
#[cfg(test)]
mod fixture;
mod net_dev;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use error::MetricsError;
