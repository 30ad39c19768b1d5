//! lens, the embedded backend for one developer's machine: takes in what the Collector sends to Prometheus, Loki and
//! Tempo, keeps it in one SQLite file, and shows it on a page and as JSON. Nothing acknowledged is lost when the process
//! is killed; it is not clustered, knows one token and no users, and a power failure may take the last moments.

pub mod access;
pub mod api;
pub mod command;
pub mod config;
pub mod file;
pub mod ingest;
pub mod model;
pub mod page;
pub mod query;
pub mod server;
pub mod store;

use store::Store;

/// What the handlers of the page and the API share.
#[derive(Debug, Clone)]
pub struct AppState {
    /// The one store.
    pub store: Store,
}
