//! An HTTP service on bare hyper: spans, durations with exemplars and logs for each request.
//!
//! `cargo run -p trivium-telemetry --example hyper_service`, then `curl 127.0.0.1:8080/orders/7`.

use std::{convert::Infallible, error::Error};

use http::{Request, Response, StatusCode, request::Parts};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::Layer as _;
use trivium_telemetry::{Telemetry, http::ServerLayer};

/// The template, never the path: each route is one series.
fn route_of(request: &Parts) -> Option<&'static str> {
    request
        .uri
        .path()
        .starts_with("/orders/")
        .then_some("/orders/{id}")
}

async fn handle(request: Request<Incoming>) -> Result<Response<Full<&'static [u8]>>, Infallible> {
    let Some(id) = request.uri().path().strip_prefix("/orders/") else {
        let mut response = Response::new(Full::new(b"not found\n".as_slice()));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    };
    tracing::info!(name: "order.read", order = id, "read an order");
    Ok(Response::new(Full::new(b"an order\n".as_slice())))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let telemetry = Telemetry::builder("orders")
        .version(env!("CARGO_PKG_VERSION"))
        .init()?;
    // A public port: a stranger's `traceparent` is linked to, not continued.
    let layer = ServerLayer::new(route_of).trust_callers_if(|_| false);
    let service = TowerToHyperService::new(layer.layer(tower::service_fn(handle)));

    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    tracing::info!(name: "orders.started", address = %listener.local_addr()?, "listening");
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = &mut interrupted => break,
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(name: "orders.connection.failed", %error, "a connection broke off");
            }
        });
    }
    telemetry.shutdown().await?;
    Ok(())
}
