//! The whole pipeline, by values: real programs, a real Collector, real sockets; what went in is counted where it comes
//! out.
//!
//! The programs are those built beside this test (`cargo build --workspace` first); the Collector is the one that
//! `trivium otelcol` finds. Where something is missing the test says so and ends well, but under `CI=true` it fails.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod agent;
mod browser;
mod client;
mod collector_config;
mod counts;
mod exemplars;
mod lens;
mod machines;
mod outages;
mod part;
mod secrets;
mod stack;
mod up;
#[path = "../../../lens/tests/integration/webdriver.rs"]
mod webdriver;

use std::{
    path::PathBuf,
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// No wait of a test is longer than this, but for the length of an outage.
const DEADLINE: Duration = Duration::from_secs(60);

/// A program of this workspace, built beside the one under test.
fn program(name: &str) -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_trivium")).with_file_name(name);
    assert!(
        program.exists(),
        "{} is not built: run `cargo build --workspace` first",
        program.display()
    );
    program
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Collector; `None`, with a word on it, when there is none here and this is not CI.
fn collector() -> Option<PathBuf> {
    static COLLECTOR: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = COLLECTOR.get_or_init(|| {
        let output = Command::new(env!("CARGO_BIN_EXE_trivium"))
            .args(["otelcol", "--root"])
            .arg(root())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            let path = String::from_utf8(output.stdout).unwrap();
            return Some(PathBuf::from(path.trim()));
        }
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "no Collector: {error}"
        );
        eprintln!("SKIPPED: no Collector: {error}");
        None
    });
    found.clone()
}

/// Polls until there is a value.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut poll: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = poll().await {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
