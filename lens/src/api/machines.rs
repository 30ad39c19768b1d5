//! Hosts and containers, as the agent's metrics, logs and the programs' own resources tell of them.
//!
//! | address | parameters | answer |
//! |---|---|---|
//! | `/api/hosts` | `since`, `until` | `hosts`: name, when seen, containers, and how busy it was last |
//! | `/api/hosts/{name}` | `since`, `until` | the same of one host, and `charts`, `filesystems`, `disks`, `interfaces` |
//! | `/api/containers` | `host`, `since`, `until` | `containers`: id, name, image, Compose or Kubernetes names, usage |
//! | `/api/containers/{id}` | `since`, `until` | the same of one container, whenever it was seen, and `charts` |
//!
//! A container is asked for by its id, an abbreviated id of at least 12 digits, or its name. Values that end in `_ratio` are
//! shares from 0 to 1, those in `_bytes` bytes; a value that nobody has sent is null. A chart has a `unit`
//! (`ratio`, `bytes`, `bytes_per_second`, `cpus`), a `limit` or null, and `lines` of `points`, each at the end of a step.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::{Value, json};

use super::{ApiError, Params};
use crate::AppState;
use crate::query::container;
use crate::query::containers::{self, Meters, Used};
use crate::query::host::{self, Detail};
use crate::query::hosts::{self, Host};
use crate::query::readings::{Chart, HOST_NAME, Readings};
use crate::query::series::Filter;
use crate::query::time::Range;

pub(super) async fn hosts(
    State(state): State<AppState>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let range = params.only(&["since", "until"])?.range()?;
    let pool = state.store.readers();
    let readings = Readings::open(pool, range).await?;
    let containers = containers::containers(pool, range).await?;
    let hosts = hosts::hosts(pool, &readings, range, &containers).await?;
    Ok(Json(json!({"hosts": hosts})))
}

/// One host with its charts.
#[derive(Debug, Serialize)]
pub(crate) struct DetailedHost {
    /// Which, and how busy it was last.
    #[serde(flatten)]
    pub(crate) host: Host,
    /// Everything else.
    #[serde(flatten)]
    pub(crate) detail: Detail,
}

pub(super) async fn host(
    State(state): State<AppState>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<DetailedHost>, ApiError> {
    let range = params.only(&["since", "until"])?.range()?;
    let pool = state.store.readers();
    let readings = Readings::open(pool, range).await?;
    let containers = containers::containers(pool, range).await?;
    let hosts = hosts::hosts(pool, &readings, range, &containers).await?;
    let Some(host) = hosts.into_iter().find(|host| host.name == name) else {
        return Err(ApiError::UnknownHost { name });
    };
    let detail = host::detail(&readings, &name, &host.usage).await?;
    Ok(Json(DetailedHost { host, detail }))
}

pub(super) async fn containers(
    State(state): State<AppState>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let params = params.only(&["host", "since", "until"])?;
    let (host, range) = (params.text("host"), params.range()?);
    let pool = state.store.readers();
    let mut containers = containers::containers(pool, range).await?;
    containers.retain(|container| host.is_none() || container.host.as_deref() == host);
    let readings = Readings::open(pool, range).await?;
    let of_host = host.map(|host| Filter::default().and(HOST_NAME, host));
    let meters = Meters::read(&readings, &of_host.unwrap_or_default()).await?;
    let containers: Vec<Used> = containers
        .into_iter()
        .map(|container| meters.used(container))
        .collect();
    Ok(Json(json!({"containers": containers})))
}

/// One container with its charts.
#[derive(Debug, Serialize)]
pub(crate) struct DetailedContainer {
    /// Which, and what it used last.
    #[serde(flatten)]
    pub(crate) used: Used,
    /// Those that it has metrics for.
    pub(crate) charts: Vec<Chart>,
}

pub(super) async fn container(
    State(state): State<AppState>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<DetailedContainer>, ApiError> {
    let range = params.only(&["since", "until"])?.range()?;
    Ok(Json(detailed_container(&state, &id, range).await?))
}

/// The container that `id` means, whenever it was seen, and what it used in `range`.
pub(crate) async fn detailed_container(
    state: &AppState,
    id: &str,
    range: Range,
) -> Result<DetailedContainer, ApiError> {
    let pool = state.store.readers();
    let known = containers::containers(pool, Range::ALL).await?;
    let Some(found) = containers::find(&known, id) else {
        return Err(ApiError::UnknownContainer { id: id.to_owned() });
    };
    let readings = Readings::open(pool, range).await?;
    // A container that sends no metrics has none that an empty filter could let through.
    let Some(filter) = found.filter() else {
        let (container, usage) = (found.clone(), containers::Usage::default());
        return Ok(DetailedContainer {
            used: Used { container, usage },
            charts: Vec::new(),
        });
    };
    Ok(DetailedContainer {
        used: Meters::read(&readings, &filter).await?.used(found.clone()),
        charts: container::charts(&readings, &filter).await?,
    })
}
