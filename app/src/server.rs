//! The network side: accepts connections, serves HTTP/1.1 on them, and drains them at the end.
//!
//! - No error of a connection or of accepting ends it.
//! - A client that is silent, slow with its head or idle is closed after `APP_REQUEST_TIMEOUT`.
//! - At most [`MAX_CONNECTIONS`] are open; the next wait in the kernel's queue.
//! - A request that has begun when the service is told to stop has `APP_DRAIN_TIMEOUT` to end. There is no pause between
//!   the two: a balancer should stop sending before it sends the signal.
//! - No TLS and no HTTP/2: both are a proxy's, and hyper-util's protocol detection has no timeout.

use std::{error::Error, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tower::ServiceExt;

use crate::{
    app::App,
    client,
    stack::{self, Stack},
    upkeep,
};

/// Idle connections cost a file descriptor and some memory each; the common limit of descriptors is reached first.
const MAX_CONNECTIONS: usize = 4096;
const MAX_HEADERS: usize = 64;
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Accepting fails when descriptors run out: time for some to be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server has no address.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address}: another program may use the port; choose one with APP_LISTEN")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// A bound server, ready to run.
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes the address of the settings; clients can connect from here on.
    ///
    /// # Errors
    /// [`BindError`] names the address.
    pub async fn bind(app: Arc<App>) -> Result<Self, BindError> {
        let address = app.settings.listen;
        let error = |source| BindError { address, source };
        let listener = TcpListener::bind(address).await.map_err(error)?;
        let address = listener.local_addr().map_err(error)?;
        Ok(Self {
            app,
            listener,
            address,
        })
    }

    /// The address, with the port that port 0 became.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves; then `/readyz` says 503, no connection is accepted any more, and open requests have
    /// their time to end.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self {
            app,
            listener,
            address,
        } = self;
        let connections = Connections::new(&app);
        tracing::info!(name: "server.started", { server.address = %address.ip(), server.port = address.port() }, "listening");

        let mut stop = pin!(stop);
        {
            // Dropped at the end of this block: what is no longer polled must not keep a connection to the database.
            let mut upkeep = pin!(upkeep::run(&app));
            loop {
                tokio::select! {
                    biased;
                    () = &mut stop => break,
                    never = &mut upkeep => match never {},
                    () = connections.accept(&listener) => {}
                }
            }
        }
        app.set_stopping();
        drop(listener);
        tracing::info!(name: "server.stopping", connections = connections.drain.count(), "stopping");
        if timeout(app.settings.drain_timeout, connections.drain.shutdown())
            .await
            .is_err()
        {
            tracing::warn!(name: "server.drain.timed_out", "some requests did not end within APP_DRAIN_TIMEOUT");
        }
    }
}

/// The open connections, and how each is served.
struct Connections {
    app: Arc<App>,
    http: http1::Builder,
    stack: Stack,
    permits: Arc<Semaphore>,
    drain: GracefulShutdown,
}

impl Connections {
    fn new(app: &Arc<App>) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(app.settings.request_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES);
        Self {
            app: Arc::clone(app),
            http,
            stack: stack::build(Arc::clone(app)),
            permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            drain: GracefulShutdown::new(),
        }
    }

    /// Waits for room and for the next connection. May be dropped while it waits: no connection is lost.
    async fn accept(&self, listener: &TcpListener) {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, peer)) => self.serve(stream, peer, permit),
            Err(error) => {
                tracing::warn!(name: "server.accept.failed", error = &error as &dyn Error, "can't accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        // Answers are written whole; waiting to join them with more would only delay them. A socket that refuses is broken,
        // which its first read will tell.
        let _ = stream.set_nodelay(true);
        let stack = self.stack.clone();
        let app = Arc::clone(&self.app);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let client = client::address(peer, request.headers(), &app.settings.trusted_proxies);
            // The telemetry library takes `client.address` from here.
            request.extensions_mut().insert(client);
            stack.clone().oneshot(request)
        });
        let connection = self
            .drain
            .watch(self.http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            let _held_to_the_end = permit;
            if let Err(error) = connection.await {
                // What clients do to their connections is theirs; the requests have their own logs.
                tracing::debug!(name: "server.connection.failed", error = &error as &dyn Error, "connection failed");
            }
        });
    }
}
