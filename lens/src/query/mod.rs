//! Reads the store for the API and the page: SQL and arithmetic, no HTTP. Each query is bounded by a range and a limit and
//! runs on the read-only connections, so that neither ingest nor another reader waits for it.

pub mod changes;
pub mod container;
pub mod containers;
pub mod exemplars;
pub mod histogram;
pub mod host;
pub mod hosts;
pub mod ids;
pub mod logs;
pub mod logs_context;
pub mod logs_tally;
pub mod map;
pub mod metrics;
pub mod names;
pub mod pipeline;
pub mod pipeline_sources;
pub mod process;
pub mod readings;
pub mod search;
pub mod selection;
pub mod series;
pub mod services;
pub mod time;
pub mod trace;
pub mod trace_attributes;
pub mod trace_compare;
pub mod trace_tree;
pub mod traces;
pub mod traces_scatter;

/// Why the store gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// SQLite refused.
    #[error("cannot read the store: {0}")]
    Store(#[from] sqlx::Error),
    /// A stored JSON column does not hold what the schema says.
    #[error("the store holds malformed JSON in {column}: {source}")]
    Malformed {
        /// Table and column.
        column: &'static str,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// The selection would take too long to read.
    #[error(
        "{family} has {found} series here, at most {limit} can be read at once; narrow them with `where`"
    )]
    TooManySeries {
        /// The metric.
        family: String,
        /// Series that match.
        found: usize,
        /// Series that may.
        limit: usize,
    },
    /// The answer would have too many points.
    #[error(
        "step: `{step_seconds}s` cuts the range into more than {limit} steps; name a longer step or a shorter range"
    )]
    TooManySteps {
        /// The step asked for.
        step_seconds: f64,
        /// Steps that a range may have.
        limit: i64,
    },
}

/// Parses a JSON column. What ingest writes always parses; a file edited by hand may not.
pub(crate) fn from_json<'a, T: serde::Deserialize<'a>>(
    column: &'static str,
    text: &'a str,
) -> Result<T, QueryError> {
    serde_json::from_str(text).map_err(|source| QueryError::Malformed { column, source })
}

/// A list of ids as the one parameter that `json_each` unfolds; SQLite has no array parameters.
pub(crate) fn json_ids(ids: impl Iterator<Item = i64>) -> String {
    serde_json::Value::from_iter(ids).to_string()
}
