//! What the tests find here: the programs built beside them, the Collector, the checkout, free ports; what they do without;
//! and how they wait.

use std::{
    net::{SocketAddr, TcpListener},
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
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap()
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
        if output.status.success() {
            let path = String::from_utf8(output.stdout).unwrap();
            return Some(PathBuf::from(path.trim()));
        }
        let error = String::from_utf8_lossy(&output.stderr);
        is_there(&format!("the Collector ({error})"), false);
        None
    });
    found.clone()
}

/// Whether something that is not of this workspace is there; a word on it where it is not, and a failure in CI.
pub(crate) fn is_there(what: &str, found: bool) -> bool {
    assert!(
        found || std::env::var("CI").as_deref() != Ok("true"),
        "{what} is missing"
    );
    if !found {
        eprintln!("SKIPPED: {what} is missing");
    }
    found
}

/// The same of a program, which the package of Debian brings.
#[allow(
    dead_code,
    reason = "only the tests of compose/ and grafana/ need more programs"
)]
pub(crate) fn is_installed(program: &str, debian_package: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).exists());
    is_there(&format!("{program} (Debian: {debian_package})"), found)
}

/// Addresses that are free when asked; held together for a moment, so that none is given twice.
pub(crate) fn free<const N: usize>() -> [SocketAddr; N] {
    let listeners: [_; N] = std::array::from_fn(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
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
