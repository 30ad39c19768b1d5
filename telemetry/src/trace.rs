//! Spans of [`tracing`] as spans of OpenTelemetry.
//!
//! A span begins when `tracing` makes it, as a child of its explicit parent, or else of the span in the current
//! [`Context`]: that of the `tracing` span that was entered last, of a span of the OpenTelemetry API, or of a caller whose
//! context was attached. While a span is entered, the current [`Context`] holds it, so that the OpenTelemetry API sees it:
//! `get_active_span(|span| span.set_attribute(…))` adds an attribute that the span did not declare.
//!
//! Its fields become attributes, encoded as they come; `otel.name`, `otel.kind`, `otel.status_code` and
//! `otel.status_description` set what OpenTelemetry knows besides attributes. It ends when `tracing` closes it, and
//! `follows_from` is a link.
//!
//! Not the crate `tracing-opentelemetry`: it keeps every attribute as objects until the end, and was the greatest part of what
//! a span cost. Its extension trait finds nothing here; [`context`] takes its place.

mod fields;
mod in_span;
mod span;
mod spans;

use opentelemetry::Context;
use tracing::Span;

pub(crate) use self::{in_span::InSpan, spans::Spans};

/// The attribute, `true`, of a span whose measurement became an exemplar: a tail sampler that keeps such traces lets no
/// exemplar lead nowhere. How many spans have it: see [`metrics`](crate::metrics).
pub const EXEMPLAR: &str = "trivium.exemplar";

/// The context that holds `span`: to link to it, to send it along with a request, or to record an exemplar of it.
///
/// ```
/// use opentelemetry::trace::TraceContextExt as _;
///
/// let span = tracing::info_span!("pack");
/// let ids = trivium_telemetry::trace::context(&span).span().span_context().clone();
/// ```
#[must_use]
pub fn context(span: &Span) -> Context {
    let context = span.id().and_then(|id| spans::context_of(&id));
    context.unwrap_or_else(Context::current)
}
