//! What became of the lines of a source so far; read by the agent's own metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters that only grow.
#[derive(Debug, Default)]
pub struct Counts {
    /// Lines that were offered.
    pub lines: AtomicU64,
    /// Records that were written.
    pub records: AtomicU64,
    /// Lines that are parts of a longer one: of Docker over 16 KiB, of CRI marked `P`, and the last of each.
    pub parts: AtomicU64,
    /// Records cut in two because they would be larger than a record may be; both are written.
    pub split: AtomicU64,
    /// Lines that are not of the format of their source; written as they are.
    pub malformed: AtomicU64,
    /// Records that were not UTF-8; written with replacement characters.
    pub invalid_utf8: AtomicU64,
    /// Times that could not be read; the observed time stands alone.
    pub bad_time: AtomicU64,
    /// Secrets that were replaced. By pattern: [`Redactor::counts`](super::Redactor::counts).
    pub redacted: AtomicU64,
    /// Records that a pattern dropped.
    pub dropped: AtomicU64,
    /// Records that were not in the sample.
    pub sampled_out: AtomicU64,
    /// Records over the rate limit.
    pub limited: AtomicU64,
}

/// Counts one.
#[inline]
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
