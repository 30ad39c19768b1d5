//! `trivium doctor` against the real Collector, app, lens and Prometheus, each link broken on purpose: the right hop is named.
//!
//! Loki, Tempo and Grafana are stand-ins that answer in the shapes of the real ones. Needed, beside the programs of `cargo build
//! --workspace` and the Collector: Prometheus (Debian: prometheus) and a C compiler (Debian: gcc). Where something is missing
//! the test says so and ends well, but under `CI=true` it fails.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod app;
mod clock;
mod collector;
mod doctor;
mod fakes;
mod grafana;
#[path = "../e2e/here.rs"]
mod here;
mod lgtm;
#[path = "../e2e/part.rs"]
#[allow(dead_code, reason = "the end-to-end tests look at more of it")]
mod part;
#[path = "../integration/server.rs"]
#[allow(dead_code, reason = "only what it hears is needed here")]
mod server;
mod stack;
#[path = "../e2e/start.rs"]
#[allow(dead_code, reason = "no agent runs here")]
mod start;
mod token;
