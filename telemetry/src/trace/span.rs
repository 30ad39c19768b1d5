//! A span while it lasts, where it is kept, and how the OpenTelemetry API sees it.
//!
//! Spans lie in one slab of the process, which gives the memory of an ended span to a later one. A key is of one span only:
//! where its span has ended, there is nothing to be found.

use std::{
    borrow::Cow,
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering, fence},
    },
    time::SystemTime,
};

use opentelemetry::{
    Context, KeyValue,
    trace::{Event, Link, SpanContext, Status},
};
use sharded_slab::{
    Clear, Pool,
    pool::{Ref, RefMut},
};
use tracing::{Metadata, span::Id};

use super::EXEMPLAR;
use crate::export::encode::Recording;

static SPANS: LazyLock<Pool<OfSpan>> = LazyLock::new(Pool::new);

/// What is kept of a span.
#[derive(Debug, Default)]
pub(super) struct OfSpan {
    /// The handles of `tracing` that hold it.
    pub(super) handles: AtomicUsize,
    pub(super) metadata: Option<&'static Metadata<'static>>,
    /// Holds the span and its parent's baggage.
    pub(super) context: Context,
    /// Whether its recording is of use: it is sampled and exported.
    pub(super) is_recorded: bool,
    /// Apart from the recording, whose lock is held while values are formatted, which may measure something in this span.
    pub(super) has_exemplar: AtomicBool,
    pub(super) recording: Mutex<Recording>,
}

impl Clear for OfSpan {
    fn clear(&mut self) {
        self.metadata = None;
        self.context = Context::new();
        self.is_recorded = false;
        *self.has_exemplar.get_mut() = false;
        let recording = self.recording.get_mut();
        recording.unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl OfSpan {
    /// A place for a new span; `None` when there are more than the slab has keys for.
    pub(super) fn place() -> Option<RefMut<'static, Self>> {
        SPANS.create()
    }

    /// The span, unless it has ended.
    pub(super) fn find(id: &Id) -> Option<Ref<'static, Self>> {
        SPANS.get(key(id))
    }

    pub(super) fn held(&self) {
        // As with `Arc`: who holds the span already sees it.
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether that was the last handle.
    pub(super) fn released(&self) -> bool {
        if self.handles.fetch_sub(1, Ordering::Release) > 1 {
            return false;
        }
        // What others did while they held it comes before its end.
        fence(Ordering::Acquire);
        true
    }

    /// Its key is of no span from now on.
    pub(super) fn forget(id: &Id) {
        SPANS.clear(key(id));
    }

    pub(super) fn recording(&self) -> MutexGuard<'_, Recording> {
        self.recording
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn id(key: usize) -> Id {
    Id::from_u64(key as u64 + 1)
}

fn key(id: &Id) -> usize {
    id.into_u64() as usize - 1
}

/// What the API holds of a recorded span. It can't end the span: `tracing` does, when it closes it.
#[derive(Debug)]
pub(super) struct ApiSpan {
    pub(super) context: SpanContext,
    pub(super) id: Id,
}

impl ApiSpan {
    /// Does nothing when the span has ended.
    fn with(&self, work: impl FnOnce(&mut Recording)) {
        if let Some(span) = OfSpan::find(&self.id) {
            work(&mut span.recording());
        }
    }
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
        self.with(|recording| recording.event(&event));
    }

    fn span_context(&self) -> &SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        OfSpan::find(&self.id).is_some()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        if attribute.key.as_str() != EXEMPLAR {
            self.with(|recording| recording.attribute(&attribute));
        } else if let Some(span) = OfSpan::find(&self.id) {
            span.has_exemplar.store(true, Ordering::Relaxed);
        }
    }

    fn set_status(&mut self, status: Status) {
        self.with(|recording| recording.set_status(status));
    }

    fn update_name<T>(&mut self, name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        self.with(|recording| recording.rename(name.into()));
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        let link = Link::new(span_context, attributes, 0);
        self.with(|recording| recording.link(&link));
    }

    fn end_with_timestamp(&mut self, _: SystemTime) {}
}
