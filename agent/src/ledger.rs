//! The loss ledger: what could not be saved is declared, as a counter and as a log record, never silently gone.

use std::{fmt, ops::Range};

/// Why bytes of a source did not reach the Collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LossReason {
    /// The file was truncated before it was read to its end (as `copytruncate` may do).
    Truncated,
    /// The file was rotated away and removed before it was read to its end.
    Removed,
    /// The line was longer than the limit; its end is lost.
    TooLong,
    /// The file could not be read.
    ReadError,
    /// The Collector refused the data for good.
    Rejected,
    /// The spool was full, and its oldest data made room.
    SpoolFull,
    /// The data was in the spool for longer than it may be.
    Expired,
    /// A frame of the spool was damaged.
    CorruptFrame,
}

impl LossReason {
    /// The value of the attribute `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Removed => "removed",
            Self::TooLong => "too_long",
            Self::ReadError => "read_error",
            Self::Rejected => "rejected",
            Self::SpoolFull => "spool_full",
            Self::Expired => "expired",
            Self::CorruptFrame => "corrupt_frame",
        }
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A range of bytes that is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The file's path when it was last seen, or the name of the spool's segment.
    pub path: String,
    /// Offsets in bytes; the end is the last known one where nobody can know it any more.
    pub bytes: Range<u64>,
    /// Why.
    pub reason: LossReason,
}
