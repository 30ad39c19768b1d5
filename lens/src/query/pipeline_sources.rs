//! Which metric tells which number of which hop. Names are those in the store, after the Collector's translation.

use serde::Serialize;

use super::pipeline::{HopKind, Signal};

/// The numbers of one hop and signal: items in the range, unless said otherwise. Absent where the hop does not count them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Taken from the hop before: of an SDK, what left its queue; of an agent, records read.
    pub accepted: Option<f64>,
    /// Turned down; the sender was told, and sends again or not.
    pub refused: Option<f64>,
    /// Given up without room for them: a full queue, losses of an agent, what a processor left out.
    pub dropped: Option<f64>,
    /// Handed on, and taken there.
    pub sent: Option<f64>,
    /// Given up after they were sent; of lens, requests of which nothing was stored.
    pub failed: Option<f64>,
    /// What waits now; batches or requests in a Collector, items elsewhere.
    pub queue_size: Option<f64>,
    /// What can wait, in the same unit.
    pub queue_capacity: Option<f64>,
    /// How long ago the oldest of what waits was due.
    pub lag_seconds: Option<f64>,
    /// How much waits, in bytes.
    pub lag_bytes: Option<f64>,
}

/// One of [`Counts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Accepted,
    Refused,
    Dropped,
    Sent,
    Failed,
    QueueSize,
    QueueCapacity,
    LagSeconds,
    LagBytes,
}

impl Field {
    /// Whether it comes from a counter.
    pub(super) fn is_counted(self) -> bool {
        matches!(
            self,
            Self::Accepted | Self::Refused | Self::Dropped | Self::Sent | Self::Failed
        )
    }
}

/// A metric and where its values belong.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) metric: &'static str,
    pub(super) kind: HopKind,
    pub(super) field: Field,
    /// The label that names the hop.
    pub(super) hop_label: &'static str,
    /// The signal, when the metric is of one only.
    pub(super) signal: Option<Signal>,
    /// The label that names the signal, or empty.
    pub(super) signal_label: &'static str,
    /// Only series that have this label, or that lack it; empty for all.
    pub(super) only_label: &'static str,
    pub(super) only_present: bool,
}

impl Source {
    const fn new(metric: &'static str, kind: HopKind, field: Field) -> Self {
        let hop_label = match kind {
            HopKind::Sdk => "service_name",
            HopKind::Agent => "host_name",
            HopKind::CollectorReceiver => "receiver",
            HopKind::CollectorProcessor => "processor",
            HopKind::CollectorExporter => "exporter",
            HopKind::Lens => "service_name",
        };
        Self {
            metric,
            kind,
            field,
            hop_label,
            signal: None,
            signal_label: "",
            only_label: "",
            only_present: false,
        }
    }

    const fn of(mut self, signal: Signal) -> Self {
        self.signal = Some(signal);
        self
    }

    const fn by(mut self, signal_label: &'static str) -> Self {
        self.signal_label = signal_label;
        self
    }

    const fn with(mut self, label: &'static str) -> Self {
        (self.only_label, self.only_present) = (label, true);
        self
    }

    const fn without(mut self, label: &'static str) -> Self {
        (self.only_label, self.only_present) = (label, false);
        self
    }
}

const ERROR: &str = "error_type";

use Field::{
    Accepted, Dropped, Failed, LagBytes, LagSeconds, QueueCapacity, QueueSize, Refused, Sent,
};
use HopKind::{Agent, CollectorExporter, CollectorProcessor, CollectorReceiver, Lens, Sdk};
use Signal::{Logs, Metrics, Traces};

#[rustfmt::skip]
pub(super) static SOURCES: [Source; 51] = [
    // A program's SDK: exported without an error type is sent, with one given up; processed with one found no room.
    Source::new("otel_sdk_exporter_metric_data_point_exported_total", Sdk, Sent).of(Metrics).without(ERROR),
    Source::new("otel_sdk_exporter_metric_data_point_exported_total", Sdk, Failed).of(Metrics).with(ERROR),
    Source::new("otel_sdk_exporter_log_exported_total", Sdk, Sent).of(Logs).without(ERROR),
    Source::new("otel_sdk_exporter_log_exported_total", Sdk, Failed).of(Logs).with(ERROR),
    Source::new("otel_sdk_exporter_span_exported_total", Sdk, Sent).of(Traces).without(ERROR),
    Source::new("otel_sdk_exporter_span_exported_total", Sdk, Failed).of(Traces).with(ERROR),
    Source::new("otel_sdk_processor_log_processed_total", Sdk, Accepted).of(Logs).without(ERROR),
    Source::new("otel_sdk_processor_log_processed_total", Sdk, Dropped).of(Logs).with(ERROR),
    Source::new("otel_sdk_processor_span_processed_total", Sdk, Accepted).of(Traces).without(ERROR),
    Source::new("otel_sdk_processor_span_processed_total", Sdk, Dropped).of(Traces).with(ERROR),
    Source::new("otel_sdk_processor_log_queue_size", Sdk, QueueSize).of(Logs),
    Source::new("otel_sdk_processor_log_queue_capacity", Sdk, QueueCapacity).of(Logs),
    Source::new("otel_sdk_processor_span_queue_size", Sdk, QueueSize).of(Traces),
    Source::new("otel_sdk_processor_span_queue_capacity", Sdk, QueueCapacity).of(Traces),
    // An agent: what the Collector acknowledged is sent. Its losses are of what it reads, so of logs; its spool is of all.
    Source::new("trivium_agent_records_total", Agent, Accepted).of(Logs),
    Source::new("trivium_agent_acknowledged_total", Agent, Sent).by("signal"),
    Source::new("trivium_agent_rejected_total", Agent, Failed).by("signal"),
    Source::new("trivium_agent_losses_total", Agent, Dropped).of(Logs),
    Source::new("trivium_agent_lag_bytes", Agent, LagBytes).of(Logs),
    Source::new("trivium_agent_lag_time_seconds", Agent, LagSeconds).of(Logs),
    Source::new("trivium_agent_spool_size_bytes", Agent, LagBytes),
    Source::new("trivium_agent_spool_age_seconds", Agent, LagSeconds),
    // A Collector.
    Source::new("otelcol_receiver_accepted_metric_points_total", CollectorReceiver, Accepted).of(Metrics),
    Source::new("otelcol_receiver_accepted_log_records_total", CollectorReceiver, Accepted).of(Logs),
    Source::new("otelcol_receiver_accepted_spans_total", CollectorReceiver, Accepted).of(Traces),
    Source::new("otelcol_receiver_refused_metric_points_total", CollectorReceiver, Refused).of(Metrics),
    Source::new("otelcol_receiver_refused_log_records_total", CollectorReceiver, Refused).of(Logs),
    Source::new("otelcol_receiver_refused_spans_total", CollectorReceiver, Refused).of(Traces),
    Source::new("otelcol_receiver_failed_metric_points_total", CollectorReceiver, Failed).of(Metrics),
    Source::new("otelcol_receiver_failed_log_records_total", CollectorReceiver, Failed).of(Logs),
    Source::new("otelcol_receiver_failed_spans_total", CollectorReceiver, Failed).of(Traces),
    Source::new("otelcol_processor_incoming_items_total", CollectorProcessor, Accepted).by("otel_signal"),
    Source::new("otelcol_processor_outgoing_items_total", CollectorProcessor, Sent).by("otel_signal"),
    Source::new("otelcol_processor_memory_limiter_refused_metric_points_total", CollectorProcessor, Refused).of(Metrics),
    Source::new("otelcol_processor_memory_limiter_refused_log_records_total", CollectorProcessor, Refused).of(Logs),
    Source::new("otelcol_processor_memory_limiter_refused_spans_total", CollectorProcessor, Refused).of(Traces),
    Source::new("otelcol_exporter_sent_metric_points_total", CollectorExporter, Sent).of(Metrics),
    Source::new("otelcol_exporter_sent_log_records_total", CollectorExporter, Sent).of(Logs),
    Source::new("otelcol_exporter_sent_spans_total", CollectorExporter, Sent).of(Traces),
    Source::new("otelcol_exporter_send_failed_metric_points_total", CollectorExporter, Failed).of(Metrics),
    Source::new("otelcol_exporter_send_failed_log_records_total", CollectorExporter, Failed).of(Logs),
    Source::new("otelcol_exporter_send_failed_spans_total", CollectorExporter, Failed).of(Traces),
    Source::new("otelcol_exporter_enqueue_failed_metric_points_total", CollectorExporter, Dropped).of(Metrics),
    Source::new("otelcol_exporter_enqueue_failed_log_records_total", CollectorExporter, Dropped).of(Logs),
    Source::new("otelcol_exporter_enqueue_failed_spans_total", CollectorExporter, Dropped).of(Traces),
    Source::new("otelcol_exporter_queue_size", CollectorExporter, QueueSize).by("data_type"),
    Source::new("otelcol_exporter_queue_capacity", CollectorExporter, QueueCapacity).by("data_type"),
    // lens.
    Source::new("lens_ingest_accepted_total", Lens, Accepted).by("signal"),
    Source::new("lens_ingest_refused_total", Lens, Refused).by("signal"),
    Source::new("lens_ingest_refused_requests_total", Lens, Failed).by("signal"),
    Source::new("lens_ingest_queue_size_bytes", Lens, LagBytes),
];
