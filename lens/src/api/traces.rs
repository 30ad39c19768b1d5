//! Traces and log records.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::{ApiError, Params, trace_id_of_path};
use crate::AppState;
use crate::query::time::{self, Range};
use crate::query::trace_attributes::Condition;
use crate::query::{logs, trace, traces};

/// Traces or records listed when no limit is given.
const USUAL_LIMIT: i64 = 100;

pub(super) async fn traces(
    State(state): State<AppState>,
    params: Params,
) -> Result<Json<traces::Found>, ApiError> {
    let params = params.only(&[&TRACE_FILTERS[..], &["since", "until", "limit"]].concat())?;
    let attributes = params.attributes()?;
    let wanted = wanted_traces(&params, &attributes, params.range()?)?;
    Ok(Json(traces::search(state.store.readers(), wanted).await?))
}

/// The parameters of [`wanted_traces`] but for the range and the limit.
pub(crate) const TRACE_FILTERS: [&str; 6] = [
    "service",
    "route",
    "status",
    "min_duration",
    "max_duration",
    "attribute",
];

/// What a search for traces is asked; `attributes` are those of `params`.
pub(crate) fn wanted_traces<'a>(
    params: &'a Params,
    attributes: &'a [Condition],
    range: Range,
) -> Result<traces::Wanted<'a>, ApiError> {
    let nanoseconds = |name| -> Result<Option<i64>, ApiError> {
        Ok(params.duration(name)?.map(time::nanoseconds))
    };
    Ok(traces::Wanted {
        service: params.text("service"),
        route: params.text("route"),
        outcome: params.outcome()?,
        min_duration_ns: nanoseconds("min_duration")?.unwrap_or(0),
        max_duration_ns: nanoseconds("max_duration")?.unwrap_or(i64::MAX),
        attributes,
        range,
        limit: usize::try_from(params.limit(USUAL_LIMIT)?).unwrap_or(usize::MAX),
    })
}

pub(super) async fn trace(
    State(state): State<AppState>,
    Path(trace_id): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    params.only(&[])?;
    let trace_id = trace_id_of_path(&trace_id)?;
    let spans = trace::spans(state.store.readers(), trace_id).await?;
    if spans.is_empty() {
        return Err(ApiError::UnknownTrace { trace_id });
    }
    Ok(Json(
        json!({"trace_id": trace_id.to_string(), "spans": spans}),
    ))
}

pub(super) async fn logs(
    State(state): State<AppState>,
    params: Params,
) -> Result<Json<logs::Found>, ApiError> {
    let params = params.only(&[
        "trace_id",
        "span_id",
        "service",
        "host",
        "container",
        "file",
        "event",
        "severity",
        "q",
        "since",
        "until",
        "limit",
    ])?;
    let trace_id = params.trace_id()?;
    let wanted = logs::Wanted {
        trace_id,
        span_id: params.span_id("span_id")?,
        service: params.text("service"),
        host: params.text("host"),
        container: params.text("container"),
        file: params.text("file"),
        event: params.text("event"),
        min_severity: params.min_severity()?,
        text: params.text("q"),
        range: log_range(&params, trace_id.is_some())?,
        limit: params.limit(USUAL_LIMIT)?,
    };
    Ok(Json(logs::search(state.store.readers(), wanted).await?))
}

/// A trace's records are looked for in all that is stored when no start is given.
pub(crate) fn log_range(params: &Params, of_trace: bool) -> Result<Range, ApiError> {
    if of_trace && params.text("since").is_none() {
        return Ok(Range {
            until_ns: params.moment("until")?.unwrap_or(i64::MAX),
            ..Range::ALL
        });
    }
    Ok(params.range()?)
}
