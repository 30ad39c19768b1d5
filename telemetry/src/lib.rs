//! Metrics **with exemplars**, logs and traces over OTLP, for any Tokio program.
//!
//! ```no_run
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let telemetry = trivium_telemetry::Telemetry::builder("orders")
//!     .version(env!("CARGO_PKG_VERSION"))
//!     .init()?;
//!
//! tracing::info!(name: "orders.started", port = 8080, "listening");
//!
//! telemetry.shutdown().await?;
//! # Ok(())
//! # }
//! ```
//!
//! - Spans and logs come from [`tracing`]: each log record carries the trace and span id of the span it was made in, and
//!   its `name:` as the event's name.
//! - [`metrics`] has histograms and counters whose exemplars point to the spans they were recorded in.
//! - [`http::ServerLayer`] observes an HTTP server, [`db::Client`] database calls, [`task::spawn_blocking`] carries the
//!   span into blocking work.
//! - The standard `OTEL_*` variables decide where it goes; `RUST_LOG` which events become log records.
//!
//! Nothing here waits for the network on the program's own threads. While the Collector is away the program works on,
//! memory stays bounded, and what finds no room is counted in `otel.sdk.processor.*.processed` with
//! `error.type=queue_full`.

pub mod db;
mod diagnostics;
mod exemplar;
mod export;
pub mod http;
pub mod metrics;
#[cfg(feature = "process-metrics")]
mod process;
mod resource;
mod runtime;
mod settings;
mod setup;
mod signal;
pub mod task;

use std::time::Duration;

pub use settings::InvalidSetting;
pub use setup::{Builder, InitError, ShutdownError, Telemetry};

/// The longest that a flush or the first half of a shutdown takes.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);
