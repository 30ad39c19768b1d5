//! The one `tracing` subscriber: spans to [`Spans`], events to log records, and to standard error what belongs there.
//!
//! It stands in the place of tracing-subscriber's registry with one layer for each of the three. There each layer has a filter of
//! its own, whose state every call looks up, and looks up each span again. A span here does not wait for its children: it
//! ends with its last handle.

use opentelemetry::{Context, InstrumentationScope};
use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_core::span::Current;
use tracing_subscriber::filter::Targets;

use crate::{
    diagnostics::{is_own, is_said, is_transport},
    export::{
        encode::{self, with_buffer},
        queue::BatchQueue,
    },
    trace::Spans,
};

/// Spans, log records and standard error.
#[derive(Debug)]
pub(crate) struct Signals {
    pub(crate) spans: Spans,
    pub(crate) logs: Option<Logs>,
    /// What writes to standard error, with a filter of its own.
    pub(crate) stderr: Dispatch,
}

/// Queues the events that `wanted` lets through.
#[derive(Debug)]
pub(crate) struct Logs {
    wanted: Targets,
    /// What is known of it besides its name, which is the module that logs.
    scope: InstrumentationScope,
    queue: BatchQueue,
}

impl Logs {
    pub(crate) fn new(wanted: Targets, queue: BatchQueue) -> Self {
        Self {
            wanted,
            scope: InstrumentationScope::default(),
            queue,
        }
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        !is_own(metadata)
            && self
                .wanted
                .would_enable(metadata.target(), metadata.level())
    }

    fn queue(&self, event: &Event<'_>) {
        // Not borrowed: a value may enter a span while it is formatted.
        let context = Context::current();
        if context.is_telemetry_suppressed() {
            return;
        }
        with_buffer(|buffer| {
            encode::event(buffer, event, &context);
            let target = event.metadata().target();
            self.queue.offer(target, &self.scope, buffer);
        });
    }
}

impl Signals {
    fn is_logged(&self, metadata: &Metadata<'_>) -> bool {
        self.logs.as_ref().is_some_and(|logs| logs.wants(metadata))
    }
}

impl Subscriber for Signals {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() {
            !is_transport(metadata)
        } else {
            is_said(metadata) || self.is_logged(metadata)
        }
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        self.spans.begin(attributes)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        self.spans.record(id, values);
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        self.spans.link(id, follows);
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        // A filter looks up what it said to `enabled` last.
        if is_said(metadata) && self.stderr.enabled(metadata) {
            self.stderr.event(event);
        }
        if let Some(logs) = &self.logs
            && logs.wants(metadata)
        {
            logs.queue(event);
        }
    }

    fn enter(&self, id: &Id) {
        self.spans.enter(id);
    }

    fn exit(&self, id: &Id) {
        self.spans.exit(id);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.spans.hold(id);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        self.spans.release(&id)
    }

    fn current_span(&self) -> Current {
        self.spans.current()
    }
}
