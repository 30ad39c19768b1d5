//! `GET /`, `/livez`, `/readyz`: name and version for people, life and readiness for orchestrators.
//!
//! Liveness says only that the process answers: what a restart can't cure must not cause one. Readiness turns to 503 when
//! the database does not answer, and from the signal to stop on.

use http::{Response, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{app::App, error::ApiError, json, stack::Body};

#[derive(Serialize, ToSchema)]
struct Index {
    status: &'static str,
    name: &'static str,
    version: &'static str,
    /// Faults that this run makes on purpose.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct Probe {
    status: &'static str,
}

/// Name and version
#[utoipa::path(
    get,
    path = "/",
    tag = "about",
    responses((status = 200, description = "Who answers", body = Index))
)]
pub(super) fn index(app: &App) -> Response<Body> {
    json::response(
        StatusCode::OK,
        &Index {
            status: "ok",
            name: "auth",
            version: env!("CARGO_PKG_VERSION"),
            faults: app.faults.list(),
        },
    )
}

/// Whether the process runs
#[utoipa::path(
    get,
    path = "/livez",
    tag = "about",
    responses((status = 200, description = "It does", body = Probe))
)]
pub(super) fn livez() -> Response<Body> {
    json::response(StatusCode::OK, &Probe { status: "ok" })
}

/// Whether the service takes traffic
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "about",
    responses((status = 200, description = "It does", body = Probe))
)]
pub(super) async fn readyz(app: &App) -> Result<Response<Body>, ApiError> {
    if app.is_stopping() {
        return Err(ApiError::Stopping);
    }
    let ping = app.store.ping().await;
    ping.map_err(|error| ApiError::DatabaseUnreachable(error.into()))?;
    Ok(json::response(StatusCode::OK, &Probe { status: "ready" }))
}
