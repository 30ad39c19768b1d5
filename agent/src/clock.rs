//! The time that OTLP counts in.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in nanoseconds of the Unix epoch; 0 on a clock that stands before it.
pub(crate) fn unix_nano() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
