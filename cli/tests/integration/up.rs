//! `trivium up` with stand-ins for the parts.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdout, Command, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{failure, fake::Installation, send, until};

/// The command with everything of its own, on free ports; by variables, so that a test's options win.
pub(crate) fn up(installation: &Installation) -> Command {
    let mut command = Command::new(installation.path("trivium"));
    command.arg("up");
    for listen in [
        "APP_LISTEN",
        "OTELCOL_OTLP_GRPC",
        "OTELCOL_OTLP_HTTP",
        "OTELCOL_HEALTH",
        "LENS_LISTEN",
        "LENS_INGEST_HTTP",
        "LENS_INGEST_GRPC",
    ] {
        command.env(listen, "127.0.0.1:0");
    }
    command.env("TRIVIUM_ROOT", installation.path("clone"));
    command.env("TRIVIUM_OTELCOL", installation.path("otelcol"));
    command.env("TRIVIUM_STATE_DIR", installation.path("state"));
    command.env_remove("OTEL_METRIC_EXPORT_INTERVAL");
    command
}

/// A running stack; stopped on drop, so that a failed test leaves nothing behind.
pub(crate) struct Running<'a> {
    installation: &'a Installation,
    child: Child,
    stdout: BufReader<ChildStdout>,
    welcome: String,
}

impl<'a> Running<'a> {
    /// Starts `command` and reads what it prints until all is ready.
    pub(crate) fn start(installation: &'a Installation, mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut welcome = String::new();
        while !welcome.contains("-d '{") {
            if stdout.read_line(&mut welcome).unwrap() == 0 {
                panic!("not ready: {}", stderr(&mut child));
            }
        }
        Self {
            installation,
            child,
            stdout,
            welcome,
        }
    }

    fn state(&self) -> Value {
        serde_json::from_slice(&fs::read(self.installation.path("state/state.json")).unwrap())
            .unwrap()
    }

    /// Waits for the end and returns the exit code and stderr.
    fn end(&mut self) -> (Option<i32>, String) {
        let stderr = stderr(&mut self.child);
        self.stdout.read_to_string(&mut self.welcome).unwrap();
        (self.child.wait().unwrap().code(), stderr)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            send(Signal::SIGTERM, &self.child);
            let _ = self.child.wait();
        }
    }
}

fn stderr(child: &mut Child) -> String {
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

pub(crate) fn part<'a>(state: &'a Value, name: &str) -> &'a Value {
    state["parts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|part| part["name"] == name)
        .unwrap()
}

pub(crate) fn address(state: &Value, name: &str, label: &str) -> String {
    part(state, name)["addresses"][label]
        .as_str()
        .unwrap()
        .trim_end_matches('/')
        .to_owned()
}

#[test]
fn the_parts_start_in_order_and_stop_in_reverse_on_ctrl_c() {
    let installation = Installation::new();
    let mut running = Running::start(&installation, up(&installation));
    let state = running.state();
    assert_eq!(state["pid"], running.child.id());
    assert_eq!(state["backends"], serde_json::json!(["lens"]));
    for name in ["lens", "otelcol", "agent", "app"] {
        let pid = part(&state, name)["pid"].as_u64().unwrap();
        assert!(fs::exists(format!("/proc/{pid}")).unwrap(), "{name}");
        let log = part(&state, name)["log"].as_str().unwrap();
        assert_eq!(
            log,
            installation
                .path(&format!("state/logs/{name}.log"))
                .to_str()
                .unwrap()
        );
    }
    let (page, app) = (
        address(&state, "lens", "page"),
        address(&state, "app", "http"),
    );
    assert!(
        running.welcome.contains(&format!("page   {page}/\n")),
        "{}",
        running.welcome
    );
    assert!(
        running.welcome.contains(&format!("app    {app}/\n")),
        "{}",
        running.welcome
    );
    assert!(
        running.welcome.contains(&format!("curl {app}/signup/ ")),
        "{}",
        running.welcome
    );

    send(Signal::SIGINT, &running.child);
    let (code, stderr) = running.end();
    assert_eq!(code, Some(0), "{stderr}");
    let order = [
        "lens started",
        "otelcol started",
        "agent started",
        "app started",
        "app stopped",
        "agent stopped",
        "otelcol stopped",
        "lens stopped",
    ];
    assert_eq!(installation.journal(), order);
    assert!(!installation.path("state/state.json").exists());
    assert!(installation.path("state/lock").exists());
}

#[test]
fn each_part_gets_its_settings() {
    let installation = Installation::new();
    let running = Running::start(&installation, up(&installation));
    let state = running.state();
    let data = installation.path("state/data");
    let data = data.to_str().unwrap();
    let otlp = address(&state, "otelcol", "otlp_grpc");
    let ingest_http = address(&state, "lens", "ingest_http");
    let ingest_grpc = address(&state, "lens", "ingest_grpc");

    let app = installation.settings("app");
    assert_eq!(app["APP_DATABASE"], format!("{data}/app.db"));
    let lens = installation.settings("lens");
    assert_eq!(lens["LENS_DATA"], format!("{data}/lens.db"));
    assert_eq!(
        lens["LENS_INGEST_HTTP"],
        ingest_http.trim_start_matches("http://")
    );
    for program in [&app, &lens] {
        assert_eq!(program["OTEL_EXPORTER_OTLP_ENDPOINT"], otlp);
        assert_eq!(program["OTEL_METRIC_EXPORT_INTERVAL"], "2000");
        assert_eq!(program["OTEL_BSP_SCHEDULE_DELAY"], "500");
    }

    let collector = installation.settings("otelcol");
    assert_eq!(collector["OTELCOL_STORAGE"], format!("{data}/otelcol"));
    assert_eq!(
        collector["LENS_REMOTE_WRITE"],
        format!("{ingest_http}/api/v1/write")
    );
    assert_eq!(collector["LENS_LOGS"], format!("{ingest_http}/otlp"));
    assert_eq!(
        collector["LENS_TRACES"],
        ingest_grpc.trim_start_matches("http://")
    );
    let clone = installation.path("clone/otelcol");
    let clone = clone.to_str().unwrap();
    assert_eq!(
        collector["arguments"],
        format!("--config {clone}/config.yaml --config {clone}/backends/lens.yaml")
    );
}

#[test]
fn the_agent_sends_to_the_collector_and_reads_the_logs_that_are_named() {
    let installation = Installation::new();
    let mut command = up(&installation);
    // As a shell leaves the second one, which it has expanded.
    command.args(["--logs", "/var/log/shop/*.log", "--logs", "a.log", "b.log"]);
    command.current_dir(installation.path(""));
    let running = Running::start(&installation, command);
    let path = installation.path("state/agent.yaml");
    let config = fs::read_to_string(&path).unwrap();
    let otlp = address(&running.state(), "otelcol", "otlp_grpc");
    let state = installation.path("state/data/agent");
    for line in [
        format!("endpoint: {otlp}\n"),
        format!("state_dir: \"{}\"\n", state.display()),
        "    - include: [\"/var/log/shop/*.log\"]\n".to_owned(),
        format!(
            "    - include: [\"{}\"]\n",
            installation.path("a.log").display()
        ),
        format!(
            "    - include: [\"{}\"]\n",
            installation.path("b.log").display()
        ),
    ] {
        assert!(config.contains(&line), "{line} is not in\n{config}");
    }
    assert_eq!(
        installation.settings("agent")["arguments"],
        format!("run --config {}", path.display())
    );
    let shown = format!("agent  {}\n", path.display());
    assert!(running.welcome.contains(&shown), "{}", running.welcome);
    let page = address(&running.state(), "lens", "page");
    assert!(
        running.welcome.contains(&format!("hosts  {page}/hosts\n")),
        "{}",
        running.welcome
    );
}

#[test]
fn a_folder_in_the_place_of_log_files_is_refused_before_anything_starts() {
    let installation = Installation::new();
    let folder = installation.path("clone");
    let error = failure(
        &up(&installation)
            .arg("--logs")
            .arg(&folder)
            .output()
            .unwrap(),
    );
    let folder = folder.display();
    assert!(
        error.contains(&format!(
            "--logs {folder}: that is a folder; name its files, as '{folder}/*.log'"
        )),
        "{error}"
    );
    assert_eq!(installation.journal(), [""; 0]);
}

#[test]
fn without_lens_among_the_backends_it_is_not_started() {
    let installation = Installation::new();
    let mut command = up(&installation);
    command.args(["--backends", "lgtm"]);
    let running = Running::start(&installation, command);
    assert_eq!(
        installation.journal(),
        ["otelcol started", "agent started", "app started"]
    );
    assert!(!running.welcome.contains("page"), "{}", running.welcome);
    assert!(!running.welcome.contains("hosts"), "{}", running.welcome);
    let collector = installation.settings("otelcol");
    assert!(
        collector["arguments"]
            .as_str()
            .unwrap()
            .ends_with("/backends/lgtm.yaml")
    );
    assert_eq!(collector.get("LENS_LOGS"), None);
}

#[test]
fn a_users_own_export_interval_wins() {
    let installation = Installation::new();
    let mut command = up(&installation);
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "777");
    let _running = Running::start(&installation, command);
    assert_eq!(
        installation.settings("app")["OTEL_METRIC_EXPORT_INTERVAL"],
        "777"
    );
}

#[test]
fn a_crash_is_shown_with_its_last_lines_and_ends_the_stack() {
    let installation = Installation::new();
    let mut running = Running::start(&installation, up(&installation));
    let health = address(&running.state(), "otelcol", "health");
    let mut connection = TcpStream::connect(health.trim_start_matches("http://")).unwrap();
    connection
        .write_all(b"GET /crash HTTP/1.1\r\nhost: test\r\n\r\n")
        .unwrap();

    let (code, stderr) = running.end();
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("otelcol ended by itself (exit status: 7); the last lines of "),
        "{stderr}"
    );
    let shown: Vec<_> = stderr
        .lines()
        .filter(|line| line.contains("crash line"))
        .collect();
    assert_eq!(shown.len(), 20, "{stderr}");
    assert_eq!(
        (shown[0], shown[19]),
        ("    crash line 11", "    crash line 30")
    );
    assert_eq!(
        installation.journal()[4..],
        ["app stopped", "agent stopped", "lens stopped"]
    );
}

#[test]
fn a_part_that_does_not_start_stops_those_before_it() {
    let installation = Installation::new();
    let output = up(&installation)
        .env("FAKE_BEHAVIOUR", "otelcol=exit")
        .output()
        .unwrap();
    let error = failure(&output);
    assert!(
        error.contains("otelcol ended by itself (exit status: 3)"),
        "{error}"
    );
    assert!(
        error.contains("    otelcol does not like its settings\n"),
        "{error}"
    );
    assert_eq!(installation.journal(), ["lens started", "lens stopped"]);
}

#[test]
fn an_agent_that_does_not_start_is_shown_with_what_it_printed() {
    let installation = Installation::new();
    let output = up(&installation)
        .env("FAKE_BEHAVIOUR", "agent=exit")
        .output()
        .unwrap();
    let error = failure(&output);
    assert!(
        error.contains("agent ended by itself (exit status: 3)"),
        "{error}"
    );
    assert!(
        error.contains("    agent does not like its settings\n"),
        "{error}"
    );
    assert!(!installation.journal().contains(&"app started".to_owned()));
}

#[test]
fn a_second_signal_kills_what_does_not_stop() {
    let installation = Installation::new();
    let mut command = up(&installation);
    command.env("FAKE_BEHAVIOUR", "app=ignore");
    let mut running = Running::start(&installation, command);
    let app = part(&running.state(), "app")["pid"].as_u64().unwrap();
    send(Signal::SIGINT, &running.child);
    until("the app ignores SIGTERM", || {
        installation
            .journal()
            .contains(&"app ignores SIGTERM".to_owned())
            .then_some(())
    });
    send(Signal::SIGINT, &running.child);
    let (code, stderr) = running.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("app killed: it did not stop in time"),
        "{stderr}"
    );
    assert!(!fs::exists(format!("/proc/{app}")).unwrap());
}

#[test]
fn a_second_start_on_the_same_state_folder_is_refused() {
    let installation = Installation::new();
    let running = Running::start(&installation, up(&installation));
    let error = failure(&up(&installation).output().unwrap());
    let expected = format!(
        "`trivium up` already runs as process {} ",
        running.child.id()
    );
    assert!(error.contains(&expected), "{error}");
    assert!(error.contains("--state-dir"), "{error}");
    assert_eq!(running.state()["pid"], running.child.id());
}

#[test]
fn a_busy_port_is_named_with_its_holder() {
    let installation = Installation::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut command = up(&installation);
    let error = failure(
        &command
            .arg(format!("--app-listen={address}"))
            .output()
            .unwrap(),
    );
    let expected = format!("{address} is taken by process {} (", std::process::id());
    assert!(error.contains(&expected), "{error}");
    assert!(error.contains("--app-listen or APP_LISTEN"), "{error}");
    assert_eq!(installation.journal(), [""; 0]);
}

#[test]
fn an_unknown_backend_lists_the_existing_ones() {
    let installation = Installation::new();
    let error = failure(
        &up(&installation)
            .args(["--backends", "lens", "nope"])
            .output()
            .unwrap(),
    );
    assert!(error.contains("--backends nope: there is no "), "{error}");
    assert!(error.contains("there are: lens, lgtm"), "{error}");
}

#[test]
fn a_collector_that_is_not_there_is_named() {
    let installation = Installation::new();
    let error = failure(
        &up(&installation)
            .args(["--otelcol", "/no/such/otelcol"])
            .output()
            .unwrap(),
    );
    assert!(
        error.contains("--otelcol /no/such/otelcol: no such executable file"),
        "{error}"
    );
}

#[test]
fn outside_of_a_clone_the_root_option_is_named() {
    let installation = Installation::new();
    let mut command = Command::new(installation.path("trivium"));
    command
        .args(["up", "--state-dir"])
        .arg(installation.path("state"))
        .current_dir(installation.path(""));
    let error = failure(&command.output().unwrap());
    assert!(
        error.contains("no folder with otelcol/config.yaml above "),
        "{error}"
    );
    assert!(error.contains("name it with --root"), "{error}");
}

#[test]
fn traffic_sends_the_journey_to_the_app() {
    let installation = Installation::new();
    let mut command = up(&installation);
    command.arg("--traffic");
    let _running = Running::start(&installation, command);
    for route in ["POST /signup/", "POST /login/", "GET /users/me/"] {
        until(route, || {
            let requests =
                fs::read_to_string(installation.path("app.requests")).unwrap_or_default();
            requests.lines().any(|line| line == route).then_some(())
        });
    }
}
