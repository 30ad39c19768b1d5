//! lens's own metrics of ingest. All are without exemplars: there are no spans here to point to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, ObservableGauge};
use tokio::sync::Semaphore;

use super::error::Reason;
use super::{BUDGET_BYTES, IngestError, Signal, Stored};

/// The instruments; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Statistics {
    accepted: Counter<u64>,
    refused: Counter<u64>,
    refused_requests: Counter<u64>,
    has_native_histograms: Arc<AtomicBool>,
    _queued: ObservableGauge<u64>,
}

impl Statistics {
    pub(super) fn new(budget: Arc<Semaphore>) -> Self {
        let meter = opentelemetry::global::meter("trivium-lens");
        Self {
            accepted: meter
                .u64_counter("lens.ingest.accepted")
                .with_unit("{row}")
                .with_description("Spans, log records, samples and exemplars that are stored, repeated ones included")
                .build(),
            refused: meter
                .u64_counter("lens.ingest.refused")
                .with_unit("{row}")
                .with_description("Rows that were left out while the rest of their request was stored")
                .build(),
            refused_requests: meter
                .u64_counter("lens.ingest.refused_requests")
                .with_unit("{request}")
                .with_description("Requests of which nothing was stored")
                .build(),
            has_native_histograms: Arc::default(),
            _queued: meter
                .u64_observable_gauge("lens.ingest.queue.size")
                .with_unit("By")
                .with_description("Decompressed requests that are decoded or wait for their commit")
                .with_callback(move |gauge| {
                    let queued = u64::from(BUDGET_BYTES).saturating_sub(budget.available_permits() as u64);
                    gauge.observe(queued, &[]);
                })
                .build(),
        }
    }

    pub(super) fn stored(&self, signal: Signal, stored: &Stored) {
        self.accepted.add(stored.row_count, &[signal.attribute()]);
        if stored.refused.count > 0 {
            self.refused.add(
                stored.refused.count,
                &[signal.attribute(), KeyValue::new("reason", "invalid")],
            );
        }
        if stored.native_histograms > 0 {
            let reason = KeyValue::new("reason", "native_histogram");
            self.refused
                .add(stored.native_histograms, &[signal.attribute(), reason]);
            if !self.has_native_histograms.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    name: "lens.ingest.native_histogram",
                    "native histograms are left out; send histograms with explicit buckets (said once)",
                );
            }
        }
    }

    pub(super) fn refused(&self, signal: Signal, error: &IngestError) {
        // Of these the good rows are stored and the others counted already.
        if matches!(error, IngestError::Rows(_)) {
            return;
        }
        self.refused_requests.add(
            1,
            &[
                signal.attribute(),
                KeyValue::new("reason", error.reason().as_str()),
            ],
        );
    }
}

impl Signal {
    fn attribute(self) -> KeyValue {
        let name = match self {
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::Traces => "traces",
        };
        KeyValue::new("signal", name)
    }
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::TooLarge => "too_large",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
        }
    }
}
