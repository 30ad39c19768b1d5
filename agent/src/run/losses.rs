//! Declares losses: as log records of the agent's own, where the loss ledger is read.

use std::{path::Path, sync::Arc};

use crate::{
    batch::{LogBatch, SourceKey},
    clock::unix_nano,
    files::Ledger,
    ledger::Loss,
    lines::Origin,
    stats::Stats,
    wire::{
        attributes::{self, OF_LOG_RECORD},
        logs::{self, Record},
    },
};

/// `SEVERITY_NUMBER_ERROR` of OTLP.
const ERROR: u8 = 17;

/// Writes the record of a loss into a batch.
#[derive(Debug, Clone)]
pub(super) struct Declarer {
    key: SourceKey,
    resource: Arc<[u8]>,
    scope: Arc<[u8]>,
}

impl Declarer {
    /// `resource`: the encoded fields of the agent's own `Resource`.
    pub(super) fn new(resource: Arc<[u8]>) -> Self {
        Self {
            key: Origin::new(Arc::clone(&resource)).identity().key,
            resource,
            scope: logs::scope(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")).into(),
        }
    }

    pub(super) fn declare(&self, loss: &Loss, batch: &mut LogBatch) {
        let (from, to) = (loss.bytes.start, loss.bytes.end);
        let body = format!(
            "lost bytes {from} to {to} of {}: {}",
            loss.path, loss.reason
        );
        let now = unix_nano();
        batch.record(self.key, &self.resource, &self.scope, |out| {
            let record = Record {
                time_unix_nano: Some(now),
                observed_unix_nano: now,
                severity_number: ERROR,
                severity_text: "ERROR",
                body: &body,
                trace_id: None,
                span_id: None,
            };
            record.write(out);
            let mut text = |key, value: &str| attributes::string(out, OF_LOG_RECORD, key, value);
            text("log.file.path", &loss.path);
            if let Some(name) = Path::new(&loss.path)
                .file_name()
                .and_then(|name| name.to_str())
            {
                text("log.file.name", name);
            }
            text("trivium.loss.reason", loss.reason.as_str());
            for (key, offset) in [("trivium.loss.from", from), ("trivium.loss.to", to)] {
                attributes::int(
                    out,
                    OF_LOG_RECORD,
                    key,
                    i64::try_from(offset).unwrap_or(i64::MAX),
                );
            }
        });
    }

    /// What the files' thread calls.
    pub(super) fn ledger(&self, stats: Arc<Stats>) -> Ledger {
        let declarer = self.clone();
        Box::new(move |loss, batch| {
            tracing::error!(
                "lost bytes {:?} of {}: {}",
                loss.bytes,
                loss.path,
                loss.reason
            );
            stats.count_loss(&loss);
            declarer.declare(&loss, batch);
        })
    }
}
