//! Log records → encoded → queue → `ExportLogsServiceRequest`.

use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    logs::{LogProcessor, SdkLogRecord},
};

use super::{
    encode::{self, with_buffer},
    queue::BatchQueue,
};

/// The SDK's end of the queue of log records.
#[derive(Debug)]
pub(crate) struct QueuedLogs(pub(crate) BatchQueue);

impl LogProcessor for QueuedLogs {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        with_buffer(|buffer| {
            encode::log_record(buffer, record);
            // The module that logs is the scope, with what else is known of the one the record came through.
            let name = record.target().map_or(scope.name(), AsRef::as_ref);
            self.0.offer(name, scope, buffer);
        });
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.flush(crate::SHUTDOWN_LIMIT)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.close(timeout)
    }
}
