//! Listens, serves each connection on a task of its own, and ends when it is told to.

use std::{
    future::{Future, pending},
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use hyper::{server::conn, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};

use super::{
    BindError, Deliver, HostResource, Settings, body::Budget, grpc, http, receive::Receiver,
};

/// Of both protocols together; further ones wait to be accepted.
pub const MAX_CONNECTIONS: usize = 256;

/// So many calls may run at once on one connection; more of a client wait in the client.
const MAX_STREAMS: u32 = 64;
/// What a client may send on a connection before it is read, also in one frame. The defaults of 64 KiB and 16 KiB make it wait
/// within a large batch, and cut it into writes that each wake the agent.
const WINDOW_BYTES: u32 = 256 << 10;
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// Also how long an idle connection is kept: longer than the minute between a program's metrics.
const HEADER_TIMEOUT: Duration = Duration::from_secs(90);
/// A client that is gone without a word is found out by then.
const PING_INTERVAL: Duration = Duration::from_secs(60);
/// After a failure to accept, mostly for want of descriptors, which come back when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The receivers while they listen and do not yet serve.
#[derive(Debug)]
pub struct Relay {
    grpc: Option<TcpListener>,
    http: Option<TcpListener>,
}

impl Relay {
    /// Listens.
    ///
    /// # Errors
    /// When an address is in use, or not of this host.
    pub async fn bind(settings: Settings) -> Result<Self, BindError> {
        Ok(Self {
            grpc: bind(settings.grpc, "grpc").await?,
            http: bind(settings.http, "http").await?,
        })
    }

    /// Where it listens for OTLP/gRPC.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc.as_ref()?.local_addr().ok()
    }

    /// Where it listens for OTLP/HTTP.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref()?.local_addr().ok()
    }

    /// Serves until `shutdown` is done; then accepts nothing more, and returns when the running requests are answered. How
    /// long that may take is the caller's to limit.
    pub async fn serve<D: Deliver>(
        self,
        deliver: D,
        host: HostResource,
        shutdown: impl Future<Output = ()>,
    ) {
        let receiver = Receiver {
            deliver,
            host: Arc::new(host),
            budget: Budget::new(),
        };
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let graceful = GracefulShutdown::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let accepting = async {
                let permit = Arc::clone(&connections).acquire_owned().await;
                tokio::select! {
                    accepted = accept(self.grpc.as_ref()) => accepted.map(|stream| (stream, true, permit)),
                    accepted = accept(self.http.as_ref()) => accepted.map(|stream| (stream, false, permit)),
                }
            };
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = accepting => accepted,
            };
            match accepted {
                Ok((stream, is_grpc, permit)) => {
                    let connection = serve(stream, is_grpc, receiver.clone(), graceful.watcher());
                    tokio::spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting an OTLP connection failed");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self);
        graceful.shutdown().await;
    }
}

async fn bind(
    address: Option<SocketAddr>,
    protocol: &'static str,
) -> Result<Option<TcpListener>, BindError> {
    let Some(address) = address else {
        return Ok(None);
    };
    let listening = TcpListener::bind(address).await;
    listening.map(Some).map_err(|source| BindError {
        address,
        protocol,
        source,
    })
}

/// The next connection; of no listener, none ever comes.
async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => Ok(listener.accept().await?.0),
        None => pending().await,
    }
}

/// Serves a connection to its end. What goes wrong on it is the client's to see: it gets no answer and sends again.
async fn serve<D: Deliver>(
    stream: TcpStream,
    is_grpc: bool,
    receiver: Receiver<D>,
    watcher: Watcher,
) {
    // Without it, a small answer may wait for the acknowledgement of another one. It costs no correctness.
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(stream);
    if is_grpc {
        let service = service_fn(move |request| grpc::call(receiver.clone(), request));
        let connection = conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_frame_size(WINDOW_BYTES)
            .max_header_list_size(MAX_HEADER_BYTES)
            .keep_alive_interval(PING_INTERVAL)
            .serve_connection(stream, service);
        let _ = watcher.watch(connection).await;
    } else {
        let service = service_fn(move |request| http::call(receiver.clone(), request));
        let connection = conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_header_size(MAX_HEADER_BYTES as usize)
            .serve_connection(stream, service);
        let _ = watcher.watch(connection).await;
    }
}
