//! Services, metrics and exemplars.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::{ApiError, Params};
use crate::AppState;
use crate::query::exemplars::Wanted;
use crate::query::metrics::Metric;
use crate::query::names::Family;
use crate::query::{exemplars, metrics, services};

/// Exemplars listed when no limit is given.
const EXEMPLARS: i64 = 1_000;

pub(super) async fn services(
    State(state): State<AppState>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let range = params.only(&["since", "until"])?.range()?;
    let (services, _) = services::services(state.store.readers(), range).await?;
    Ok(Json(json!({"services": services})))
}

pub(super) async fn metrics(
    State(state): State<AppState>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    params.only(&[])?;
    let families = metrics::families(state.store.readers()).await?;
    Ok(Json(json!({"metrics": families})))
}

pub(super) async fn metric(
    State(state): State<AppState>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Metric>, ApiError> {
    let params = params.only(&["since", "until", "by", "where", "step"])?;
    let (range, by, filter, step) = (
        params.range()?,
        params.by(),
        params.filter()?,
        params.duration("step")?,
    );
    let pool = state.store.readers();
    let family = known(pool, &name).await?;
    Ok(Json(
        metrics::metric(pool, family, &filter, &by, range, step).await?,
    ))
}

pub(super) async fn exemplars(
    State(state): State<AppState>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let params = params.only(&["metric", "since", "until", "service", "route", "limit"])?;
    let (range, limit) = (params.range()?, params.limit(EXEMPLARS)?);
    let pool = state.store.readers();
    let family = match params.text("metric") {
        Some(name) => Some(known(pool, name).await?),
        None => None,
    };
    let (service, route) = (params.text("service"), params.text("route"));
    let wanted = Wanted {
        metric: family.as_ref(),
        service,
        route,
        range,
        limit,
    };
    Ok(Json(
        json!({"exemplars": exemplars::exemplars(pool, wanted).await?}),
    ))
}

async fn known(pool: &sqlx::SqlitePool, name: &str) -> Result<Family, ApiError> {
    metrics::family(pool, name)
        .await?
        .ok_or_else(|| ApiError::UnknownMetric {
            name: name.to_owned(),
        })
}
