//! The agent as a process, against a sink that knows which numbered lines are missing: what it promises, under faults.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod commands;
mod containers;
mod kills;
mod metrics;
mod plain;
mod relay;
mod reload;
mod rotation;
mod soak;
mod space;
mod support;
mod transport;
