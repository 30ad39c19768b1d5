//! Ended, sampled spans → encoded → queue → `ExportTraceServiceRequest`.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};

use super::{
    encode::{self, with_buffer},
    queue::BatchQueue,
};

/// The SDK's end of the queue of spans.
#[derive(Debug)]
pub(crate) struct QueuedSpans(pub(crate) BatchQueue);

impl SpanProcessor for QueuedSpans {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            with_buffer(|buffer| {
                encode::span(buffer, &span);
                let scope = &span.instrumentation_scope;
                self.0.offer(scope.name(), scope, buffer);
            });
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.flush(crate::SHUTDOWN_LIMIT)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.close(timeout)
    }
}
