//! One process with telemetry set up, and a Collector that remembers; each test looks for its own names in it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/collector.rs"]
mod collector;
mod database;
mod http;
mod signals;
mod spans;

use std::sync::OnceLock;

use collector::Collector;
use trivium_telemetry::Telemetry;

/// The providers are global to a process: they are installed once, for all tests.
fn collector() -> &'static Collector {
    static SHARED: OnceLock<(Collector, Telemetry)> = OnceLock::new();
    let (collector, _) = SHARED.get_or_init(|| {
        let collector = Collector::start();
        let endpoint = collector.endpoint();
        let telemetry = Telemetry::builder("tested")
            .namespace("trivium")
            .version("1.2.3")
            .init_from(|variable| match variable {
                "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.clone()),
                "OTEL_METRIC_EXPORT_INTERVAL"
                | "OTEL_BSP_SCHEDULE_DELAY"
                | "OTEL_BLRP_SCHEDULE_DELAY" => Some("100".to_owned()),
                _ => None,
            })
            .unwrap();
        (collector, telemetry)
    });
    collector
}
