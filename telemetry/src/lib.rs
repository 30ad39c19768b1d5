//! Metrics **with exemplars**, logs and traces over OTLP, for any Tokio program.
//!
//! An exemplar is a measurement kept together with the span it was made in: a dot on a latency chart that opens its trace.
//! The Rust SDK (0.33) has none; this crate adds them, and with them an exporter that loses nothing without a word. Spans
//! and logs are those of [`tracing`], so that most of a program stays as it is.
//!
//! # Quick start
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
//! That is all a program needs to send its logs, its spans and the metrics of its process to a Collector on this host.
//! The folder `examples/` has whole programs: a service on hyper, one on axum, a worker, a command-line program.
//!
//! - A span is a [`tracing`] span. The fields `otel.name`, `otel.kind` and `otel.status_code` set what OpenTelemetry knows
//!   besides attributes.
//! - A log record is a [`tracing`] event. It carries the trace and span id of the span it was made in, and its `name:` as
//!   the event's name. Events do not become span events: they would be stored twice.
//! - What the telemetry says of itself, an outage above all, goes to standard error, as do the program's own errors.
//!
//! # Instruments
//!
//! [`metrics`] has the two instruments that carry exemplars. They keep the span they are used in:
//!
//! ```
//! use opentelemetry::KeyValue;
//! use trivium_telemetry::metrics::{DURATION_BOUNDARIES, meter};
//!
//! let duration = meter("orders")
//!     .f64_histogram("orders.packing.duration")
//!     .with_unit("s")
//!     .with_boundaries(DURATION_BOUNDARIES.to_vec())
//!     .build();
//! tracing::info_span!("pack").in_scope(|| duration.record(0.25, &[KeyValue::new("size", "large")]));
//! ```
//!
//! Attributes come from short lists: each combination is a series, and past 2000 of one instrument the rest is folded into
//! one. All other instruments are those of [`opentelemetry::global::meter`], where counters of `u64`, up-down counters of `i64`
//! and histograms of `f64` carry exemplars too.
//!
//! # HTTP servers
//!
//! [`http::ServerLayer`] is a tower layer: the server span, `http.server.request.duration` with exemplars and
//! `http.server.active_requests`. It works with whatever takes a tower layer: hyper, axum, tonic.
//!
//! ```
//! use trivium_telemetry::http::ServerLayer;
//!
//! let layer = ServerLayer::new(|request| match request.uri.path() {
//!     "/orders" => Some("/orders"),
//!     path if path.starts_with("/orders/") => Some("/orders/{id}"),
//!     _ => None,
//! });
//! ```
//!
//! By default a caller's trace is continued and its word on sampling taken. On a public port say
//! [`trust_callers_if`](http::ServerLayer::trust_callers_if): strangers then cannot make the program trace what it would
//! not, nor write into traces of others.
//!
//! # Databases
//!
//! [`db::Client`] gives any call a client span and `db.client.operation.duration`:
//!
//! ```
//! # async fn rows() -> Result<u64, std::io::Error> { Ok(1) }
//! # async fn read() -> Result<(), std::io::Error> {
//! let database = trivium_telemetry::db::Client::new("postgresql", "orders");
//! let rows = database
//!     .operation("SELECT", "items")
//!     .query_text("SELECT count(*) FROM items WHERE price > $1")
//!     .observe(rows())
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Blocking work
//!
//! A thread of Tokio's blocking pool knows no span; what it logs and measures joins nothing. [`task::spawn_blocking`]
//! takes the current span along.
//!
//! # Configuration
//!
//! By the standard variables, in the environment or through [`Builder::init_from`]. A value that cannot be used stops
//! [`Builder::init`] with the variable, the value and what to write instead. Where `*` stands, `OTEL_EXPORTER_OTLP_TRACES_…`,
//! `…_METRICS_…` and `…_LOGS_…` win over the common variable; signals of equal protocol and certificates share connections.
//!
//! | variable | default | |
//! |---|---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` * | `http://localhost:4317`, or `:4318` for HTTP | HTTP appends `/v1/traces`, `/v1/metrics`, `/v1/logs` to the common one; a signal's own is used as it is |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL` * | `grpc` | or `http/protobuf` |
//! | `OTEL_EXPORTER_OTLP_HEADERS` * | – | `key=value,key=value`, percent-encoded |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT` * | `10000` ms | of one attempt |
//! | `OTEL_EXPORTER_OTLP_COMPRESSION` * | `none` | or `gzip`, which pays where the Collector is not on this host |
//! | `OTEL_EXPORTER_OTLP_CERTIFICATE` * | the system's roots | PEM; trusted instead, for `https` |
//! | `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`, `_CLIENT_KEY` * | – | PEM; both or none |
//! | `OTEL_EXPORTER_OTLP_INSECURE` * | – | `true` or `false`, for a gRPC endpoint without a scheme; without it such an endpoint is refused |
//! | `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`, `OTEL_LOGS_EXPORTER` | `otlp` | or `none` |
//! | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | `parentbased_always_on` | `always_on`, `always_off`, `traceidratio`, each also after `parentbased_` |
//! | `OTEL_PROPAGATORS` | `tracecontext,baggage` | or `none` |
//! | `OTEL_METRICS_EXEMPLAR_FILTER` | `trace_based` | `always_on` also keeps measurements outside of sampled spans, which then name none; `always_off` |
//! | `OTEL_METRIC_EXPORT_INTERVAL` | `10000` ms | |
//! | `OTEL_BSP_MAX_QUEUE_SIZE`, `_MAX_EXPORT_BATCH_SIZE`, `_SCHEDULE_DELAY` | `8192`, `2048`, `1000` ms | spans |
//! | `OTEL_BLRP_…` | the same | log records |
//! | `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT` and the other span limits | `128` | of events and links too |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the program's own | |
//! | `OTEL_SDK_DISABLED` | `false` | |
//! | `RUST_LOG` | `info` | which events become log records, by target and level: `info,my_crate=debug` |
//!
//! `b3` and `jaeger` propagators are not built in: the crate that has them is deprecated.
//!
//! # When the Collector is away
//!
//! Nothing here waits for the network on the program's own threads; the thread `otlp-export` does. A batch of spans or log
//! records that fails for a passing reason is tried again, with growing pauses or after the receiver's own delay, until the
//! program ends; meanwhile the queue fills, and what comes on top is dropped and counted in
//! `otel.sdk.processor.{span,log}.processed` with `error.type=queue_full`. So memory is bounded by the queue and one batch.
//! Metrics are cumulative and not tried again: the next interval brings the same counts, an outage costs resolution, and
//! the exemplars of the intervals that failed. What the receiver refuses for good is counted in
//! `otel.sdk.exporter.{span,log,metric_data_point}.exported` by `error.type`. [`Telemetry::shutdown`] takes ten seconds at
//! the most and says what was lost.
//!
//! # Limits
//!
//! - OTLP only, cumulative temporality only; HTTP is HTTP/1.1 with protobuf, not JSON. Proxy variables are not read.
//! - Certificates are read once, at start.
//! - One exemplar per bucket and series at each collection, of histograms of `f64`, counters of `u64` and up-down counters of
//!   `i64`.
//! - There are no views: instruments are exported as they are made.
//! - The providers and the `tracing` subscriber are global: one [`Builder::init`] in a process.
//! - The process's own metrics are read from /proc, so on Linux only.
//!
//! # Beside the SDK
//!
//! The SDK (0.33) has the observable instruments, the gauges, and the spans of programs that use its API. The spans of `tracing` are
//! made [here](trace), its events become log records here, and counters and histograms are summed up here, by the SDK's
//! rules. What differs from the SDK with its OTLP exporter (opentelemetry-otlp 0.33):
//!
//! | | the SDK | here |
//! |---|---|---|
//! | exemplars | none | histograms and counters |
//! | a batch that fails | three more tries, then lost | tried until the program ends, the queue holds the rest |
//! | what is lost | a line at the first drop, a total at shutdown | metrics, at each export |
//! | `OTEL_PROPAGATORS`, `OTEL_SDK_DISABLED`, `…_CERTIFICATE`, `…_CLIENT_KEY` | set in code | read |
//! | a wrong value | a warning and the default | stops the start |
//!
//! [`metrics`] has the surface of [`opentelemetry::metrics`], so that a program changes an import when the SDK has exemplars of
//! its own (open-telemetry/opentelemetry-rust#3369).
//!
//! # Features
//!
//! | feature | default | saves, when off |
//! |---|---|---|
//! | `tls` | on | rustls and aws-lc-rs, which needs a C compiler; `https` endpoints are then refused |
//! | `process-metrics` | on | procfs |

pub mod db;
mod diagnostics;
mod export;
pub mod http;
mod instrument;
pub mod metrics;
#[cfg(feature = "process-metrics")]
mod process;
mod resource;
mod runtime;
mod settings;
mod setup;
mod subscriber;
pub mod task;
pub mod trace;

use std::time::Duration;

/// The API that the instruments take their attributes from. A program that uses it through here cannot end up with a second
/// version of it, through which spans and measurements would vanish without an error.
pub use opentelemetry;

pub use setup::{Builder, InitError, ShutdownError, Telemetry};
pub use trivium_otlp::InvalidSetting;

/// The longest that a flush or the first half of a shutdown takes.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
