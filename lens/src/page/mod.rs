//! The server-rendered page.

use axum::Router;

use crate::AppState;

/// The routes of the page.
pub fn router(state: AppState) -> Router {
    Router::new().with_state(state)
}
