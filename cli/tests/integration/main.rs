//! Tests of the program `trivium` as a user runs it: the real executable, real sockets, real signals.
//!
//! The parts that `up` starts are stand-ins (see [`fake`]); the real ones are in the end-to-end test.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod background;
mod completion;
mod fake;
mod load;
mod load_open;
mod load_result;
mod logs;
mod otelcol;
mod programs;
mod server;
mod status;
mod up;

use std::{
    path::Path,
    process::{Child, Command, Output},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// No wait of a test is longer than this.
const DEADLINE: Duration = Duration::from_secs(20);

/// The executable under test.
fn trivium() -> Command {
    Command::new(env!("CARGO_BIN_EXE_trivium"))
}

fn send(signal: Signal, child: &Child) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

/// Polls until there is a value.
fn until<T>(what: &str, poll: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Asserts that the command failed with exit code 1, and returns what it said on stderr.
fn failure(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    stderr
}

/// Asserts that the command did well, and returns what it said on stdout.
fn success(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Copies a file that is to be executed, by a process of its own: were it open for writing here, a test that starts a
/// program at that moment would inherit it, and the kernel executes no file that somebody may write to.
fn copy_executable(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status().unwrap();
    assert!(copied.success(), "cp {} {}", from.display(), to.display());
}

/// Writes a file that may be executed.
fn write_script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let draft = path.with_extension("draft");
    std::fs::write(&draft, text).unwrap();
    std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o755)).unwrap();
    copy_executable(&draft, path);
    std::fs::remove_file(draft).unwrap();
}
