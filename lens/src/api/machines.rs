//! Hosts and containers, as the agent's metrics, logs and the programs' own resources tell of them.
//!
//! | address | parameters | answer |
//! |---|---|---|
//! | `/api/hosts` | `since`, `until` | `hosts`: name, when seen, containers, and how busy it was last |
//! | `/api/hosts/{name}` | `since`, `until` | the same of one host, whenever it was seen, and `charts`, `filesystems`, `disks`, `interfaces` |
//! | `/api/containers` | `host`, `since`, `until` | `containers`: id, name, image, Compose or Kubernetes names, usage |
//! | `/api/containers/{id}` | `since`, `until` | the same of one container, whenever it was seen, and `charts` |
//! | `/api/logs` | `host`, `container`, `file`, and its others | `logs` of that host, container (id or name), file (path or name) |
//!
//! A container is asked for by its id, an abbreviated id of at least 12 digits, or its name. Values that end in `_ratio` are
//! shares from 0 to 1, those in `_bytes` bytes; a value that nobody has sent is null. A chart has a `unit`
//! (`ratio`, `bytes`, `bytes_per_second`, `per_second`, `cpus`), a `limit` or null, and `lines` of `points`, each at the end of a step.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::{ApiError, Params};
use crate::AppState;
use crate::query::container::{self, DetailedContainer, Listing};
use crate::query::host::{self, DetailedHost};
use crate::query::hosts;

pub(super) async fn hosts(
    State(state): State<AppState>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let range = params.only(&["since", "until"])?.range()?;
    let hosts = hosts::hosts(state.store.readers(), range).await?;
    Ok(Json(json!({"hosts": hosts})))
}

pub(super) async fn host(
    State(state): State<AppState>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<DetailedHost>, ApiError> {
    let range = params.only(&["since", "until"])?.range()?;
    let found = host::host(state.store.readers(), &name, range, None).await?;
    found.map(Json).ok_or(ApiError::UnknownHost { name })
}

pub(super) async fn containers(
    State(state): State<AppState>,
    params: Params,
) -> Result<Json<Listing>, ApiError> {
    let params = params.only(&["host", "since", "until"])?;
    let (host, range) = (params.text("host"), params.range()?);
    let listing = container::listing(state.store.readers(), range, None, host).await?;
    Ok(Json(listing))
}

pub(super) async fn container(
    State(state): State<AppState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<DetailedContainer>, ApiError> {
    let range = params.only(&["since", "until"])?.range()?;
    let found = container::container(state.store.readers(), &id, range, None).await?;
    found.map(Json).ok_or(ApiError::UnknownContainer { id })
}
