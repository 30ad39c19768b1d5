//! The JSON API: what the page shows, for programs and tests. Each answer is one JSON object whose list stands under the
//! plural noun of the path. Times are RFC 3339 in UTC, durations seconds, ids lower-case hexadecimal. Unknown parameters
//! are refused. It answers its own origin only (no CORS).

mod error;
mod machines;
mod metrics;
mod params;
mod pipeline;
mod traces;

use axum::Router;
use axum::routing::get;

pub use error::ApiError;
pub(crate) use params::trace_id_of_path;
pub use params::{ParameterError, Params};
pub(crate) use traces::{TRACE_FILTERS, log_range, wanted_traces};

use crate::AppState;

/// The routes under `/api`.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/api/services", get(metrics::services))
        .route("/api/metrics", get(metrics::metrics))
        .route("/api/metrics/{name}", get(metrics::metric))
        .route("/api/exemplars", get(metrics::exemplars))
        .route("/api/hosts", get(machines::hosts))
        .route("/api/hosts/{name}", get(machines::host))
        .route("/api/containers", get(machines::containers))
        .route("/api/containers/{id}", get(machines::container))
        .route("/api/traces", get(traces::traces))
        .route("/api/traces/{trace_id}", get(traces::trace))
        .route("/api/logs", get(traces::logs))
        .route("/api/pipeline", get(pipeline::hops))
        .route("/api/{*rest}", get(error::no_such_address))
        .with_state(state)
}
