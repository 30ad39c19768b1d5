//! Log records → queue → `ExportLogsServiceRequest`.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry::InstrumentationScope;
use opentelemetry_proto::{
    tonic::collector::logs::v1::ExportLogsServiceRequest,
    transform::{
        common::tonic::ResourceAttributesWithSchema, logs::tonic::group_logs_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{LogBatch, LogProcessor, SdkLogRecord},
};
use prost::Message as _;

use super::queue::{BatchQueue, Encode};

/// A record and the scope that emitted it.
pub(crate) type ScopedRecord = (SdkLogRecord, InstrumentationScope);

/// The SDK's end of the queue of log records.
#[derive(Debug)]
pub(crate) struct QueuedLogs(pub(crate) BatchQueue<ScopedRecord>);

impl LogProcessor for QueuedLogs {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.0.offer((record.clone(), scope.clone()));
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.flush(crate::SHUTDOWN_LIMIT)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.close(timeout)
    }
}

/// Encodes log records of one resource.
pub(crate) struct LogEncoder(ResourceAttributesWithSchema);

impl LogEncoder {
    pub(crate) fn new(resource: &Resource) -> Self {
        Self(resource.into())
    }
}

impl Encode for LogEncoder {
    type Item = ScopedRecord;

    fn encode(&self, batch: Vec<ScopedRecord>) -> Bytes {
        let records: Vec<_> = batch
            .iter()
            .map(|(record, scope)| (record, scope))
            .collect();
        let resource_logs = group_logs_by_resource_and_scope(&LogBatch::new(&records), &self.0);
        let request = ExportLogsServiceRequest { resource_logs };
        request.encode_to_vec().into()
    }
}
