//! `/proc/loadavg` and `/proc/uptime`.
//!
//! The conventions have no name for the load; these are the ones of the Collector's host metrics receiver.

use opentelemetry_semantic_conventions::metric::SYSTEM_UPTIME;

use super::expect;
use crate::{
    metrics::{
        MetricsError,
        text::{fields, fraction},
        view::HostView,
    },
    wire::metrics::{Metric, Metrics},
};

const LOAD_AVERAGE: [Metric; 3] = [
    Metric::gauge("system.cpu.load_average.1m", "{thread}"),
    Metric::gauge("system.cpu.load_average.5m", "{thread}"),
    Metric::gauge("system.cpu.load_average.15m", "{thread}"),
];
const UPTIME: Metric = Metric::gauge(SYSTEM_UPTIME, "s");

/// Writes the averages of the threads that run or wait to, over 1, 5 and 15 minutes.
pub(super) fn sample(view: &mut HostView, metrics: &mut Metrics<'_>) -> Result<(), MetricsError> {
    let mut load = None;
    view.lines(&["proc/loadavg"], |line| {
        load = load.or_else(|| load_average(line));
    })?;
    let load = expect(load, "/proc/loadavg", "three averages")?;
    for (metric, average) in LOAD_AVERAGE.iter().zip(load) {
        metrics.double(metric, Some(average));
    }
    Ok(())
}

/// How long the host has been up.
pub(in crate::metrics) fn uptime_seconds(view: &mut HostView) -> Result<f64, MetricsError> {
    let mut uptime = None;
    view.lines(&["proc/uptime"], |line| {
        uptime = uptime.or_else(|| fraction(fields(line).next()?));
    })?;
    expect(uptime, "/proc/uptime", "number of seconds")
}

/// When the host was booted, as far as that is known; else now.
pub(in crate::metrics) fn boot(now_unix_nano: u64, uptime_seconds: Option<f64>) -> u64 {
    let uptime_nanos = uptime_seconds.unwrap_or_default() * 1e9;
    now_unix_nano.saturating_sub(uptime_nanos as u64)
}

pub(super) fn write_uptime(metrics: &mut Metrics<'_>, uptime_seconds: f64) {
    metrics.double(&UPTIME, Some(uptime_seconds));
}

fn load_average(line: &[u8]) -> Option<[f64; 3]> {
    let mut fields = fields(line);
    let mut load = [0.0; 3];
    for average in &mut load {
        *average = fraction(fields.next()?)?;
    }
    Some(load)
}
