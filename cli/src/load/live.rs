//! The view while the load runs, on stderr: the table redrawn in place, or a line every few seconds without a terminal.

use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    options::Plan,
    stats::Stats,
    summary::{format_latency, table},
};

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

    pub(super) fn show(&mut self, stats: &Stats, plan: &Plan, elapsed: Duration) {
        let users = plan.users_after(elapsed);
        let (at, end) = (elapsed.as_secs(), plan.duration.as_secs());
        match &self.terminal {
            Some(bar) => bar.set_message(format!(
                "{at} of {end} s, {users} users\n{}",
                table(stats, elapsed)
            )),
            None if stats.all.requests == 0 => {}
            None => eprintln!(
                "{at} of {end} s, {users} users: {} requests, {} failures, p95 {}",
                stats.all.requests,
                stats.all.failures,
                format_latency(stats.all.quantile(0.95)),
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
