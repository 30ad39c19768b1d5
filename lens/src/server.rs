//! The running lens: three listeners in front of one store. Stopping lets what is under way finish, for a bounded time.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use http::StatusCode;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::server::TcpIncoming;

use crate::access::{Access, TokenError};
use crate::config::Config;
use crate::ingest::{self, Ingest, TraceService};
use crate::store::{Store, StoreError};
use crate::{AppState, api, page};

/// How long requests that are under way may take when lens stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests that one gRPC connection may have open. Each may hold a decompressed message that waits for its share of ingest's
/// budget, 5 MiB from a Collector that catches up; with fewer, one of small batches would be slower.
const STREAMS_PER_CONNECTION: u32 = 8;

/// Why lens did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store did not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token could not be read.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Anyone in the network could read and write.
    #[error(
        "{setting}={address} is reached from beyond this machine, and there is no token: set LENS_TOKEN_FILE to a file with one \
         (`printf %s $(openssl rand -hex 32) > lens.token`), or {setting} to an address of 127.0.0.1"
    )]
    Open {
        /// The address.
        address: SocketAddr,
        /// The environment variable it comes from.
        setting: &'static str,
    },
    /// An address could not be taken.
    #[error("cannot listen on {address}: {source}; set {setting} to another address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The environment variable it comes from.
        setting: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A running lens.
#[derive(Debug)]
pub struct Lens {
    /// Where the page and the API are.
    pub page: SocketAddr,
    /// Where ingest over HTTP is.
    pub ingest_http: SocketAddr,
    /// Where ingest over gRPC is.
    pub ingest_grpc: SocketAddr,
    store: Store,
    stopping: CancellationToken,
    servers: TaskTracker,
}

impl Lens {
    /// Opens the store and listens; returns when all three addresses answer.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let access = access(config)?;
        let page = listen(config.listen, "LENS_LISTEN").await?;
        let ingest_http = listen(config.ingest_http, "LENS_INGEST_HTTP").await?;
        let ingest_grpc = listen(config.ingest_grpc, "LENS_INGEST_GRPC").await?;
        let store = Store::open(&config.store()).await?;
        let lens = Self {
            page: page.1,
            ingest_http: ingest_http.1,
            ingest_grpc: ingest_grpc.1,
            store: store.clone(),
            stopping: CancellationToken::new(),
            servers: TaskTracker::new(),
        };
        let ingest = Ingest::new(store.clone()).for_those_with(access.clone());
        let state = AppState { store };
        let pages = page::router(state.clone()).merge(api::router(state));
        let pages = page::guarded(pages, access).merge(lens.health());
        lens.serve(
            axum::serve(page.0, pages)
                .with_graceful_shutdown(lens.stopped())
                .into_future(),
        );
        let routes = ingest::router(ingest.clone());
        let ingest_http = ingest_http.0.tap_io(|connection| {
            // Without it the answer to a small request may wait for an acknowledgement; it is no reason to fail.
            let _ = connection.set_nodelay(true);
        });
        lens.serve(
            axum::serve(ingest_http, routes)
                .with_graceful_shutdown(lens.stopped())
                .into_future(),
        );
        lens.serve(
            tonic::transport::Server::builder()
                .max_concurrent_streams(STREAMS_PER_CONNECTION)
                .add_service(TraceService::new(ingest))
                .serve_with_incoming_shutdown(
                    TcpIncoming::from(ingest_grpc.0).with_nodelay(Some(true)),
                    lens.stopped(),
                ),
        );
        lens.servers.close();
        Ok(lens)
    }

    /// Stops listening, finishes what is under way, commits it, and leaves the database in one file.
    pub async fn stop(self) {
        self.stopping.cancel();
        if tokio::time::timeout(DRAIN_TIMEOUT, self.servers.wait())
            .await
            .is_err()
        {
            tracing::warn!(name: "lens.stop.cut", "some requests were not finished in time and are cut off");
        }
        self.store.close().await;
    }

    fn serve<E>(&self, server: impl Future<Output = Result<(), E>> + Send + 'static)
    where
        E: std::fmt::Display + Send + 'static,
    {
        self.servers.spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(name: "lens.server.failed", %error, "a listener ended");
            }
        });
    }

    fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        self.stopping.clone().cancelled_owned()
    }

    /// `/livez`: the process answers. `/readyz`: it stores what it gets.
    fn health(&self) -> Router {
        async fn readyz(
            State((store, stopping)): State<(Store, CancellationToken)>,
        ) -> (StatusCode, &'static str) {
            if stopping.is_cancelled() {
                (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
            } else if store.is_writable() {
                (StatusCode::OK, "ready\n")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "the store cannot write\n")
            }
        }
        Router::new()
            .route("/livez", get(|| async { "alive\n" }))
            .route("/readyz", get(readyz))
            .with_state((self.store.clone(), self.stopping.clone()))
    }
}

/// The token, which must be there when an address is reached from beyond this machine.
fn access(config: &Config) -> Result<Access, StartError> {
    let addresses = [
        (config.listen, "LENS_LISTEN"),
        (config.ingest_http, "LENS_INGEST_HTTP"),
        (config.ingest_grpc, "LENS_INGEST_GRPC"),
    ];
    let beyond = addresses
        .into_iter()
        .find(|(address, _)| !address.ip().to_canonical().is_loopback());
    match (&config.token_file, beyond) {
        (Some(path), _) => Ok(Access::with_token_of(path)?),
        (None, None) => Ok(Access::default()),
        (None, Some((address, setting))) => Err(StartError::Open { address, setting }),
    }
}

async fn listen(
    address: SocketAddr,
    setting: &'static str,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen {
        address,
        setting,
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}
