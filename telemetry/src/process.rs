//! Metrics of the process: `process.*` as in the semantic conventions, read from /proc at each collection; elsewhere than
//! on Linux they are absent.
//!
//! <https://opentelemetry.io/docs/specs/semconv/system/process-metrics/>

use std::time::Instant;

use opentelemetry::{KeyValue, global, metrics::Meter};
use procfs::process::{Process, Stat};

fn stat() -> Option<Stat> {
    Process::myself().ok()?.stat().ok()
}

/// Registers the instruments with the global meter provider, for the life of the process.
pub(crate) fn observe() {
    let meter = &global::meter("trivium-telemetry");
    let started = Instant::now();
    meter
        .f64_observable_gauge("process.uptime")
        .with_unit("s")
        .with_description("The time the process has been running.")
        .with_callback(move |observer| observer.observe(started.elapsed().as_secs_f64(), &[]))
        .build();
    meter
        .f64_observable_counter("process.cpu.time")
        .with_unit("s")
        .with_description("CPU time of the process, by mode.")
        .with_callback(|observer| {
            let ticks_per_second = procfs::ticks_per_second() as f64;
            if let Some(stat) = stat() {
                for (mode, ticks) in [("user", stat.utime), ("system", stat.stime)] {
                    let seconds = ticks as f64 / ticks_per_second;
                    observer.observe(seconds, &[KeyValue::new("cpu.mode", mode)]);
                }
            }
        })
        .build();
    observe_stat(
        meter,
        "process.memory.usage",
        "By",
        "Physical memory in use.",
        |stat| i64::try_from(stat.rss.saturating_mul(procfs::page_size())).ok(),
    );
    observe_stat(
        meter,
        "process.memory.virtual",
        "By",
        "Virtual memory.",
        |stat| i64::try_from(stat.vsize).ok(),
    );
    observe_stat(
        meter,
        "process.thread.count",
        "{thread}",
        "Threads.",
        |stat| Some(stat.num_threads),
    );
    observe_stat(
        meter,
        "process.unix.file_descriptor.count",
        "{file_descriptor}",
        "Open file descriptors.",
        |_| i64::try_from(Process::myself().ok()?.fd_count().ok()?).ok(),
    );
}

fn observe_stat(
    meter: &Meter,
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    value: fn(&Stat) -> Option<i64>,
) {
    meter
        .i64_observable_up_down_counter(name)
        .with_unit(unit)
        .with_description(description)
        .with_callback(move |observer| {
            if let Some(value) = stat().as_ref().and_then(value) {
                observer.observe(value, &[]);
            }
        })
        .build();
}
