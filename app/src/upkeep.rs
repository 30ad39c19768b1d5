//! What the service does on its own while it serves: takes changed keys, and deletes refresh tokens that have expired.

use std::{convert::Infallible, error::Error, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::{app::App, store, token};

/// Expired tokens are refused in any case: they only take room.
const CLEANING_INTERVAL: Duration = Duration::from_secs(3600);

/// Runs until it is dropped.
pub(crate) async fn run(app: &App) -> Infallible {
    let mut keys = interval(token::KEYS_POLL_INTERVAL);
    let mut cleaning = interval(CLEANING_INTERVAL);
    for interval in [&mut keys, &mut cleaning] {
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    loop {
        tokio::select! {
            _ = keys.tick() => app.tokens.reload_keys().await,
            _ = cleaning.tick() => clean(app).await,
        }
    }
}

async fn clean(app: &App) {
    match app.store.delete_expired_families(store::now()).await {
        Ok(0) => {}
        Ok(families) => {
            tracing::info!(name: "auth.refresh.cleaned", families, "deleted expired refresh tokens");
        }
        Err(error) => {
            tracing::warn!(name: "auth.refresh.clean_failed", error = &error as &dyn Error, "can't delete expired refresh tokens");
        }
    }
}
