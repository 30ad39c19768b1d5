//! The three kinds of store, each with the same questions for every product that can be one: has this counter risen, which
//! traces do exemplars open, which services are in a trace, which wrote logs in it.
//!
//! Every question names its address first and answers what came back, so that a person can ask it again by hand.

mod lens;
mod loki;
mod prometheus;
mod tempo;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, SystemTime},
};

use reqwest::{Client, Url};
use serde_json::Value;

use super::ask::{self, Answer, NoAnswer, ask, shown, without_password};

/// How far back counters are read, to know what they were before the request.
const BEFORE: Duration = Duration::from_secs(120);

/// Labels by Prometheus's spelling.
pub(super) type Labels = BTreeMap<String, String>;

/// A question and its answer.
#[derive(Debug)]
pub(super) struct Asked<T> {
    /// Method and address.
    pub(super) question: String,
    pub(super) answer: Result<T, NoAnswer>,
    /// How many seconds the store's clock is ahead of ours, if that many that it matters.
    pub(super) clock_ahead_seconds: Option<i64>,
}

/// A metric whose values are counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counter {
    /// As Prometheus has it, of a histogram without `_count`.
    pub(super) metric: &'static str,
    pub(super) is_histogram: bool,
}

/// One series with its samples, ascending in time.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) labels: Labels,
    /// When it was measured, by the clock of who did, and the value.
    pub(super) samples: Vec<(SystemTime, f64)>,
    /// By so much a sample may have been measured before its time.
    pub(super) resolution: Duration,
}

impl Series {
    /// Whether it has counted something that came in after `since`. Of a sample that may be from before or after, nothing is
    /// taken: the next one will tell.
    pub(super) fn has_risen(&self, since: SystemTime) -> bool {
        let certainly_after = since + self.resolution;
        let before = self.samples.iter().rev().find(|(time, _)| *time < since);
        let before = before.map_or(0.0, |(_, value)| *value);
        let last = self.samples.last();
        last.is_some_and(|(time, value)| *time >= certainly_after && *value > before)
    }
}

/// Where metrics and exemplars are.
#[derive(Debug)]
pub(super) enum MetricStore {
    Lens(Url),
    Prometheus(Url),
}

impl MetricStore {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Lens(_) => "lens",
            Self::Prometheus(_) => "Prometheus",
        }
    }

    /// The series of a counter that have these labels, with their samples from two minutes before `since` on.
    pub(super) async fn series(
        &self,
        client: &Client,
        counter: Counter,
        with: &[(&str, &str)],
        since: SystemTime,
    ) -> Asked<Vec<Series>> {
        match self {
            Self::Lens(base) => {
                let url = lens::series_url(base, counter, with, since - BEFORE);
                get(client, url, lens::series).await
            }
            Self::Prometheus(base) => {
                let url = prometheus::series_url(base, counter, with, since - BEFORE);
                get(client, url, prometheus::series).await
            }
        }
    }

    /// The ids of the traces that exemplars of this service's histogram open, of those measured after `since`.
    pub(super) async fn exemplars(
        &self,
        client: &Client,
        histogram: &str,
        service: &str,
        since: SystemTime,
    ) -> Asked<BTreeSet<String>> {
        match self {
            Self::Lens(base) => {
                let url = lens::exemplars_url(base, histogram, service, since);
                get(client, url, lens::exemplars).await
            }
            Self::Prometheus(base) => {
                let url = prometheus::exemplars_url(base, histogram, service, since);
                get(client, url, prometheus::exemplars).await
            }
        }
    }

    /// How many samples were refused as out of order since the store's start; `None` of a store that does not say.
    pub(super) async fn samples_refused(&self, client: &Client) -> Option<f64> {
        match self {
            Self::Lens(_) => None,
            Self::Prometheus(base) => {
                let url = prometheus::own_metrics_url(base);
                get(client, url, prometheus::samples_refused)
                    .await
                    .answer
                    .ok()
            }
        }
    }

    /// Whether exemplars are kept; `None` of a store that always does, or does not say.
    pub(super) async fn keeps_exemplars(&self, client: &Client) -> Option<bool> {
        match self {
            Self::Lens(_) => None,
            Self::Prometheus(base) => {
                let url = prometheus::flags_url(base);
                get(client, url, prometheus::keeps_exemplars)
                    .await
                    .answer
                    .ok()
            }
        }
    }
}

/// Where logs are.
#[derive(Debug)]
pub(super) enum LogStore {
    Lens(Url),
    Loki(Url),
}

impl LogStore {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Lens(_) => "lens",
            Self::Loki(_) => "Loki",
        }
    }

    /// The services that wrote records in this trace.
    pub(super) async fn services(
        &self,
        client: &Client,
        trace_id: &str,
        since: SystemTime,
    ) -> Asked<BTreeSet<String>> {
        match self {
            Self::Lens(base) => {
                get(client, lens::logs_url(base, trace_id), lens::log_services).await
            }
            Self::Loki(base) => {
                let url = loki::url(base, trace_id, since - BEFORE);
                get(client, url, loki::services).await
            }
        }
    }
}

/// Where traces are.
#[derive(Debug)]
pub(super) enum TraceStore {
    Lens(Url),
    Tempo(Url),
}

impl TraceStore {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Lens(_) => "lens",
            Self::Tempo(_) => "Tempo",
        }
    }

    /// The services that have spans in this trace; none while there is no such trace.
    pub(super) async fn services(
        &self,
        client: &Client,
        trace_id: &str,
    ) -> Asked<BTreeSet<String>> {
        match self {
            Self::Lens(base) => {
                get(
                    client,
                    lens::trace_url(base, trace_id),
                    lens::trace_services,
                )
                .await
            }
            Self::Tempo(base) => get(client, tempo::url(base, trace_id), tempo::services).await,
        }
    }
}

/// `Prometheus at http://127.0.0.1:9090`
fn fmt_store(f: &mut fmt::Formatter<'_>, name: &str, url: &Url) -> fmt::Result {
    write!(
        f,
        "{name} at {}",
        without_password(url).as_str().trim_end_matches('/')
    )
}

impl fmt::Display for MetricStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Lens(url) | Self::Prometheus(url)) = self;
        fmt_store(f, self.name(), url)
    }
}

impl fmt::Display for LogStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Lens(url) | Self::Loki(url)) = self;
        fmt_store(f, self.name(), url)
    }
}

impl fmt::Display for TraceStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Lens(url) | Self::Tempo(url)) = self;
        fmt_store(f, self.name(), url)
    }
}

async fn get<T>(
    client: &Client,
    url: Url,
    read: impl FnOnce(&Answer) -> Result<T, NoAnswer>,
) -> Asked<T> {
    let question = shown("GET", &url);
    // Tempo answers protobuf to who does not say.
    let request = ask::get(client, url).header("accept", "application/json");
    match ask(request).await {
        Ok(answer) => Asked {
            question,
            clock_ahead_seconds: answer.clock_ahead_seconds,
            answer: read(&answer),
        },
        Err(error) => Asked {
            question,
            clock_ahead_seconds: None,
            answer: Err(error),
        },
    }
}

/// The items of a JSON array; of anything else none.
fn items(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The number of seconds and milliseconds since 1970, as Prometheus takes a time.
fn unix_seconds(time: SystemTime) -> String {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    format!("{:.3}", since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_risen_when_it_is_more_after_than_before() {
        let request = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let series = |samples: &[(u64, f64)]| Series {
            labels: Labels::new(),
            samples: samples
                .iter()
                .map(|&(at, value)| (SystemTime::UNIX_EPOCH + Duration::from_secs(at), value))
                .collect(),
            resolution: Duration::from_secs(2),
        };
        assert!(series(&[(90, 3.0), (102, 4.0)]).has_risen(request));
        assert!(series(&[(102, 1.0)]).has_risen(request));
        assert!(!series(&[(90, 3.0), (102, 3.0)]).has_risen(request));
        assert!(!series(&[(80, 2.0), (90, 3.0)]).has_risen(request));
        // May be of others, before the request; the same value later is certain.
        assert!(!series(&[(90, 3.0), (101, 4.0)]).has_risen(request));
        assert!(series(&[(90, 3.0), (101, 4.0), (103, 4.0)]).has_risen(request));
        assert!(!series(&[]).has_risen(request));
    }
}
