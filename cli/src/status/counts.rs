//! What each part took in, turned down, lost and holds back, from the hops that lens knows of.
//!
//! A part is one or more hops: the app is its SDK; the Collector takes in by its receivers, and queues and loses in its
//! exporters; the agent and lens are one hop each. A part's numbers are the sums over its hops and signals, and a lag is that
//! of the hop farthest behind. What other programs and other agents send through this stack counts where it passes.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    secret,
    state::{Record, rfc3339},
};

const TIMEOUT: Duration = Duration::from_secs(5);
/// The `service.name` of the app.
const APP: &str = "auth";

/// One hop and signal, as `/api/pipeline` has it; its documentation tells what each number means.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Hop {
    pub(super) hop: String,
    pub(super) kind: String,
    pub(super) signal: Option<String>,
    pub(super) accepted: Option<f64>,
    pub(super) refused: Option<f64>,
    pub(super) dropped: Option<f64>,
    pub(super) sent: Option<f64>,
    pub(super) failed: Option<f64>,
    pub(super) queue_size: Option<f64>,
    pub(super) queue_capacity: Option<f64>,
    pub(super) lag_seconds: Option<f64>,
    pub(super) lag_bytes: Option<f64>,
}

/// The numbers of a part: items since the start of the stack. Absent: not counted, or not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Counts {
    pub(super) accepted: Option<f64>,
    /// Turned down, and the sender was told.
    pub(super) refused: Option<f64>,
    /// Given up: found no room, or could not be handed on.
    pub(super) dropped: Option<f64>,
    /// What waits now; requests in the Collector, items elsewhere.
    pub(super) queue_size: Option<f64>,
    pub(super) queue_capacity: Option<f64>,
    pub(super) lag_seconds: Option<f64>,
    pub(super) lag_bytes: Option<f64>,
}

/// Why there are no counts.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum NoCounts {
    #[error("no counts: lens, which keeps them, is not among the backends ({backends})")]
    NoLens { backends: String },
    #[error("no counts: lens, which keeps them, is not up")]
    LensDown,
    #[error(
        "no counts: cannot read the token of lens in {}: {reason}; run this as the user that started it",
        path.display()
    )]
    Token { path: PathBuf, reason: String },
    #[error("no counts: lens gave none at {url} ({reason}); `trivium logs lens` may tell why")]
    Failed { url: String, reason: String },
}

#[derive(Deserialize)]
struct Answer {
    hops: Vec<Hop>,
}

/// Asks the lens of `record`. The outer error: there is no way to ask at all.
pub(super) async fn fetch(record: &Record) -> reqwest::Result<Result<Vec<Hop>, NoCounts>> {
    let Some(page) = record.address("lens", "page") else {
        let missing = if record.backends.iter().any(|name| name == "lens") {
            NoCounts::LensDown
        } else {
            let backends = record.backends.join(", ");
            NoCounts::NoLens { backends }
        };
        return Ok(Err(missing));
    };
    let mut parts = record.parts.iter();
    let lens = parts.find(|part| part.name == "lens");
    let is_down = || !lens.is_some_and(|lens| lens.process.is_alive());
    if is_down() {
        return Ok(Err(NoCounts::LensDown));
    }
    let http = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .build()?;
    let url = format!("{page}api/pipeline?since={}", rfc3339::text(record.since));
    let mut request = http.get(&url);
    if let Some(path) = &record.lens_token_file {
        match secret::read(path) {
            Ok(token) => request = request.bearer_auth(token),
            Err(error) => {
                let (path, reason) = (path.clone(), error.to_string());
                return Ok(Err(NoCounts::Token { path, reason }));
            }
        }
    }
    let answer = async {
        let answer = request.send().await?.error_for_status()?;
        answer.json::<Answer>().await
    };
    Ok(match answer.await {
        Ok(answer) => Ok(answer.hops),
        // It ended while it was asked.
        Err(_) if is_down() => Err(NoCounts::LensDown),
        Err(error) => Err(NoCounts::Failed {
            url: url.clone(),
            reason: reason(&error),
        }),
    })
}

/// Without the address, which is said beside it.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    if let Some(status) = error.status() {
        return status.to_string();
    }
    if error.is_decode() {
        return "not the JSON that was expected".to_owned();
    }
    "nothing answers".to_owned()
}

/// The hops that a part is.
pub(super) fn of_part<'a>(part: &str, hops: &'a [Hop]) -> Vec<&'a Hop> {
    let is_its = |hop: &&Hop| match hop.kind.as_str() {
        "sdk" => part == "app" && hop.hop == APP,
        "agent" => part == "agent",
        "lens" => part == "lens",
        kind => part == "otelcol" && kind.starts_with("collector_"),
    };
    hops.iter().filter(is_its).collect()
}

impl Counts {
    /// The sums over the hops of one part.
    pub(super) fn sum(hops: &[&Hop]) -> Self {
        let mut sum = Self::default();
        for hop in hops {
            sum.add(hop);
        }
        sum
    }

    fn add(&mut self, hop: &Hop) {
        let lost = total(hop.dropped, hop.failed);
        match hop.kind.as_str() {
            // The way in of a Collector; what failed there its sender was told.
            "collector_receiver" => {
                self.accepted = total(self.accepted, hop.accepted);
                self.refused = total(self.refused, hop.refused);
            }
            // It works on what a receiver has counted, and leaves out what it was told to.
            "collector_processor" => return,
            "collector_exporter" => self.dropped = total(self.dropped, lost),
            // Its failed ones are requests, which are sent again.
            "lens" => {
                self.accepted = total(self.accepted, hop.accepted);
                self.refused = total(self.refused, hop.refused);
            }
            // What makes its own data has no way in that is counted: all that it sent or lost.
            _ => {
                let taken_in = hop.accepted.or(total(hop.sent, hop.failed));
                self.accepted = total(self.accepted, taken_in);
                self.refused = total(self.refused, hop.refused);
                self.dropped = total(self.dropped, lost);
            }
        }
        self.queue_size = total(self.queue_size, hop.queue_size);
        self.queue_capacity = total(self.queue_capacity, hop.queue_capacity);
        self.lag_bytes = total(self.lag_bytes, hop.lag_bytes);
        self.lag_seconds = match (self.lag_seconds, hop.lag_seconds) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
    }
}

/// The sum of what is known.
fn total(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops() -> Vec<Hop> {
        let json = r#"[
          {"hop": "auth", "kind": "sdk", "signal": "logs", "accepted": 10, "dropped": 1, "sent": 9, "failed": 2, "queue_size": 3,
           "queue_capacity": 2048},
          {"hop": "auth", "kind": "sdk", "signal": "metrics", "sent": 40, "failed": 4},
          {"hop": "trivium-lens", "kind": "sdk", "signal": "logs", "accepted": 1000},
          {"hop": "host", "kind": "agent", "signal": "logs", "accepted": 7, "dropped": 1, "lag_bytes": 100, "lag_seconds": 2.5},
          {"hop": "host", "kind": "agent", "signal": null, "lag_bytes": 20, "lag_seconds": 1.5},
          {"hop": "otlp", "kind": "collector_receiver", "signal": "logs", "accepted": 50, "refused": 5, "failed": 6},
          {"hop": "redaction", "kind": "collector_processor", "signal": "logs", "accepted": 50, "dropped": 9},
          {"hop": "otlp_http/lens", "kind": "collector_exporter", "signal": "logs", "sent": 40, "failed": 3, "dropped": 4,
           "queue_size": 1, "queue_capacity": 1000},
          {"hop": "trivium-lens", "kind": "lens", "signal": "logs", "accepted": 40, "refused": 8, "failed": 2, "lag_bytes": 64}]"#;
        serde_json::from_str(json).unwrap()
    }

    fn of(part: &str) -> Counts {
        Counts::sum(&of_part(part, &hops()))
    }

    #[test]
    fn the_app_is_its_sdk_and_nobody_elses() {
        let expected = Counts {
            accepted: Some(54.0),
            dropped: Some(7.0),
            queue_size: Some(3.0),
            queue_capacity: Some(2048.0),
            ..Counts::default()
        };
        assert_eq!(of("app"), expected);
    }

    #[test]
    fn a_collector_takes_in_by_receivers_and_loses_in_exporters() {
        let expected = Counts {
            accepted: Some(50.0),
            refused: Some(5.0),
            dropped: Some(7.0),
            queue_size: Some(1.0),
            queue_capacity: Some(1000.0),
            ..Counts::default()
        };
        assert_eq!(of("otelcol"), expected);
    }

    #[test]
    fn the_agent_lags_as_its_slowest_source_does() {
        let expected = Counts {
            accepted: Some(7.0),
            dropped: Some(1.0),
            lag_bytes: Some(120.0),
            lag_seconds: Some(2.5),
            ..Counts::default()
        };
        assert_eq!(of("agent"), expected);
    }

    #[test]
    fn requests_that_lens_turned_down_are_no_items() {
        let expected = Counts {
            accepted: Some(40.0),
            refused: Some(8.0),
            lag_bytes: Some(64.0),
            ..Counts::default()
        };
        assert_eq!(of("lens"), expected);
    }
}
