//! Ended, sampled spans → queue → `ExportTraceServiceRequest`.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry::Context;
use opentelemetry_proto::{
    tonic::collector::trace::v1::ExportTraceServiceRequest,
    transform::{
        common::tonic::ResourceAttributesWithSchema,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use prost::Message as _;

use super::queue::{BatchQueue, Encode};

/// The SDK's end of the queue of spans.
#[derive(Debug)]
pub(crate) struct QueuedSpans(pub(crate) BatchQueue<SpanData>);

impl SpanProcessor for QueuedSpans {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.0.offer(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.flush(crate::SHUTDOWN_LIMIT)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.close(timeout)
    }
}

/// Encodes spans of one resource.
pub(crate) struct SpanEncoder(ResourceAttributesWithSchema);

impl SpanEncoder {
    pub(crate) fn new(resource: &Resource) -> Self {
        Self(resource.into())
    }
}

impl Encode for SpanEncoder {
    type Item = SpanData;

    fn encode(&self, batch: Vec<SpanData>) -> Bytes {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.0);
        let request = ExportTraceServiceRequest { resource_spans };
        request.encode_to_vec().into()
    }
}
