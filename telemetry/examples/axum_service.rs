//! An HTTP service on axum, with a database call inside a request.
//!
//! `cargo run -p trivium-telemetry --example axum_service`, then `curl 127.0.0.1:8080/orders/7`.

use std::{convert::Infallible, error::Error, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    http::request::Parts,
    routing::get,
};
use tokio::net::TcpListener;
use trivium_telemetry::{Telemetry, db, http::ServerLayer};

/// The layer stands outside of axum's router, so that it sees every answer; the templates are named once more here.
fn route_of(request: &Parts) -> Option<&'static str> {
    request
        .uri
        .path()
        .starts_with("/orders/")
        .then_some("/orders/{id}")
}

async fn read_order(State(database): State<db::Client>, Path(id): Path<u64>) -> String {
    let row = database
        .operation("SELECT", "orders")
        .query_text("SELECT item FROM orders WHERE id = $1")
        .observe(query(id))
        .await;
    let Ok(item) = row;
    tracing::info!(name: "order.read", order = id, "read an order");
    format!("{item}\n")
}

/// Stands for a driver.
async fn query(_id: u64) -> Result<&'static str, Infallible> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    Ok("a book")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let telemetry = Telemetry::builder("orders")
        .version(env!("CARGO_PKG_VERSION"))
        .init()?;
    let router = Router::new()
        .route("/orders/{id}", get(read_order))
        .with_state(db::Client::new("postgresql", "orders"))
        .layer(ServerLayer::new(route_of));

    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    tracing::info!(name: "orders.started", address = %listener.local_addr()?, "listening");
    axum::serve(listener, router)
        .with_graceful_shutdown(async {
            // Without a handler for the signal there is nothing to wait for.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    telemetry.shutdown().await?;
    Ok(())
}
