//! Metrics of the Tokio runtime that `init` was called in. There is no convention for them: the names are those of
//! opentelemetry-instrumentation-tokio.

use opentelemetry::{global, metrics::Meter};
use tokio::runtime::{Handle, RuntimeMetrics};

/// Registers the instruments with the global meter provider, for the life of the process; without a runtime there are none.
pub(crate) fn observe() {
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    let meter = &global::meter("trivium-telemetry");
    let runtime = &runtime.metrics();
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
