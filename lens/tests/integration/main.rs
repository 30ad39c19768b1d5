//! One binary for all integration tests of lens: linking is what costs.

mod api_metrics;
mod api_traces;
mod seed;
