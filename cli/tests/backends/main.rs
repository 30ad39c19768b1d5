//! The files of otelcol/, by values: the same requests, and the same questions, for each backend that can be had here.
//!
//! | test | files | against |
//! |---|---|---|
//! | [`swap`] | `lens`; `prometheus-otlp`; `victoriametrics`; `zipkin`; `otlp`; two at once | lens; Prometheus, `VictoriaMetrics`, Zipkin; an OTLP sink of the Collector's own for what has none of these |
//! | [`kafka`] | `kafka` and `config-from-kafka` | Kafka, and lens behind it, with Kafka stopped and the consumer killed, each for a while |
//! | [`sampling`] | `tail-sampling` | lens |
//! | [`validate`] | all, alone and in pairs | the Collector's `validate` |
//!
//! Needed, beside the programs of `cargo build --workspace` and the Collector: Go, Java and Maven, with which `install` in this
//! folder gets the others, once. Where something is missing the test says so and ends well, but under `CI=true` it fails.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../e2e/client.rs"]
#[expect(dead_code, reason = "the end-to-end tests look at more of it")]
mod client;
mod collector;
#[path = "../e2e/here.rs"]
mod here;
mod install;
mod java;
mod kafka;
#[path = "../e2e/lens.rs"]
#[expect(dead_code, reason = "the end-to-end tests look at more of it")]
mod lens;
#[path = "../e2e/part.rs"]
mod part;
mod prometheus;
mod sampling;
mod sink;
#[path = "../e2e/start.rs"]
#[expect(dead_code, reason = "the end-to-end tests look at more of it")]
mod start;
mod suite;
mod swap;
mod validate;
mod zipkin;
