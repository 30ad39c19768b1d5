//! `opentelemetry.proto.trace.v1.Span`.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::{
    KeyValue,
    trace::{Event, Link, SpanContext, SpanId, SpanKind, Status},
};
use opentelemetry_sdk::trace::SpanData;
use trivium_otlp::wire::{bytes, close, fixed32, fixed64, open, uint};

use super::{string, value::attribute};

/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`: the next flag says something.
const HAS_IS_REMOTE: u32 = 0x100;
/// `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`: the parent, or what is linked to, is another process's.
const IS_REMOTE: u32 = 0x200;

/// Writes the fields of a `Span`.
pub(in crate::export) fn span(out: &mut Vec<u8>, span: &SpanData) {
    ids(out, &span.span_context);
    if span.parent_span_id != SpanId::INVALID {
        bytes(out, 4, &span.parent_span_id.to_bytes());
    }
    string(out, 5, &span.name);
    uint(out, 6, kind(&span.span_kind));
    fixed64(out, 7, nanos(span.start_time));
    fixed64(out, 8, nanos(span.end_time));
    attributes(out, 9, &span.attributes);
    count(out, 10, span.dropped_attributes_count);
    for of_span in &span.events.events {
        event(out, of_span);
    }
    count(out, 12, span.events.dropped_count);
    for of_span in &span.links.links {
        link(out, of_span);
    }
    count(out, 14, span.links.dropped_count);
    status(out, &span.status);
    fixed32(
        out,
        16,
        flags(&span.span_context, span.parent_span_is_remote),
    );
}

/// The first three fields of spans and links alike.
pub(super) fn ids(out: &mut Vec<u8>, context: &SpanContext) {
    bytes(out, 1, &context.trace_id().to_bytes());
    bytes(out, 2, &context.span_id().to_bytes());
    string(out, 3, &context.trace_state().header());
}

/// `SpanKind`.
pub(super) fn kind(kind: &SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn attributes(out: &mut Vec<u8>, field: u32, attributes: &[KeyValue]) {
    for KeyValue { key, value, .. } in attributes {
        attribute(out, field, key, value);
    }
}

pub(super) fn event(out: &mut Vec<u8>, event: &Event) {
    let message = open(out, 11);
    fixed64(out, 1, nanos(event.timestamp));
    string(out, 2, &event.name);
    attributes(out, 3, &event.attributes);
    count(out, 4, event.dropped_attributes_count);
    close(out, message);
}

pub(super) fn link(out: &mut Vec<u8>, link: &Link) {
    let message = open(out, 13);
    ids(out, &link.span_context);
    attributes(out, 4, &link.attributes);
    count(out, 5, link.dropped_attributes_count);
    let is_remote = link.span_context.is_remote();
    fixed32(out, 6, flags(&link.span_context, is_remote));
    close(out, message);
}

/// `Status`, left away where it is unset.
pub(super) fn status(out: &mut Vec<u8>, status: &Status) {
    let (code, description) = match status {
        Status::Unset => return,
        Status::Ok => (1, ""),
        Status::Error { description } => (2, description.as_ref()),
    };
    let message = open(out, 15);
    string(out, 2, description);
    uint(out, 3, code);
    close(out, message);
}

pub(super) fn flags(context: &SpanContext, is_remote: bool) -> u32 {
    let flags = u32::from(context.trace_flags().to_u8()) | HAS_IS_REMOTE;
    if is_remote { flags | IS_REMOTE } else { flags }
}

pub(super) fn count(out: &mut Vec<u8>, field: u32, count: u32) {
    if count > 0 {
        uint(out, field, u64::from(count));
    }
}

/// Since 1970; a time before that counts as 1970.
pub(super) fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() as u64
}
