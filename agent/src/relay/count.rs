//! Counts the items of an encoded request: spans, log records, data points. Reads tags and lengths only.

use trivium_otlp::Signal;

use super::fields::{Fields, Malformed};

/// The numbers of the nested messages on the way to the items: `resource_spans` or `resource_logs`, `scope_…`, `spans` or
/// `log_records`.
const RECORDS: [&[u64]; 3] = [&[1], &[2], &[2]];
/// `resource_metrics`, `scope_metrics`, `metrics`; `gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`;
/// `data_points`.
const DATA_POINTS: [&[u64]; 5] = [&[1], &[2], &[2], &[5, 7, 9, 10, 11], &[1]];

/// The number of items in a request.
///
/// # Errors
/// When it is not an encoded request.
pub fn count_items(signal: Signal, request: &[u8]) -> Result<u64, Malformed> {
    match signal {
        Signal::Traces | Signal::Logs => count(request, &RECORDS),
        Signal::Metrics => count(request, &DATA_POINTS),
    }
}

fn count(message: &[u8], path: &[&[u64]]) -> Result<u64, Malformed> {
    let Some((numbers, path)) = path.split_first() else {
        return Ok(1);
    };
    let mut items = 0;
    for field in Fields::of(message) {
        let field = field?;
        if let Some(content) = field.content
            && numbers.contains(&field.number)
        {
            items += count(content, path)?;
        }
    }
    Ok(items)
}
