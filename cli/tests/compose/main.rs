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
#[path = "../e2e/here.rs"]
mod here;
#[path = "../e2e/lens.rs"]
#[allow(dead_code, reason = "the counts are for the tests it belongs to")]
mod lens;
#[path = "../e2e/part.rs"]
mod part;
#[path = "../e2e/start.rs"]
#[expect(dead_code, reason = "no agent runs outside of a container here")]
mod start;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use here::{is_there, root};

/// `docker compose`, in the root of the clone, with nothing of this process's environment that it would read.
fn compose() -> Option<Command> {
    let home = std::env::var("HOME").unwrap_or_default();
    let cache = std::env::var("XDG_CACHE_HOME").unwrap_or_else(|_| format!("{home}/.cache"));
    let program = PathBuf::from(cache).join("trivium/compose/2.40.3/docker-compose");
    if !is_there("Docker Compose (.ci/docker-compose)", program.exists()) {
        return None;
    }
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .current_dir(root());
    Some(command)
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
