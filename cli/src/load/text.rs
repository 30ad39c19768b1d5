//! The result of a load run as text, for a terminal.

use std::fmt::Write as _;

use super::summary::{RouteSummary, Summary};

/// The whole summary, with a newline at its end.
pub(super) fn of(summary: &Summary) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = write(&mut text, summary);
    text
}

fn write(text: &mut String, summary: &Summary) -> std::fmt::Result {
    let Summary {
        target,
        scenario,
        users,
        duration_seconds,
        ..
    } = summary;
    write!(
        text,
        "{target}: {scenario}, {users} users, {duration_seconds:.0} s"
    )?;
    if let Some(rate) = summary.due_rate {
        write!(text, ", {rate} requests/s due")?;
    }
    let rows = summary.routes.iter().chain([&summary.all]);
    writeln!(text, "\n\n{}", table(rows))?;
    if let Some(unsent @ 1..) = summary.unsent {
        writeln!(
            text,
            "\n{unsent} requests were due before the end and not sent: all users waited for an answer"
        )?;
    }
    if !summary.errors.is_empty() {
        writeln!(text, "\nfailures")?;
    }
    for error in &summary.errors {
        let (count, route) = (error.count, &error.route);
        writeln!(text, "{count:>8}  {route:<16} {}", error.error)?;
    }
    if !summary.slowest.is_empty() {
        writeln!(text, "\nslowest requests, with their traces")?;
    }
    for slow in &summary.slowest {
        let latency = format_latency(Some(slow.duration_seconds));
        let trace = slow.link.as_ref().unwrap_or(&slow.trace_id);
        writeln!(text, "{latency:>8}  {:<16} {trace}", slow.route)?;
    }
    if !summary.thresholds.is_empty() {
        writeln!(text, "\nfail if")?;
    }
    for threshold in &summary.thresholds {
        let word = if threshold.failed { "failed" } else { "passed" };
        let (condition, measured) = (&threshold.condition, &threshold.measured);
        writeln!(text, "{word:>8}  {condition}: {measured}")?;
    }
    Ok(())
}

/// One line for each route, without a newline at the end.
pub(super) fn table<'a>(rows: impl IntoIterator<Item = &'a RouteSummary>) -> String {
    let header = ["requests", "failures", "req/s", "p50", "p95", "p99", "max"];
    let mut text = row("route", &header.map(str::to_owned));
    for summary in rows {
        let cells = [
            summary.requests.to_string(),
            summary.failures.to_string(),
            format!("{:.1}", summary.rate),
            format_latency(summary.p50_seconds),
            format_latency(summary.p95_seconds),
            format_latency(summary.p99_seconds),
            format_latency(summary.max_seconds),
        ];
        text.push('\n');
        text.push_str(&row(&summary.route, &cells));
    }
    text
}

fn row(name: &str, cells: &[String; 7]) -> String {
    cells.iter().fold(format!("{name:<16}"), |mut row, cell| {
        // Writing to a string can't fail.
        let _ = write!(row, " {cell:>8}");
        row
    })
}

/// `3.2 ms` below a second, `1.25 s` from there on, `-` for nothing.
pub(super) fn format_latency(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 0.9995 => format!("{:.1} ms", seconds * 1000.0),
        Some(seconds) => format!("{seconds:.2} s"),
    }
}

/// A character for each value, as high as its share of the greatest.
pub(super) fn sparkline(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let greatest = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let bar = |value: &f64| {
        // The cast saturates.
        let height = (value / greatest * BARS.len() as f64) as usize;
        BARS[height.min(BARS.len() - 1)]
    };
    values.iter().map(bar).collect()
}

#[cfg(test)]
mod tests;
