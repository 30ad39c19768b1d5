//! A recorded span as the OpenTelemetry API sees it, through the [`Context`](opentelemetry::Context) that holds it.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use opentelemetry::{
    KeyValue,
    trace::{Event, Link, SpanContext, Status},
};

use crate::export::encode::Recording;

/// A span and its recording, which is gone when it has ended. Cloned, it is the same span.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Option<Recording>>>);

impl Shared {
    pub(super) fn new(recording: Recording) -> Self {
        Self(Arc::new(Mutex::new(Some(recording))))
    }

    /// Does nothing when the span has ended.
    pub(super) fn with(&self, work: impl FnOnce(&mut Recording)) {
        if let Some(recording) = &mut *self.lock() {
            work(recording);
        }
    }

    /// Ends it; the recording the first time.
    pub(super) fn take(&self) -> Option<Recording> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Recording>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the API holds. It can't end the span: `tracing` does, when it closes it.
#[derive(Debug)]
pub(super) struct ApiSpan {
    pub(super) context: SpanContext,
    pub(super) shared: Shared,
}

impl opentelemetry::trace::Span for ApiSpan {
    fn add_event_with_timestamp<T>(
        &mut self,
        name: T,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) where
        T: Into<Cow<'static, str>>,
    {
        let event = Event::new(name, timestamp, attributes, 0);
        self.shared.with(|recording| recording.event(&event));
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.shared.lock().is_some()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.shared
            .with(|recording| recording.attribute(&attribute));
    }

    fn set_status(&mut self, status: Status) {
        self.shared.with(|recording| recording.set_status(status));
    }

    fn update_name<T>(&mut self, name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        self.shared.with(|recording| recording.name = name.into());
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        let link = Link::new(span_context, attributes, 0);
        self.shared.with(|recording| recording.link(&link));
    }

    fn end_with_timestamp(&mut self, _: SystemTime) {}
}
