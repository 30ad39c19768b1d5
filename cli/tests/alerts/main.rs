//! The alert rules, held to what they promise: by promtool on made-up series, and by real programs that make each alert fire.
//!
//! | alert | promtool | made to fire by |
//! |---|---|---|
//! | `AvailabilityBudgetBurn`, all four windows | yes | the app's fault `error` |
//! | `LatencyBudgetBurn`, all four windows | yes | the app's fault `latency` |
//! | `LoginFailuresSurge` | yes | wrong passwords |
//! | `ServiceDropsTelemetry` | yes | a queue of spans that finds no taker |
//! | `ServiceSilent` | yes | the app is stopped |
//! | `NothingArrives` | yes | the Collector is stopped |
//! | `CollectorQueueFilling`, `CollectorRefusesData` | yes | a backend of traces that is away, behind a short queue |
//! | `CollectorLosesData` | yes | a backend of logs that answers 400 |
//! | `AgentLags` | yes | a backend of logs that answers 503 |
//! | `AgentLosesData` | yes | a line that is longer than the limit |
//! | `DiskFilling` | yes, also that it is foreseen | a disk that is full |
//! | `ContainerMemoryNearLimit`, `ContainerRestarting` | yes | cgroups that are made up for the agent |
//!
//! Needed, beside the programs of `cargo build --workspace` and the Collector: Prometheus with promtool, and Alertmanager
//! (Debian: prometheus, prometheus-alertmanager). Where something is missing the test says so and ends well, but under
//! `CI=true` it fails.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod agent;
#[path = "../e2e/client.rs"]
#[expect(dead_code, reason = "the end-to-end tests look at more of it")]
mod client;
mod fires;
#[path = "../e2e/here.rs"]
mod here;
mod host;
#[path = "../e2e/part.rs"]
mod part;
mod prometheus;
mod promtool;
mod quiet;
mod rules;
#[path = "../integration/server.rs"]
#[expect(dead_code, reason = "the tests of `load` look at more of it")]
mod server;
mod stack;
#[path = "../e2e/start.rs"]
mod start;
mod traffic;
