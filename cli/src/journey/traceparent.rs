//! The W3C `traceparent` header: `00-TRACE_ID-PARENT_ID-FLAGS`, with 32, 16 and 2 lower-case hex digits, no id all zero.
//!
//! The flag 01 says sampled, so the target records the trace unless its own sampler refuses; 00 says that it should not.
//! Format: <https://www.w3.org/TR/trace-context/#traceparent-header>.

use std::fmt;

use tracing::Span;
use trivium_telemetry::{opentelemetry::trace::TraceContextExt, trace};

/// The ids of a client span that starts a trace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceParent {
    trace_id: u128,
    parent_id: u64,
    is_sampled: bool,
}

impl TraceParent {
    /// The ids of `span`, or new ones where no telemetry gave it any.
    pub(super) fn of(span: &Span) -> Self {
        let context = trace::context(span);
        let ids = context.span().span_context().clone();
        if !ids.is_valid() {
            return Self::random();
        }
        Self {
            trace_id: u128::from_be_bytes(ids.trace_id().to_bytes()),
            parent_id: u64::from_be_bytes(ids.span_id().to_bytes()),
            is_sampled: ids.is_sampled(),
        }
    }

    /// New ids, sampled; from a generator that is fast and not secret, which trace ids need not be.
    pub(crate) fn random() -> Self {
        Self {
            trace_id: fastrand::u128(1..),
            parent_id: fastrand::u64(1..),
            is_sampled: true,
        }
    }

    #[cfg(test)]
    pub(crate) fn with_trace_id(hex_digits: &str) -> Self {
        Self {
            trace_id: u128::from_str_radix(hex_digits, 16).expect("hex digits"),
            ..Self::random()
        }
    }

    /// Whether the trace can be expected where traces are kept.
    pub(crate) fn is_sampled(&self) -> bool {
        self.is_sampled
    }

    /// 32 lower-case hex digits, as backends show it.
    pub(crate) fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// 16 lower-case hex digits.
    pub(crate) fn parent_id(&self) -> String {
        format!("{:016x}", self.parent_id)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled);
        write!(
            f,
            "00-{:032x}-{:016x}-{flags:02x}",
            self.trace_id, self.parent_id
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_padded_lower_case_hex_and_sampled() {
        let parent = TraceParent {
            trace_id: 0xAB,
            parent_id: 0xC,
            is_sampled: true,
        };
        assert_eq!(
            parent.to_string(),
            "00-000000000000000000000000000000ab-000000000000000c-01"
        );
        assert_eq!(parent.trace_id(), "000000000000000000000000000000ab");
        assert_eq!(parent.parent_id(), "000000000000000c");
    }

    #[test]
    fn what_a_sampler_refused_is_not_sampled() {
        let parent = TraceParent {
            is_sampled: false,
            ..TraceParent::random()
        };
        assert!(parent.to_string().ends_with("-00"));
    }

    #[test]
    fn ids_differ() {
        let ids: std::collections::HashSet<_> = (0..1000)
            .map(|_| TraceParent::random().trace_id())
            .collect();
        assert_eq!(ids.len(), 1000);
    }
}
