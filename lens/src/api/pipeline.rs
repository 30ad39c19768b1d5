//! `/api/pipeline?since=…&until=…`: what each hop on the way of telemetry took in, handed on and lost.
//!
//! ```json
//! {"hops": [{"hop": "otlp", "kind": "collector_receiver", "instance": "8e6e…", "signal": "logs", "accepted": 1200.0,
//!   "refused": 0.0, "dropped": null, "sent": null, "failed": 0.0, "queue_size": null, "queue_capacity": null,
//!   "lag_seconds": null, "lag_bytes": null, "since": "2026-11-24T12:00:00Z"}]}
//! ```
//!
//! `kind` is one of `sdk`, `agent`, `collector_receiver`, `collector_processor`, `collector_exporter`, `lens`; hops stand in
//! that order. `signal` is `metrics`, `logs`, `traces`, or null of what is not of one. Numbers are items from `since` to the
//! end of the range, queues and lags as they were at its end, null where they are not known; see
//! [`Counts`](crate::query::pipeline_sources::Counts) for what each means.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::{ApiError, Params};
use crate::AppState;
use crate::query::pipeline;

pub(super) async fn hops(
    State(state): State<AppState>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let range = params.only(&["since", "until"])?.range()?;
    let hops = pipeline::hops(state.store.readers(), range).await?;
    Ok(Json(json!({"hops": hops})))
}
