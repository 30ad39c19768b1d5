//! Metrics of the process and of the Tokio runtime that `init` was called in.
//!
//! `process.*` as in the semantic conventions, read from /proc at each collection; elsewhere than on Linux they are
//! absent. There is no convention for Tokio: the names are those of opentelemetry-instrumentation-tokio.
//!
//! <https://opentelemetry.io/docs/specs/semconv/system/process-metrics/>

use std::time::Instant;

use opentelemetry::{KeyValue, global, metrics::Meter};
use procfs::process::{Process, Stat};
use tokio::runtime::{Handle, RuntimeMetrics};

/// Registers the instruments with the global meter provider, for the life of the process.
pub(crate) fn observe() {
    let meter = global::meter("trivium-telemetry");
    observe_process(&meter);
    if let Ok(runtime) = Handle::try_current() {
        observe_runtime(&meter, &runtime.metrics());
    }
}

fn stat() -> Option<Stat> {
    Process::myself().ok()?.stat().ok()
}

fn observe_process(meter: &Meter) {
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

fn observe_runtime(meter: &Meter, runtime: &RuntimeMetrics) {
    observe_gauge(
        meter,
        runtime,
        "tokio.workers",
        "{thread}",
        "Worker threads.",
        |runtime| runtime.num_workers() as u64,
    );
    observe_gauge(
        meter,
        runtime,
        "tokio.alive_tasks",
        "{task}",
        "Tasks alive.",
        |runtime| runtime.num_alive_tasks() as u64,
    );
    observe_gauge(
        meter,
        runtime,
        "tokio.global_queue_depth",
        "{task}",
        "Tasks that wait in the runtime's global queue.",
        |runtime| runtime.global_queue_depth() as u64,
    );
    let busy = runtime.clone();
    meter
        .f64_observable_counter("tokio.worker.busy_duration")
        .with_unit("s")
        .with_description("Time that the workers were busy, all together.")
        .with_callback(move |observer| {
            let total =
                (0..busy.num_workers()).map(|worker| busy.worker_total_busy_duration(worker));
            observer.observe(total.sum::<std::time::Duration>().as_secs_f64(), &[]);
        })
        .build();
}

fn observe_gauge(
    meter: &Meter,
    runtime: &RuntimeMetrics,
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    value: fn(&RuntimeMetrics) -> u64,
) {
    let runtime = runtime.clone();
    meter
        .u64_observable_gauge(name)
        .with_unit(unit)
        .with_description(description)
        .with_callback(move |observer| observer.observe(value(&runtime), &[]))
        .build();
}
