//! Begins, enters, leaves and ends spans.

use std::{cell::RefCell, sync::atomic::Ordering, time::SystemTime};

use opentelemetry::{
    Context, ContextGuard, InstrumentationScope,
    trace::{
        Link, SpanContext, SpanId, SpanKind, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    },
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample as _};
use tracing::span::{Attributes, Id, Record};
use tracing_core::span::Current;

use super::{
    EXEMPLAR,
    fields::Fields,
    span::{ApiSpan, OfSpan, id},
};
use crate::export::{
    encode::{Limits, Recording, with_buffer},
    queue::BatchQueue,
};

thread_local! {
    /// The spans that are entered on this thread; leaving one puts the context back that was current before.
    static ENTERED: RefCell<Vec<(Id, ContextGuard)>> = const { RefCell::new(Vec::new()) };
}

/// Makes OpenTelemetry spans of `tracing` spans, and queues them when they end.
#[derive(Debug)]
pub(crate) struct Spans {
    sampler: Sampler,
    limits: Limits,
    scope: InstrumentationScope,
    queue: Option<BatchQueue>,
}

impl Spans {
    /// Without a queue spans have ids and are not recorded.
    pub(crate) fn new(sampler: Sampler, limits: Limits, queue: Option<BatchQueue>) -> Self {
        Self {
            sampler,
            limits,
            scope: InstrumentationScope::builder("tracing").build(),
            queue,
        }
    }

    /// A span with one handle. Where there is no place for it, its id is one that no span has.
    pub(crate) fn begin(&self, attributes: &Attributes<'_>) -> Id {
        let Some(mut span) = OfSpan::place() else {
            return Id::from_u64(u64::MAX);
        };
        let id = id(span.key());
        *span.handles.get_mut() = 1;
        span.metadata = Some(attributes.metadata());
        match attributes.parent() {
            Some(parent) => {
                let parent = context_of(parent).unwrap_or_default();
                self.begin_in(&parent, attributes, &id, &mut span);
            }
            None if attributes.is_contextual() => {
                Context::map_current(|parent| self.begin_in(parent, attributes, &id, &mut span));
            }
            None => self.begin_in(&Context::new(), attributes, &id, &mut span),
        }
        if span.is_recorded {
            attributes.record(&mut Fields(recording_of(&mut span)));
        }
        id
    }

    fn begin_in(&self, parent: &Context, attributes: &Attributes<'_>, id: &Id, span: &mut OfSpan) {
        let of_parent = parent.span();
        let of_parent = of_parent.span_context();
        let name = attributes.metadata().name();
        let trace_id = match of_parent.is_valid() {
            true => of_parent.trace_id(),
            false => TraceId::from(random_nonzero()),
        };
        let sampled =
            self.sampler
                .should_sample(Some(parent), trace_id, name, &SpanKind::Internal, &[], &[]);
        let is_sampled = sampled.decision == SamplingDecision::RecordAndSample;
        let flags = of_parent.trace_flags().with_sampled(is_sampled);
        let context = new_context(trace_id, flags, sampled.trace_state);
        span.is_recorded = is_sampled && self.queue.is_some();
        if !span.is_recorded {
            span.context = parent.with_remote_span_context(context);
            return;
        }
        let recording = recording_of(span);
        recording.start(name, of_parent, self.limits);
        for attribute in &sampled.attributes {
            recording.attribute(attribute);
        }
        span.context = parent.with_span(ApiSpan {
            context,
            id: id.clone(),
        });
    }

    pub(crate) fn record(&self, id: &Id, values: &Record<'_>) {
        if let Some(span) = OfSpan::find(id)
            && span.is_recorded
        {
            values.record(&mut Fields(&mut span.recording()));
        }
    }

    pub(crate) fn link(&self, id: &Id, follows: &Id) {
        if let (Some(span), Some(followed)) = (OfSpan::find(id), context_of(follows))
            && span.is_recorded
        {
            let link = Link::with_context(followed.span().span_context().clone());
            span.recording().link(&link);
        }
    }

    pub(crate) fn enter(&self, id: &Id) {
        if let Some(context) = context_of(id) {
            let guard = context.attach();
            ENTERED.with_borrow_mut(|entered| entered.push((id.clone(), guard)));
        }
    }

    pub(crate) fn exit(&self, id: &Id) {
        let guard = ENTERED.with_borrow_mut(|entered| {
            let index = entered.iter().rposition(|(known, _)| known == id)?;
            Some(entered.remove(index))
        });
        drop(guard);
    }

    /// The span that was entered last on this thread.
    pub(crate) fn current(&self) -> Current {
        let id = ENTERED.with_borrow(|entered| Some(entered.last()?.0.clone()));
        let current = id.and_then(|id| {
            let metadata = OfSpan::find(&id)?.metadata?;
            Some(Current::new(id, metadata))
        });
        current.unwrap_or_else(Current::none)
    }

    /// One handle more.
    pub(crate) fn hold(&self, id: &Id) {
        if let Some(span) = OfSpan::find(id) {
            span.held();
        }
    }

    /// One handle less; whether it was the last, which ends the span.
    pub(crate) fn release(&self, id: &Id) -> bool {
        let Some(span) = OfSpan::find(id) else {
            return false;
        };
        if !span.released() {
            return false;
        }
        if let Some(queue) = &self.queue
            && span.is_recorded
        {
            with_buffer(|buffer| {
                let of_span = span.context.span();
                let mut recording = span.recording();
                if span.has_exemplar.load(Ordering::Relaxed) {
                    recording.mark(EXEMPLAR);
                }
                recording.write(of_span.span_context(), SystemTime::now(), buffer);
                queue.offer(self.scope.name(), &self.scope, buffer);
            });
        }
        drop(span);
        OfSpan::forget(id);
        true
    }
}

/// The context that holds a span, unless it has ended.
pub(super) fn context_of(id: &Id) -> Option<Context> {
    Some(OfSpan::find(id)?.context.clone())
}

fn recording_of(span: &mut OfSpan) -> &mut Recording {
    let recording = span.recording.get_mut();
    recording.unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn new_context(trace_id: TraceId, flags: TraceFlags, state: TraceState) -> SpanContext {
    let span_id = SpanId::from(random_nonzero() as u64 | 1);
    SpanContext::new(trace_id, span_id, flags, false, state)
}

/// Zero means that there is no id.
fn random_nonzero() -> u128 {
    fastrand::u128(1..)
}
