//! What the telemetry says of itself, on standard error: it cannot send word of its own outage through itself.
//!
//! Events of this library and of the SDK (targets `trivium_telemetry` and `opentelemetry…`) go to standard error only,
//! from WARN up, at most one in [`QUIET`] from each place in the code, and never into OTLP, where they would feed
//! themselves. The program's own errors go there too, for whoever starts it by hand; the rest of its events do not.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::{Level, Metadata, callsite::Identifier, subscriber::Interest};
use tracing_subscriber::layer::{Context, Filter};

use trivium_otlp::{ExportError, PartialSuccess, Signal};

/// The shortest time between two messages from one place.
const QUIET: Duration = Duration::from_secs(30);

/// Crates that carry telemetry away: what they say would come from sending what they said.
const TRANSPORT: [&str; 7] = [
    "h2",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "rustls",
    "tonic",
    "tower",
];

/// Whether an event or span comes from sending telemetry.
pub(crate) fn is_transport(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    TRANSPORT.iter().any(|name| is_of_crate(target, name))
}

/// Whether an event is the telemetry's word of itself, or comes from sending it.
pub(crate) fn is_own(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target.starts_with("opentelemetry")
        || is_of_crate(target, "trivium_telemetry")
        || is_transport(metadata)
}

/// A target is a module's path unless the event says otherwise. A program may be called `hyper_service`.
fn is_of_crate(target: &str, name: &str) -> bool {
    let rest = target.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether an event belongs on standard error.
pub(crate) fn is_said(metadata: &Metadata<'_>) -> bool {
    let least = match is_own(metadata) {
        _ if *metadata.level() > Level::WARN => return false,
        true => Level::WARN,
        false => Level::ERROR,
    };
    metadata.is_event() && *metadata.level() <= least
}

/// Lets through to standard error what belongs there.
#[derive(Debug, Default)]
pub(crate) struct StderrFilter {
    last: Mutex<HashMap<Identifier, Instant>>,
}

impl<S> Filter<S> for StderrFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        is_said(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_said(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn event_enabled(&self, event: &tracing::Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        // Outages speak at their own pace; see `Outage`.
        if !is_own(metadata) || metadata.target() == OUTAGE {
            return true;
        }
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.get(&metadata.callsite()) {
            Some(time) if now.duration_since(*time) < QUIET => false,
            _ => {
                last.insert(metadata.callsite(), now);
                true
            }
        }
    }
}

const OUTAGE: &str = "trivium_telemetry::outage";

/// Says when sending one signal fails, at most each [`QUIET`], and when it works again.
#[derive(Debug)]
pub(crate) struct Outage {
    signal: Signal,
    since: Option<Instant>,
    last_said: Option<Instant>,
    dropped_before: u64,
}

impl Outage {
    pub(crate) fn new(signal: Signal) -> Self {
        Self {
            signal,
            since: None,
            last_said: None,
            dropped_before: 0,
        }
    }

    /// `dropped`: all items dropped so far for want of room.
    pub(crate) fn failed(&mut self, error: &ExportError, dropped: u64) {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            self.dropped_before = dropped;
        }
        if self.last_said.is_some_and(|time| time.elapsed() < QUIET) {
            return;
        }
        self.last_said = Some(Instant::now());
        let signal = self.signal.name();
        let dropped = dropped - self.dropped_before;
        if error.is_retryable {
            tracing::warn!(target: OUTAGE, dropped, "sending {signal} fails and is tried again: {error}");
        } else {
            tracing::warn!(target: OUTAGE, dropped, "{signal} refused and given up: {error}");
        }
    }

    pub(crate) fn ended(&mut self, dropped: u64) {
        if let Some(since) = self.since.take() {
            self.last_said = None;
            let seconds = since.elapsed().as_secs();
            let dropped = dropped - self.dropped_before;
            tracing::warn!(target: OUTAGE, dropped, "sending {} works again after {seconds} s", self.signal.name());
        }
    }

    /// How many items the receiver rejected of a request that it accepted; said when there are any.
    pub(crate) fn partial(&mut self, partial: Option<PartialSuccess>) -> u64 {
        let partial = partial.unwrap_or_default();
        let rejected = u64::try_from(partial.rejected).unwrap_or(0);
        if rejected > 0 || !partial.message.is_empty() {
            let signal = self.signal.name();
            tracing::warn!(
                rejected,
                "the receiver of {signal} says: {}",
                partial.message
            );
        }
        rejected
    }
}
