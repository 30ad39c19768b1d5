//! The full stack on Docker: what compose/ says, by Docker Compose itself, and the profile `lens` in a real Docker Engine.
//!
//! `.ci/docker-compose` builds Docker Compose, `cargo build --workspace` the programs; for the engine dockerd has to be
//! installed, and this to run as root. Where something is missing the test says so and ends well, but under `CI=true` it fails.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod config;
mod engine;
mod policies;
mod secrets;
mod smoke;

#[path = "../e2e/client.rs"]
#[allow(dead_code, reason = "the journeys are for the tests it belongs to")]
mod client;
#[path = "../e2e/lens.rs"]
#[allow(dead_code, reason = "the counts are for the tests it belongs to")]
mod lens;
#[path = "../e2e/part.rs"]
mod part;

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

/// No wait of a test is longer than this, but for images to be built.
const DEADLINE: Duration = Duration::from_secs(60);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// What is needed and not there: a reason to skip a test, but not in CI.
fn skipped<T>(missing: &str) -> Option<T> {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{missing}");
    eprintln!("SKIPPED: {missing}");
    None
}

/// `docker compose`, in the root of the clone, with nothing of this process's environment that it would read.
fn compose() -> Option<Command> {
    let home = std::env::var("HOME").unwrap_or_default();
    let cache = std::env::var("XDG_CACHE_HOME").unwrap_or_else(|_| format!("{home}/.cache"));
    let program = PathBuf::from(cache).join("trivium/compose/2.40.3/docker-compose");
    if !program.exists() {
        return skipped("no Docker Compose: run .ci/docker-compose first");
    }
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .current_dir(root());
    Some(command)
}

/// A program of this workspace, built beside the one under test.
fn program(name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_trivium")).with_file_name(name);
    assert!(
        program.exists(),
        "{name} is not built: run `cargo build --workspace` first"
    );
    program
}

/// The Collector that `trivium otelcol` finds.
fn collector() -> Option<PathBuf> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trivium"));
    let output = command
        .args(["otelcol", "--root"])
        .arg(root())
        .output()
        .unwrap();
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return skipped(&format!("no Collector: {error}"));
    }
    Some(PathBuf::from(
        String::from_utf8(output.stdout).unwrap().trim(),
    ))
}

/// Makes all secrets in a folder.
fn make_secrets(folder: &Path) -> String {
    let mut command = Command::new(root().join("compose/make-secrets"));
    succeed(command.arg(folder))
}

/// What a command prints; fails with what it complains about.
fn succeed(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}\n{}",
        complaint(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Free when asked; held together for a moment, so that no port is given twice.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let listeners: [_; COUNT] =
        std::array::from_fn(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Polls until there is a value.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut poll: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = poll().await {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
