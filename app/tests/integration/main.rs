//! The service from outside: over real sockets, in this process or as the real program.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod bodies;
#[allow(
    dead_code,
    reason = "shared with the tests of telemetry; each uses its part of it"
)]
#[path = "../../../telemetry/tests/support/collector.rs"]
mod collector;
mod databases;
mod docs;
mod faults;
mod forms;
mod fuzz;
mod keys;
mod limits;
mod login_limits;
mod outages;
mod pools;
mod postgres;
mod program;
mod readme;
mod routes;
mod sessions;
mod signals;
mod support;
#[allow(dead_code, reason = "shared with the tests of lens, likewise")]
#[path = "../../../lens/tests/integration/webdriver.rs"]
mod webdriver;
