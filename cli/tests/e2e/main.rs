//! The whole pipeline, by values: real programs, a real Collector, real sockets; what went in is counted where it comes
//! out.
//!
//! The programs are those built beside this test (`cargo build --workspace` first); the Collector is the one that
//! `trivium otelcol` finds. Where something is missing the test says so and ends well, but under `CI=true` it fails.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod agent;
mod background;
mod browser;
mod client;
mod counts;
mod exemplars;
mod file;
mod here;
mod lens;
mod load;
mod machines;
mod outages;
mod part;
mod secrets;
mod stack;
mod start;
mod up;
#[path = "../../../lens/tests/integration/webdriver.rs"]
mod webdriver;

use here::{collector, program, root, until};
