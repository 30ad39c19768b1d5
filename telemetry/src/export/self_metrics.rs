//! Metrics of the exporter itself, so that lost telemetry is itself seen.
//!
//! Names of the semantic conventions for SDKs: `otel.sdk.exporter.{span,log,metric_data_point}.exported`, with
//! `error.type` for those given up; `otel.sdk.processor.{span,log}.processed`, with `error.type=queue_full` for those
//! that found no room; `otel.sdk.processor.{span,log}.queue.{size,capacity}`.
//!
//! <https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/>

use std::{
    borrow::Cow,
    sync::{Arc, atomic::Ordering},
};

use opentelemetry::{KeyValue, global, metrics::Meter};

use super::queue::Counts;

/// The counts of those of the three signals that are exported.
#[derive(Debug)]
pub(crate) struct ExportCounts {
    pub(crate) spans: Option<Arc<Counts>>,
    pub(crate) logs: Option<Arc<Counts>>,
    pub(crate) metric_points: Option<Arc<Counts>>,
}

/// Registers the instruments with the global meter provider, for the life of the process.
pub(crate) fn observe(counts: &ExportCounts) {
    let meter = global::meter("trivium-telemetry");
    for (item, unit, counts) in [
        ("span", "{span}", &counts.spans),
        ("log", "{log_record}", &counts.logs),
        ("metric_data_point", "{data_point}", &counts.metric_points),
    ] {
        let Some(counts) = counts else { continue };
        observe_exporter(&meter, item, unit, counts);
        if counts.capacity > 0 {
            observe_queue(&meter, item, unit, counts);
        }
    }
}

fn component(kind: &'static str) -> KeyValue {
    KeyValue::new("otel.component.type", kind)
}

fn error_type(error_type: impl Into<Cow<'static, str>>) -> KeyValue {
    KeyValue::new("error.type", error_type.into())
}

fn observe_exporter(meter: &Meter, item: &str, unit: &'static str, counts: &Arc<Counts>) {
    let counts = Arc::clone(counts);
    let exporter = component(counts.exporter);
    meter
        .u64_observable_counter(format!("otel.sdk.exporter.{item}.exported"))
        .with_unit(unit)
        .with_description("Items whose export ended, with error.type where they were given up.")
        .with_callback(move |observer| {
            let exported = counts.exported.load(Ordering::Relaxed);
            observer.observe(exported, std::slice::from_ref(&exporter));
            for (reason, failed) in counts.failed().iter() {
                observer.observe(*failed, &[exporter.clone(), error_type(reason.clone())]);
            }
        })
        .build();
}

fn observe_queue(meter: &Meter, item: &str, unit: &'static str, counts: &Arc<Counts>) {
    let queue = || component("batching_processor");
    let of_processed = Arc::clone(counts);
    meter
        .u64_observable_counter(format!("otel.sdk.processor.{item}.processed"))
        .with_unit(unit)
        .with_description(
            "Items that left the queue, with error.type=queue_full where they found no room in it.",
        )
        .with_callback(move |observer| {
            let failed: u64 = of_processed.failed().values().sum();
            let exported = of_processed.exported.load(Ordering::Relaxed);
            observer.observe(exported + failed, &[queue()]);
            let dropped = of_processed.dropped.load(Ordering::Relaxed);
            observer.observe(dropped, &[queue(), error_type("queue_full")]);
        })
        .build();
    let of_size = Arc::clone(counts);
    meter
        .i64_observable_up_down_counter(format!("otel.sdk.processor.{item}.queue.size"))
        .with_unit(unit)
        .with_description("Items that wait to be exported.")
        .with_callback(move |observer| {
            observer.observe(of_size.waiting.load(Ordering::Relaxed) as i64, &[queue()]);
        })
        .build();
    let capacity = counts.capacity as i64;
    meter
        .i64_observable_up_down_counter(format!("otel.sdk.processor.{item}.queue.capacity"))
        .with_unit(unit)
        .with_description("The most items that can wait to be exported.")
        .with_callback(move |observer| observer.observe(capacity, &[queue()]))
        .build();
}
