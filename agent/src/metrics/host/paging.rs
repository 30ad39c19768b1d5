//! Page faults and swapping of `/proc/vmstat`, and the swap space of `/proc/swaps`.
//!
//! ```text
//! Filename                                Type            Size            Used            Priority
//! /dev/dm-1                               partition       1003516         8192            -2
//! ```
//!
//! Sizes are in KiB. Without swap space there is no usage.

use opentelemetry_semantic_conventions::{
    attribute::{
        SYSTEM_DEVICE, SYSTEM_PAGING_DIRECTION, SYSTEM_PAGING_FAULT_TYPE, SYSTEM_PAGING_STATE,
    },
    metric::{
        SYSTEM_PAGING_FAULTS, SYSTEM_PAGING_OPERATIONS, SYSTEM_PAGING_USAGE,
        SYSTEM_PAGING_UTILIZATION,
    },
};

use super::expect;
use crate::{
    metrics::{
        MetricsError,
        text::{fields, number, number_after},
        view::HostView,
    },
    wire::metrics::{Metric, Metrics, Value::Text},
};

const FAULTS: Metric = Metric::counter(SYSTEM_PAGING_FAULTS, "{fault}");
const OPERATIONS: Metric = Metric::counter(SYSTEM_PAGING_OPERATIONS, "{operation}");
const USAGE: Metric = Metric::up_down_counter(SYSTEM_PAGING_USAGE, "By");
const UTILIZATION: Metric = Metric::gauge(SYSTEM_PAGING_UTILIZATION, "1");

/// A swap space, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Swap {
    device: String,
    size: u64,
    used: u64,
}

/// Writes page faults, and pages swapped in and out.
pub(super) fn sample_operations(
    view: &mut HostView,
    metrics: &mut Metrics<'_>,
) -> Result<(), MetricsError> {
    let [mut faults, mut major, mut swapped_in, mut swapped_out] = [None; 4];
    view.lines(&["proc/vmstat"], |line| {
        for (value, key) in [
            (&mut faults, "pgfault"),
            (&mut major, "pgmajfault"),
            (&mut swapped_in, "pswpin"),
            (&mut swapped_out, "pswpout"),
        ] {
            if value.is_none() {
                *value = number_after(line, key.as_bytes());
            }
        }
    })?;
    let faults = expect(faults, "/proc/vmstat", "pgfault")?;
    let major = expect(major, "/proc/vmstat", "pgmajfault")?;
    metrics.metric(&FAULTS, |points| {
        for (kind, count) in [("minor", faults.saturating_sub(major)), ("major", major)] {
            points.int(count, &[(SYSTEM_PAGING_FAULT_TYPE, Text(kind))]);
        }
    });
    metrics.metric(&OPERATIONS, |points| {
        for (direction, count) in [("in", swapped_in), ("out", swapped_out)] {
            if let Some(count) = count {
                points.int(count, &[(SYSTEM_PAGING_DIRECTION, Text(direction))]);
            }
        }
    });
    Ok(())
}

/// Writes the use of each swap space.
pub(super) fn sample_usage(
    view: &mut HostView,
    metrics: &mut Metrics<'_>,
) -> Result<(), MetricsError> {
    let mut swaps: Vec<Swap> = Vec::new();
    view.lines(&["proc/swaps"], |line| swaps.extend(swap(line)))?;
    metrics.metric(&USAGE, |points| {
        for swap in &swaps {
            for (state, bytes) in swap.states() {
                points.int(
                    bytes,
                    &[
                        (SYSTEM_DEVICE, Text(&swap.device)),
                        (SYSTEM_PAGING_STATE, Text(state)),
                    ],
                );
            }
        }
    });
    metrics.metric(&UTILIZATION, |points| {
        for swap in &swaps {
            for (state, bytes) in swap.states() {
                points.double(
                    bytes as f64 / swap.size as f64,
                    &[
                        (SYSTEM_DEVICE, Text(&swap.device)),
                        (SYSTEM_PAGING_STATE, Text(state)),
                    ],
                );
            }
        }
    });
    Ok(())
}

impl Swap {
    fn states(&self) -> [(&'static str, u64); 2] {
        [("used", self.used), ("free", self.size - self.used)]
    }
}

/// The swap space of a line; `None` for the header, and for one without size.
fn swap(line: &[u8]) -> Option<Swap> {
    let mut fields = fields(line);
    let device = str::from_utf8(fields.next()?).ok()?.to_owned();
    let size = number(fields.nth(1)?)?.saturating_mul(1024);
    let used = number(fields.next()?)?.saturating_mul(1024).min(size);
    (size > 0).then_some(Swap { device, size, used })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..80), text in "[a-z]{0,5} [a-z]{0,5} [0-9]{0,30} [0-9]{0,30}") {
            for line in [line.as_slice(), text.as_bytes()] {
                let _ = swap(line).map(|swap| swap.states());
            }
        }
    }
}
