//! The view while the load runs, on stderr: the table redrawn in place, or a line every few seconds without a terminal.

use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    scenario::Plan,
    stats::Stats,
    summary::RouteSummary,
    text::{format_latency, sparkline, table},
    timeline::Timeline,
};

/// Intervals that the small charts show.
const RECENT: usize = 60;

/// Removed from the terminal on drop, to make room for the summary.
#[derive(Debug)]
pub(super) struct Live {
    terminal: Option<ProgressBar>,
}

impl Live {
    pub(super) fn start() -> Self {
        let terminal = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg}")
                .expect("the template is a constant with a known key");
            ProgressBar::new_spinner().with_style(style)
        });
        Self { terminal }
    }

    /// How often [`Live::show`] wants to be called.
    pub(super) fn interval(&self) -> Duration {
        match self.terminal {
            Some(_) => Duration::from_millis(500),
            None => Duration::from_secs(5),
        }
    }

    pub(super) fn show(
        &mut self,
        stats: &Stats,
        timeline: &Timeline,
        plan: &Plan,
        elapsed: Duration,
    ) {
        let users = plan.users_after(elapsed);
        let (at, end) = (elapsed.as_secs(), plan.duration.as_secs());
        match &self.terminal {
            Some(bar) => bar.set_message(format!(
                "{at} of {end} s, {users} users\n{}\n{}",
                table(&RouteSummary::routes_and_all(stats, elapsed)),
                recent(timeline),
            )),
            None if stats.all.requests == 0 => {}
            None => eprintln!(
                "{at} of {end} s, {users} users: {} requests, {} failures, p95 {}",
                stats.all.requests,
                stats.all.failures,
                format_latency(stats.all.latency(0.95).map(|latency| latency.as_secs_f64())),
            ),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(bar) = &self.terminal {
            bar.finish_and_clear();
        }
    }
}

/// Rate and p95 of the last intervals, as small charts with their newest value.
fn recent(timeline: &Timeline) -> String {
    let points = timeline.points();
    let points = &points[points.len().saturating_sub(RECENT)..];
    let Some(newest) = points.last() else {
        return String::new();
    };
    let rates: Vec<_> = points.iter().map(|point| point.rate).collect();
    let latencies: Vec<_> = points
        .iter()
        .map(|point| point.p95_seconds.unwrap_or(0.0))
        .collect();
    format!(
        "\nreq/s {} {:.1}\np95   {} {}",
        sparkline(&rates),
        newest.rate,
        sparkline(&latencies),
        format_latency(newest.p95_seconds),
    )
}
