//! Grafana's boards on real data: a real Prometheus behind the real Collector, app and agent; every query of every board is
//! run, or read by its language's own grammar and held against what the Collector sent.
//!
//! Needed, beside the programs of `cargo build --workspace` and the Collector: Prometheus on the PATH (Debian: prometheus),
//! and Node with the grammars (`npm ci --prefix cli/tests/stack/grammar`). Where something is missing the test says so and
//! ends well, but under `CI=true` it fails.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod boards;
#[path = "../e2e/client.rs"]
#[expect(dead_code, reason = "the end-to-end tests look at more of it")]
mod client;
mod dashboards;
mod grammar;
#[path = "../e2e/here.rs"]
mod here;
mod host;
mod links;
#[path = "../e2e/part.rs"]
#[expect(dead_code, reason = "the end-to-end tests look at more of it")]
mod part;
mod prometheus;
mod records;
mod setup;
#[path = "../e2e/start.rs"]
mod start;
mod structure;
mod traffic;
mod variables;
