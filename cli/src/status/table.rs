//! The status as a table for people, one line for each part, and what is wrong below it. A dash: not counted there, or not known.

use std::{
    io::{self, Write},
    time::{Duration, SystemTime},
};

use anstyle::Style;

use super::{
    counts::Counts,
    report::{PartReport, PartState, Report},
};
use crate::{color, state::rfc3339};

const HEADINGS: [&str; 9] = [
    "PART", "STATE", "FOR", "ACCEPTED", "REFUSED", "DROPPED", "QUEUE", "LAG", "ADDRESS",
];
/// From the third column to the one before the last, so that digits stand below each other.
const RIGHT_ALIGNED: std::ops::Range<usize> = 2..8;
const NONE: &str = "-";

pub(super) fn write(out: &mut impl Write, report: &Report, now: SystemTime) -> io::Result<()> {
    let rows: Vec<_> = report.parts.iter().map(|part| cells(part, now)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.fold(HEADINGS[column].len(), usize::max)
    };
    let widths: [usize; HEADINGS.len()] = std::array::from_fn(width);

    let headings = HEADINGS.map(str::to_owned);
    writeln!(out, "{}", line(&headings, &widths, |_| color::DIM))?;
    for (row, part) in rows.iter().zip(&report.parts) {
        let style = |column| match part.state {
            PartState::Up if column == 1 => color::GOOD,
            PartState::Down if column == 1 => color::BAD,
            _ if column == 5 && part.counts.dropped > Some(0.0) => color::BAD,
            _ => Style::new(),
        };
        writeln!(out, "{}", line(row, &widths, style))?;
    }
    if report.no_counts.is_none() {
        let since = rfc3339::text(report.record.since);
        let note = format!(
            "Data points, log records and spans since {since}; QUEUE of otelcol: requests."
        );
        writeln!(out, "\n{}", color::paint(color::DIM, note))?;
    }
    for remark in report.remarks() {
        writeln!(out, "\n{} {remark}", color::paint(color::BAD, "!"))?;
    }
    Ok(())
}

fn line(
    cells: &[String; HEADINGS.len()],
    widths: &[usize; HEADINGS.len()],
    style: impl Fn(usize) -> Style,
) -> String {
    let padded = cells
        .iter()
        .zip(widths)
        .enumerate()
        .map(|(column, (cell, &width))| {
            let padded = if RIGHT_ALIGNED.contains(&column) {
                format!("{cell:>width$}")
            } else if column + 1 == HEADINGS.len() {
                cell.clone()
            } else {
                format!("{cell:<width$}")
            };
            color::paint(style(column), padded)
        });
    padded.collect::<Vec<_>>().join("  ")
}

fn cells(part: &PartReport, now: SystemTime) -> [String; HEADINGS.len()] {
    let Counts {
        accepted,
        refused,
        dropped,
        ..
    } = part.counts;
    let state = match part.state {
        PartState::Up => "up",
        PartState::Starting => "starting",
        PartState::Down => "down",
    };
    let up_for = match part.state {
        PartState::Down => NONE.to_owned(),
        _ => age(now.duration_since(part.record.since).unwrap_or_default()),
    };
    let addresses = &part.record.addresses;
    let address = ["page", "http", "otlp_grpc"]
        .iter()
        .find_map(|label| addresses.get(*label).cloned());
    [
        part.record.name.clone(),
        state.to_owned(),
        up_for,
        count(accepted),
        count(refused),
        count(dropped),
        queue(&part.counts),
        lag(&part.counts),
        address.unwrap_or_else(|| NONE.to_owned()),
    ]
}

fn count(items: Option<f64>) -> String {
    items.map_or_else(|| NONE.to_owned(), thousands)
}

fn queue(counts: &Counts) -> String {
    match (counts.queue_size, counts.queue_capacity) {
        (Some(size), Some(capacity)) => format!("{}/{}", thousands(size), thousands(capacity)),
        (size, _) => count(size),
    }
}

fn lag(counts: &Counts) -> String {
    let seconds = counts.lag_seconds.map(|seconds| format!("{seconds:.1} s"));
    let parts = [seconds, counts.lag_bytes.map(bytes)];
    let known: Vec<_> = parts.into_iter().flatten().collect();
    if known.is_empty() {
        return NONE.to_owned();
    }
    known.join(", ")
}

/// The two largest units: `3m 12s`.
fn age(duration: Duration) -> String {
    let text = humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string();
    let units: Vec<_> = text.split(' ').take(2).collect();
    units.join(" ")
}

fn bytes(bytes: f64) -> String {
    const UNIT: f64 = 1024.0;
    if bytes < UNIT {
        format!("{bytes:.0} B")
    } else if bytes < UNIT * UNIT {
        format!("{:.1} KiB", bytes / UNIT)
    } else {
        format!("{:.1} MiB", bytes / UNIT / UNIT)
    }
}

/// `1,234,567`
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let numbers = [0.0, 999.0, 1000.0, 1_234_567.0].map(thousands);
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
        let sizes = [1023.0, 1536.0, 3_145_728.0].map(bytes);
        assert_eq!(sizes, ["1023 B", "1.5 KiB", "3.0 MiB"]);
        let ages = [0, 192, 90_061].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["0s", "3m 12s", "1day 1h"]);
    }

    #[test]
    fn queues_and_lags_show_what_is_known_of_them() {
        let mut counts = Counts::default();
        assert_eq!((queue(&counts), lag(&counts)), ("-".into(), "-".into()));
        counts.queue_size = Some(2.0);
        counts.lag_bytes = Some(100.0);
        assert_eq!((queue(&counts), lag(&counts)), ("2".into(), "100 B".into()));
        counts.queue_capacity = Some(1000.0);
        counts.lag_seconds = Some(1.25);
        let written = (queue(&counts), lag(&counts));
        assert_eq!(written, ("2/1,000".into(), "1.2 s, 100 B".into()));
    }
}
