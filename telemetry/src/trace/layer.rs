//! The layer that begins, enters, leaves and ends spans.

use std::{cell::RefCell, time::SystemTime};

use opentelemetry::{
    Context, ContextGuard, InstrumentationScope,
    trace::{
        Link, SpanContext, SpanId, SpanKind, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    },
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample as _};
use tracing::{
    Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::Context as LayerContext,
    registry::{LookupSpan, SpanRef},
};

use super::{
    fields::Fields,
    span::{ApiSpan, Shared},
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
pub(crate) struct SpanLayer {
    sampler: Sampler,
    limits: Limits,
    scope: InstrumentationScope,
    queue: Option<BatchQueue>,
}

/// What the registry keeps for a span.
struct OfSpan {
    /// Holds the span and its parent's baggage.
    context: Context,
    /// None when it is not sampled.
    recorded: Option<Shared>,
}

impl SpanLayer {
    /// Without a queue spans have ids and are not recorded.
    pub(crate) fn new(sampler: Sampler, limits: Limits, queue: Option<BatchQueue>) -> Self {
        Self {
            sampler,
            limits,
            scope: InstrumentationScope::builder("tracing").build(),
            queue,
        }
    }

    fn begin(&self, parent: &Context, attributes: &Attributes<'_>) -> OfSpan {
        let of_parent = parent.span().span_context().clone();
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
        let context = self.context(trace_id, flags, sampled.trace_state);
        if !is_sampled || self.queue.is_none() {
            return OfSpan {
                context: parent.with_remote_span_context(context),
                recorded: None,
            };
        }
        let mut recording = Recording::start(name, context.clone(), of_parent, self.limits);
        for attribute in &sampled.attributes {
            recording.attribute(attribute);
        }
        attributes.record(&mut Fields(&mut recording));
        let shared = Shared::new(recording);
        let span = ApiSpan {
            context,
            shared: shared.clone(),
        };
        OfSpan {
            context: parent.with_span(span),
            recorded: Some(shared),
        }
    }

    fn context(&self, trace_id: TraceId, flags: TraceFlags, state: TraceState) -> SpanContext {
        let span_id = SpanId::from(random_nonzero() as u64 | 1);
        SpanContext::new(trace_id, span_id, flags, false, state)
    }
}

/// Zero means that there is no id.
fn random_nonzero() -> u128 {
    fastrand::u128(1..)
}

impl<S> Layer<S> for SpanLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let parent = match attributes.parent() {
            Some(parent) => context_of(context.span(parent)).unwrap_or_default(),
            None if attributes.is_contextual() => Context::current(),
            None => Context::new(),
        };
        let of_span = self.begin(&parent, attributes);
        span.extensions_mut().insert(of_span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: LayerContext<'_, S>) {
        if let Some(shared) = recorded(context.span(id)) {
            shared.with(|recording| values.record(&mut Fields(recording)));
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: LayerContext<'_, S>) {
        let followed = context_of(context.span(follows));
        if let (Some(shared), Some(followed)) = (recorded(context.span(id)), followed) {
            let link = Link::with_context(followed.span().span_context().clone());
            shared.with(|recording| recording.link(&link));
        }
    }

    fn on_enter(&self, id: &Id, context: LayerContext<'_, S>) {
        if let Some(of_span) = context_of(context.span(id)) {
            let guard = of_span.attach();
            ENTERED.with_borrow_mut(|entered| entered.push((id.clone(), guard)));
        }
    }

    fn on_exit(&self, id: &Id, _: LayerContext<'_, S>) {
        let guard = ENTERED.with_borrow_mut(|entered| {
            let index = entered.iter().rposition(|(known, _)| known == id)?;
            Some(entered.remove(index))
        });
        drop(guard);
    }

    fn on_close(&self, id: Id, context: LayerContext<'_, S>) {
        let Some(recording) = recorded(context.span(&id)).and_then(|shared| shared.take()) else {
            return;
        };
        if let Some(queue) = &self.queue {
            with_buffer(|buffer| {
                recording.write(SystemTime::now(), buffer);
                queue.offer(self.scope.name(), &self.scope, buffer);
            });
        }
    }
}

fn context_of<S: for<'a> LookupSpan<'a>>(span: Option<SpanRef<'_, S>>) -> Option<Context> {
    let span = span?;
    let extensions = span.extensions();
    Some(extensions.get::<OfSpan>()?.context.clone())
}

fn recorded<S: for<'a> LookupSpan<'a>>(span: Option<SpanRef<'_, S>>) -> Option<Shared> {
    let span = span?;
    let extensions = span.extensions();
    extensions.get::<OfSpan>()?.recorded.clone()
}
