//! `trivium up -d`, `status`, `logs` and `down` with the real parts.

use std::{
    net::TcpStream,
    path::Path,
    process::{Command, Output},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{client::App, until, up::up};

const PARTS: [&str; 4] = ["lens", "otelcol", "agent", "app"];
const REQUESTS: u32 = 30;
const LINES: u32 = 25;

/// A stack in the background; stopped on drop, so that a failed test leaves nothing behind.
struct Background<'a> {
    state: &'a Path,
}

impl Background<'_> {
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trivium"));
        command.args(arguments).arg("--state-dir").arg(self.state);
        command.output().unwrap()
    }

    fn status(&self) -> (Option<i32>, Value) {
        let output = self.run(&["status", "--json"]);
        let status = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), status)
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        self.run(&["down"]);
    }
}

fn part<'a>(state: &'a Value, name: &str) -> &'a Value {
    let mut parts = state["parts"].as_array().unwrap().iter();
    parts.find(|part| part["name"] == name).unwrap()
}

/// Spans that a part took in: of a Collector what its receivers did.
fn spans_accepted(status: &Value, name: &str) -> f64 {
    let hops = part(status, name)["hops"].as_array().unwrap().iter();
    hops.filter(|hop| hop["signal"] == "traces" && hop["kind"] != "collector_processor")
        .filter_map(|hop| hop["accepted"].as_f64())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_what_went_through_and_what_was_killed_and_down_stops_the_rest() {
    if crate::collector().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let background = Background { state: &state };
    let log = folder.path().join("shop.log");
    std::fs::write(&log, "a line\n".repeat(LINES as usize)).unwrap();
    let mut command = up(&state);
    command.args(["-d", "--json", "--logs"]).arg(&log);
    command.env("OTELCOL_SELF_METRICS_INTERVAL_MS", "1000");
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let started: Value = serde_json::from_slice(&output.stdout).unwrap();
    let url = |name: &str, label: &str| {
        let url = part(&started, name)["addresses"][label].as_str().unwrap();
        url.trim_end_matches('/').to_owned()
    };

    let app = App::at(url("app", "http"));
    for _ in 0..REQUESTS {
        assert_eq!(app.get("/").await.status, 200);
    }
    let status = until("the requests in each part", || {
        let (code, status) = background.status();
        let has_seen = |name| spans_accepted(&status, name) >= f64::from(REQUESTS);
        let have_seen = ["app", "otelcol", "lens"].into_iter().all(has_seen);
        let agent = part(&status, "agent")["counts"]["accepted"].as_f64();
        let has_read = agent.is_some_and(|accepted| accepted >= f64::from(LINES));
        async move { (code == Some(0) && have_seen && has_read).then_some(status) }
    })
    .await;
    for name in PARTS {
        let counts = &part(&status, name)["counts"];
        assert_eq!(part(&status, name)["state"], "up", "{name}");
        assert_ne!(counts["accepted"].as_f64(), None, "{name}: {counts}");
        for lost in ["refused", "dropped"] {
            let lost = counts[lost].as_f64().unwrap_or(0.0);
            assert_eq!(lost, 0.0, "{name}: {counts}");
        }
    }
    let queue = part(&status, "otelcol")["counts"]["queue_capacity"].as_f64();
    assert!(queue.is_some_and(|capacity| capacity > 0.0), "{queue:?}");

    let logs = background.run(&["logs", "app"]);
    let printed = String::from_utf8_lossy(&logs.stdout);
    let listening = format!("trivium-app listening on {}", url("app", "http"));
    assert!(printed.contains(&listening), "{printed}");

    let collector = part(&started, "otelcol")["pid"].as_i64().unwrap();
    let collector = Pid::from_raw(i32::try_from(collector).unwrap());
    kill(collector, Signal::SIGKILL).unwrap();
    let status = until("the end of the Collector", || {
        let (code, status) = background.status();
        let is_noted = !part(&status, "otelcol")["ended"].is_null();
        async move { (code == Some(3) && is_noted).then_some(status) }
    })
    .await;
    let otelcol = part(&status, "otelcol");
    assert_eq!(otelcol["state"], "down");
    assert_eq!(otelcol["ended"]["status"], "signal: 9 (SIGKILL)");
    // What it had counted is still known, as lens runs on.
    assert!(
        otelcol["counts"]["accepted"].as_f64() > Some(0.0),
        "{otelcol}"
    );
    for name in ["lens", "agent", "app"] {
        assert_eq!(part(&status, name)["state"], "up", "{name}");
    }

    let down = background.run(&["down"]);
    let stderr = String::from_utf8_lossy(&down.stderr);
    assert_eq!(down.status.code(), Some(0), "{stderr}");
    for name in PARTS {
        let pid = &part(&started, name)["pid"];
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{name}");
        for (label, url) in part(&started, name)["addresses"].as_object().unwrap() {
            let address = url.as_str().unwrap().trim_start_matches("http://");
            let connection = TcpStream::connect(address.trim_end_matches('/'));
            assert!(connection.is_err(), "{name} {label}");
        }
    }
    assert_eq!(background.status().0, Some(3));
}
