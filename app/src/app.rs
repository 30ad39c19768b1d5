//! The service without its network: settings, store, hasher, keys and counters, shared by all requests.

use std::{
    num::NonZero,
    sync::atomic::{AtomicBool, Ordering},
    thread::available_parallelism,
    time::Duration,
};

use crate::{
    faults::Faults,
    login_limits::LoginLimits,
    metrics::Metrics,
    password::{HashError, Hasher},
    settings::Settings,
    store::{Store, StoreError},
    token::{KeysError, Tokens},
};

/// What the handlers work with.
pub struct App {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) passwords: Hasher,
    pub(crate) tokens: Tokens,
    pub(crate) metrics: Metrics,
    pub(crate) login_limits: LoginLimits,
    pub(crate) faults: Faults,
    is_stopping: AtomicBool,
}

/// Why the service can't start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The keys of the access tokens.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The hasher.
    #[error("can't prepare the hashing of passwords")]
    Hasher(#[from] HashError),
}

impl App {
    /// Opens the database and prepares keys and hasher. Needs telemetry to be set up, or its metrics record nothing.
    ///
    /// # Errors
    /// [`OpenError`] says which part is not usable, and what to do.
    pub async fn open(settings: Settings) -> Result<Self, OpenError> {
        let cores = available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Ok(Self {
            passwords: Hasher::new(settings.bcrypt_cost, cores, stage_limit(&settings))?,
            store: Store::open(&settings.database()).await?,
            tokens: Tokens::open(&settings).await?,
            metrics: Metrics::new(),
            login_limits: LoginLimits::new(settings.login_rate_client, settings.login_rate_account),
            faults: faults(&settings),
            is_stopping: AtomicBool::new(false),
            settings,
        })
    }

    /// The longest that one stage of a request may take (receiving its body, waiting for a core), so that there is time
    /// left for the rest and for an answer that says which stage it was.
    pub(crate) fn stage_limit(&self) -> Duration {
        stage_limit(&self.settings)
    }

    /// When a refresh token that is made now expires; both in milliseconds since the Unix epoch.
    pub(crate) fn refresh_expiry(&self, now: i64) -> i64 {
        let ttl = i64::try_from(self.settings.refresh_ttl.as_millis()).unwrap_or(i64::MAX);
        now.saturating_add(ttl)
    }

    /// Whether the service was told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// From now on the service is not ready.
    pub(crate) fn set_stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Closes the database, after the last request.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

/// Faults on purpose must not be taken for the real thing.
fn faults(settings: &Settings) -> Faults {
    let faults = Faults::new(settings.faults.to_vec(), settings.faults_seed);
    let list = faults.list();
    if !list.is_empty() {
        let list = list.join(",");
        eprintln!("trivium-app makes FAULTS ON PURPOSE, as APP_FAULTS asks: {list}");
        tracing::warn!(name: "faults.enabled", faults = list, "making faults on purpose, as APP_FAULTS asks");
    }
    faults
}

fn stage_limit(settings: &Settings) -> Duration {
    settings.request_timeout / 2
}
