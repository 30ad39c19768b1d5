//! Shows what is being waited for on stderr: a spinner with the elapsed time, or plain lines when stderr is no terminal.

use std::{
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::color;

/// Without a terminal a long step says where it is at most this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// One thing that takes its time. Dropped without [`Step::done`] it vanishes from the terminal.
#[derive(Debug)]
pub(crate) struct Step {
    name: String,
    started: Instant,
    spinner: Option<ProgressBar>,
    last_plain_line: Option<Instant>,
}

impl Step {
    /// Starts the clock and, on a terminal, the spinner.
    pub(crate) fn start(name: impl Into<String>) -> Self {
        let name = name.into();
        let now = Instant::now();
        let spinner = stderr().is_terminal().then(|| {
            let template = if color::is_on_stderr() {
                "{spinner:.cyan} {prefix} {elapsed:.dim} {wide_msg:.dim}"
            } else {
                "{spinner} {prefix} {elapsed} {wide_msg}"
            };
            let style = ProgressStyle::with_template(template)
                .expect("the template is a constant with known keys");
            let spinner = ProgressBar::new_spinner()
                .with_style(style)
                .with_prefix(name.clone());
            spinner.enable_steady_tick(Duration::from_millis(100));
            spinner
        });
        Self {
            name,
            started: now,
            spinner,
            last_plain_line: None,
        }
    }

    /// Shows what the step is doing now.
    pub(crate) fn phase(&mut self, phase: &str) {
        match &self.spinner {
            Some(spinner) => spinner.set_message(phase.to_owned()),
            None if self
                .last_plain_line
                .is_none_or(|line| line.elapsed() >= PLAIN_INTERVAL) =>
            {
                self.last_plain_line = Some(Instant::now());
                eprintln!("  {} ({:.0?}): {phase}", self.name, self.started.elapsed());
            }
            None => {}
        }
    }

    /// Ends the step with a line that stays.
    pub(crate) fn done(mut self, result: &str) {
        self.clear();
        let took = format!("({:.1} s)", self.started.elapsed().as_secs_f64());
        anstream::eprintln!(
            "{} {} {result} {}",
            color::paint(color::GOOD, "✓"),
            self.name,
            color::paint(color::DIM, took)
        );
    }

    fn clear(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.clear();
    }
}
