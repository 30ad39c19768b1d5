//! Takes in what the Collector sends to Prometheus (remote write 1.0), Loki (OTLP/HTTP logs) and Tempo (OTLP traces):
//! receive → reserve → decode → store → answer. An answer that says success comes after the commit. Repeating a request is
//! harmless. Memory is bounded by a budget of bytes that a request must get its share of before it is decoded; without a
//! share for `PATIENCE` it is refused so that the sender keeps it and retries.
//!
//! No spans and no log record per request are made here: lens's own telemetry comes back to it through the Collector.

pub(crate) mod attributes;
mod body;
mod error;
mod grpc;
mod logs;
mod remote_write;
mod routes;
mod statistics;
mod traces;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderMap;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use error::IngestError;
pub use grpc::TraceService;
pub(crate) use remote_write::AHEAD_MS;
pub use routes::router;

use crate::access::Access;
use crate::model::{Batch, LogRecord, Span};
use crate::store::Store;
use error::RowError;
use statistics::Statistics;

/// Bytes of decompressed requests that are decoded or wait for their commit: half a second's worth at 20,000 spans and
/// 20,000 log records per second. As rows they take three to four times as much; with this lens stays below 150 MiB.
const BUDGET_BYTES: u32 = 8 * 1024 * 1024;
/// How long a request waits for its share, within the five seconds that the Collector waits for an answer by default.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a refused sender is told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A signal as the counters name it.
#[derive(Debug, Clone, Copy)]
enum Signal {
    Metrics,
    Logs,
    Traces,
}

/// What a decoder made of a request.
#[derive(Debug, Default)]
struct Decoded {
    batch: Batch,
    refused: Refused,
    /// Native histograms that were left out, which is no error: the sender cannot do anything about it.
    native_histograms: u64,
}

/// What became of a request.
#[derive(Debug)]
struct Stored {
    row_count: u64,
    refused: Refused,
    native_histograms: u64,
}

/// The rows of a request that cannot be stored while the others are.
#[derive(Debug, Default)]
struct Refused {
    count: u64,
    first: Option<RowError>,
}

impl Refused {
    fn add(&mut self, error: RowError) {
        self.count += 1;
        self.first.get_or_insert(error);
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.first {
            Some(first) if self.count > 1 => {
                write!(f, "{first} (and {} more refused)", self.count - 1)
            }
            Some(first) => write!(f, "{first}"),
            None => Ok(()),
        }
    }
}

/// The spans of a request that was read elsewhere, and how many of it cannot be stored.
pub(crate) fn decode_traces(request: ExportTraceServiceRequest) -> (Vec<Span>, u64) {
    let decoded = traces::rows(request);
    (decoded.batch.spans, decoded.refused.count)
}

/// The log records of a request that was read elsewhere.
pub(crate) fn decode_logs(request: ExportLogsServiceRequest) -> Vec<LogRecord> {
    logs::rows(request)
}

/// The way from a received body to the store; clones share it.
#[derive(Debug, Clone)]
pub struct Ingest {
    store: Store,
    access: Access,
    budget: Arc<Semaphore>,
    is_overloaded: Arc<AtomicBool>,
    statistics: Statistics,
}

impl Ingest {
    /// Ingest into `store`.
    pub fn new(store: Store) -> Self {
        let budget = Arc::new(Semaphore::new(BUDGET_BYTES as usize));
        let statistics = Statistics::new(Arc::clone(&budget));
        Self {
            store,
            access: Access::default(),
            budget,
            is_overloaded: Arc::default(),
            statistics,
        }
    }

    /// The same, from those who know the token.
    pub fn for_those_with(self, access: Access) -> Self {
        Self { access, ..self }
    }

    fn authorize(&self, headers: &HeaderMap) -> Result<(), IngestError> {
        if self.access.lets_in_bearer(headers) {
            Ok(())
        } else {
            Err(IngestError::Unauthorized)
        }
    }

    /// Decodes `bytes` bytes and stores what they hold; returns what was refused of it.
    async fn take(
        &self,
        signal: Signal,
        bytes: usize,
        decode: impl FnOnce() -> Result<Decoded, IngestError> + Send + 'static,
    ) -> Result<Refused, IngestError> {
        let stored = self.reserve_and_store(bytes, decode).await?;
        self.statistics.stored(signal, &stored);
        Ok(stored.refused)
    }

    async fn reserve_and_store(
        &self,
        bytes: usize,
        decode: impl FnOnce() -> Result<Decoded, IngestError> + Send + 'static,
    ) -> Result<Stored, IngestError> {
        let share = self.reserve(bytes).await?;
        let store = self.store.clone();
        // A task of its own, so that a client that goes away does not free its share while the rows are still in memory.
        let task = tokio::spawn(async move {
            let Decoded {
                batch,
                refused,
                native_histograms,
            } = tokio::task::spawn_blocking(decode)
                .await
                .map_err(|_| IngestError::Interrupted)??;
            let row_count = batch.row_count() as u64;
            if row_count > 0 {
                store.write(batch).await?;
            }
            drop(share);
            Ok(Stored {
                row_count,
                refused,
                native_histograms,
            })
        });
        task.await.map_err(|_| IngestError::Interrupted)?
    }

    /// Waits for a share of the budget. A request larger than all of it is let through alone.
    async fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, IngestError> {
        let share = u32::try_from(bytes).unwrap_or(u32::MAX).min(BUDGET_BYTES);
        let acquired =
            tokio::time::timeout(PATIENCE, Arc::clone(&self.budget).acquire_many_owned(share))
                .await;
        let was_overloaded = self
            .is_overloaded
            .swap(acquired.is_err(), Ordering::Relaxed);
        match acquired {
            Ok(permit) => {
                if was_overloaded {
                    tracing::info!(name: "lens.ingest.recovered", "requests are taken in again");
                }
                // The semaphore is closed by nobody.
                permit.map_err(|_| IngestError::Interrupted)
            }
            Err(_) => {
                if !was_overloaded {
                    tracing::warn!(name: "lens.ingest.overloaded", "more comes in than can be stored; senders are told to retry");
                }
                Err(IngestError::Overloaded {
                    budget_bytes: BUDGET_BYTES,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
