//! The way out: encode → queue → send → retry; signals that go to the same place share its connections.
//!
//! One thread of its own, `otlp-export`, runs everything here on a small runtime, so that compressing and sending never
//! delay the program's own tasks, and a program may stop its runtime in any way.
//!
//! - Spans and log records wait in a bounded [`queue`]. While the Collector is away a batch is sent again and again, the
//!   queue fills, and what comes on top is dropped and counted; when it is back, all that waited is delivered.
//! - Metrics are cumulative and are not sent again: the next interval brings the same counts. Only the exemplars of an
//!   interval that failed are lost.

pub(crate) mod encode;
pub(crate) mod metrics;
pub(crate) mod queue;
pub(crate) mod self_metrics;
pub(crate) mod spans;

use std::thread;

use opentelemetry_sdk::Resource;
use tokio::sync::oneshot;
use trivium_otlp::{Clients, Destination, Signal, Transport};

use self::{
    encode::EncodedResource, metrics::MetricExporter, queue::BatchQueue, self_metrics::ExportCounts,
};
use crate::{InitError, settings::Settings};

/// What runs on the thread `otlp-export`; `None` for a signal that is not exported.
pub(crate) struct Exports {
    pub(crate) spans: Option<BatchQueue>,
    pub(crate) logs: Option<BatchQueue>,
    pub(crate) metrics: Option<MetricExporter>,
    pub(crate) counts: ExportCounts,
    /// Dropping it ends the thread.
    pub(crate) thread: oneshot::Sender<()>,
}

impl Exports {
    pub(crate) fn start(settings: &Settings, resource: &Resource) -> Result<Self, InitError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(InitError::Thread)?;
        let mut clients = Clients::default();
        let mut transport = |signal, destination: &Option<Destination>| {
            let destination = destination.clone();
            let transport = destination.map(|to| Transport::new(signal, to, &mut clients));
            transport.transpose()
        };
        let spans = transport(Signal::Traces, &settings.traces)?;
        let logs = transport(Signal::Logs, &settings.logs)?;
        let metrics = transport(Signal::Metrics, &settings.metrics)?;

        let (thread, until_dropped) = oneshot::channel::<()>();
        let exports = {
            let _inside = runtime.enter();
            let queue = |batching, transport| {
                BatchQueue::spawn(batching, EncodedResource::new(resource), transport)
            };
            let spans = spans.map(|transport| queue(settings.span_batching, transport));
            let logs = logs.map(|transport| queue(settings.log_batching, transport));
            let metrics =
                metrics.map(|transport| MetricExporter::new(transport, runtime.handle().clone()));
            Self {
                counts: ExportCounts {
                    spans: spans.as_ref().map(BatchQueue::counts),
                    logs: logs.as_ref().map(BatchQueue::counts),
                    metric_points: metrics.as_ref().map(MetricExporter::counts),
                },
                spans,
                logs,
                metrics,
                thread,
            }
        };
        thread::Builder::new()
            .name("otlp-export".to_owned())
            .spawn(move || {
                // Ends with an error when the sender is dropped, which is the sign to end.
                let _ = runtime.block_on(until_dropped);
            })
            .map_err(InitError::Thread)?;
        Ok(exports)
    }
}
