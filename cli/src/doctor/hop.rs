//! The hops of a request's telemetry, in the order of the way, and what was found out about each.

use std::time::Duration;

use serde::Serialize;

/// Where on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    App,
    AppExport,
    Collector,
    CollectorExport,
    Metric,
    Exemplar,
    Trace,
    Logs,
    Grafana,
}

impl Place {
    /// As a person reads it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::App => "app answered",
            Self::AppExport => "app exported",
            Self::Collector => "Collector accepted",
            Self::CollectorExport => "Collector exported",
            Self::Metric => "metric there",
            Self::Exemplar => "exemplar there",
            Self::Trace => "trace there",
            Self::Logs => "logs there",
            Self::Grafana => "Grafana answers",
        }
    }

    /// Of a run whose first broken hop is this one; documented in `--help`.
    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::App => 11,
            Self::AppExport => 12,
            Self::Collector => 13,
            Self::CollectorExport => 14,
            Self::Metric => 15,
            Self::Exemplar => 16,
            Self::Trace => 17,
            Self::Logs => 18,
            Self::Grafana => 19,
        }
    }
}

/// What is known of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Well,
    Broken,
    /// Nothing can be said of it: what comes before it, or who would tell of it, is broken.
    Unknown,
}

/// One hop.
#[derive(Debug, Serialize)]
pub(super) struct Hop {
    pub(super) hop: Place,
    pub(super) state: State,
    /// The question, as it can be asked again; empty where the answers to others tell.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) asked: String,
    pub(super) came_back: String,
    /// How long the answer took; of a signal, how long after the request it was there, or how long it was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seconds: Option<f64>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

impl Hop {
    fn new(hop: Place, state: State, came_back: impl Into<String>) -> Self {
        Self {
            hop,
            state,
            asked: String::new(),
            came_back: came_back.into(),
            seconds: None,
            fix: None,
        }
    }

    pub(super) fn well(hop: Place, came_back: impl Into<String>) -> Self {
        Self::new(hop, State::Well, came_back)
    }

    pub(super) fn unknown(hop: Place, came_back: impl Into<String>) -> Self {
        Self::new(hop, State::Unknown, came_back)
    }

    pub(super) fn broken(hop: Place, came_back: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            fix: Some(fix.into()),
            ..Self::new(hop, State::Broken, came_back)
        }
    }

    pub(super) fn asked(mut self, question: &str) -> Self {
        question.clone_into(&mut self.asked);
        self
    }

    pub(super) fn after(mut self, time: Duration) -> Self {
        self.seconds = Some(time.as_secs_f64());
        self
    }
}
