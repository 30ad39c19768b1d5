//! One binary for all integration tests of lens: linking is what costs.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod api_metrics;
mod api_traces;
mod axe;
mod browser;
mod file;
mod frame;
mod ingest_logs;
mod ingest_metrics;
mod ingest_refusals;
mod ingest_traces;
mod logs_page;
mod machines;
mod machines_sample;
mod metrics_page;
mod overview;
mod page;
mod pipeline;
mod process;
mod retention;
mod sample;
mod seed;
mod support;
mod token;
mod traces;
mod webdriver;
