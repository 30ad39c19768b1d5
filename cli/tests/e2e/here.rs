//! What the tests find here: the programs built beside them, the Collector, the checkout; and how they wait.

use std::{
    path::PathBuf,
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// No wait of a test is longer than this, but for the length of an outage.
const DEADLINE: Duration = Duration::from_secs(60);

/// A program of this workspace, built beside the one under test.
pub(crate) fn program(name: &str) -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_trivium")).with_file_name(name);
    assert!(
        program.exists(),
        "{} is not built: run `cargo build --workspace` first",
        program.display()
    );
    program
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Collector; `None`, with a word on it, when there is none here and this is not CI.
pub(crate) fn collector() -> Option<PathBuf> {
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
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut poll: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = poll().await {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
