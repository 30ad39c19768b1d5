//! The W3C `traceparent` header: `00-TRACE_ID-PARENT_ID-01`, with 32 and 16 lower-case hex digits, neither all zero.
//!
//! The flag 01 says sampled, so the target records the trace unless its own sampler refuses.
//! Format: <https://www.w3.org/TR/trace-context/#traceparent-header>.

use std::fmt;

/// The ids of a client span that starts a trace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceParent {
    trace_id: u128,
    parent_id: u64,
}

impl TraceParent {
    /// New ids; from a generator that is fast and not secret, which trace ids need not be.
    pub(crate) fn random() -> Self {
        Self {
            trace_id: fastrand::u128(1..),
            parent_id: fastrand::u64(1..),
        }
    }

    /// 32 lower-case hex digits, as backends show it.
    pub(crate) fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.trace_id, self.parent_id)
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
        };
        assert_eq!(
            parent.to_string(),
            "00-000000000000000000000000000000ab-000000000000000c-01"
        );
        assert_eq!(parent.trace_id(), "000000000000000000000000000000ab");
    }

    #[test]
    fn ids_differ() {
        let ids: std::collections::HashSet<_> = (0..1000)
            .map(|_| TraceParent::random().trace_id())
            .collect();
        assert_eq!(ids.len(), 1000);
    }
}
