//! The host agent: what does not speak OTLP (container logs, files, the host, its containers) becomes OTLP, nothing lost.
//!
//! The way of a line: `discover → tail → frame → enrich → redact → encode → send | spool → acknowledge → checkpoint`.
//! Its offset is saved only when the Collector has acknowledged it, or when it is safe on disk in the spool.

pub mod batch;
pub mod by_signal;
pub mod cli;
mod clock;
pub mod config;
pub mod containers;
pub mod files;
pub mod ledger;
pub mod lines;
pub mod metrics;
pub mod relay;
pub mod run;
pub mod send;
pub mod spool;
pub mod state_dir;
pub mod stats;
pub mod wire;
