//! Growing pauses between attempts, and one line when an outage begins, lasts, and ends.

use std::time::{Duration, Instant};

use trivium_otlp::ExportError;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The shortest time between two messages about the same outage.
const QUIET: Duration = Duration::from_secs(60);

/// The attempts of one sender.
#[derive(Debug)]
pub(super) struct Backoff {
    what: &'static str,
    pause: Duration,
    since: Option<Instant>,
    last_said: Option<Instant>,
}

impl Backoff {
    /// `what` is sent, for messages.
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            pause: FIRST_PAUSE,
            since: None,
            last_said: None,
        }
    }

    /// How long to wait before the next attempt: what the receiver asked for, else twice as long as before.
    pub(super) fn failed(&mut self, error: &ExportError) -> Duration {
        self.since.get_or_insert_with(Instant::now);
        if self.last_said.is_none_or(|said| said.elapsed() >= QUIET) {
            self.last_said = Some(Instant::now());
            tracing::warn!("sending {} fails and is tried again: {error}", self.what);
        }
        let pause = error.retry_after.unwrap_or(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        pause.mul_f64(0.8 + 0.4 * fastrand::f64())
    }

    /// The receiver answered.
    pub(super) fn succeeded(&mut self) {
        self.pause = FIRST_PAUSE;
        self.last_said = None;
        if let Some(since) = self.since.take() {
            let seconds = since.elapsed().as_secs();
            tracing::info!("sending {} works again after {seconds} s", self.what);
        }
    }
}
