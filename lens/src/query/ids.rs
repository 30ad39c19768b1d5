//! Trace and span ids: bytes in the store, lower-case hexadecimal outside.

use std::fmt::Display;

use opentelemetry::{SpanId, TraceId};
use serde::Serializer;

/// Reads exactly 32 hexadecimal digits.
pub fn parse_trace_id(text: &str) -> Option<TraceId> {
    is_hex(text, 32)
        .then(|| TraceId::from_hex(text).ok())
        .flatten()
}

/// Reads exactly 16 hexadecimal digits.
pub fn parse_span_id(text: &str) -> Option<SpanId> {
    is_hex(text, 16)
        .then(|| SpanId::from_hex(text).ok())
        .flatten()
}

/// Reads a trace id by itself, or a W3C `traceparent`: `00-TRACE_ID-SPAN_ID-01`.
pub fn parse_trace_reference(text: &str) -> Option<(TraceId, Option<SpanId>)> {
    if let Some(trace_id) = parse_trace_id(text) {
        return Some((trace_id, None));
    }
    let mut parts = text.split('-').skip(1);
    let trace_id = parse_trace_id(parts.next()?)?;
    Some((trace_id, Some(parse_span_id(parts.next()?)?)))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A stored trace id; the invalid one when the column does not hold 16 bytes.
pub(super) fn trace_id(stored: &[u8]) -> TraceId {
    stored
        .try_into()
        .map_or(TraceId::INVALID, TraceId::from_bytes)
}

/// A stored span id; the invalid one when the column does not hold 8 bytes.
pub(super) fn span_id(stored: &[u8]) -> SpanId {
    stored
        .try_into()
        .map_or(SpanId::INVALID, SpanId::from_bytes)
}

/// `serialize_with`: an id as hexadecimal digits.
pub(super) fn hex<S: Serializer>(id: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// `serialize_with`: the same, null when absent.
pub(super) fn hex_or_null<S: Serializer>(
    id: &Option<impl Display>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_named_by_its_id_or_a_traceparent() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let expected = (parse_trace_id(trace).unwrap(), parse_span_id(span));
        assert_eq!(parse_trace_reference(trace), Some((expected.0, None)));
        let parent = format!("00-{trace}-{span}-01");
        assert_eq!(parse_trace_reference(&parent), Some(expected));
        for other in ["", "auth", "00-x-y-01", &trace[1..], span] {
            assert_eq!(parse_trace_reference(other), None, "{other}");
        }
    }
}
