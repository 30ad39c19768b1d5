//! `trivium up -d` and `trivium down`.

use std::{
    fs,
    net::TcpStream,
    process::{Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    failure,
    fake::Installation,
    send, success, until,
    up::{part, up},
};

/// A stack in the background; stopped on drop, so that a failed test leaves nothing behind.
pub(crate) struct Background<'a> {
    installation: &'a Installation,
    /// What `up -d` printed.
    pub(crate) output: Output,
}

impl<'a> Background<'a> {
    pub(crate) fn start(installation: &'a Installation) -> Self {
        Self::start_with(installation, &[])
    }

    pub(crate) fn start_with(installation: &'a Installation, options: &[&str]) -> Self {
        let mut command = up(installation);
        command.args(options);
        Self::of(installation, command)
    }

    /// Of `command`, which lacks but the `-d`.
    pub(crate) fn of(installation: &'a Installation, mut command: Command) -> Self {
        let output = command.arg("-d").output().unwrap();
        let background = Self {
            installation,
            output,
        };
        success(&background.output);
        background
    }

    /// Another command on the same state folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        run(self.installation, arguments)
    }

    pub(crate) fn state(&self) -> Value {
        let json = fs::read(self.installation.path("state/state.json")).unwrap();
        serde_json::from_slice(&json).unwrap()
    }

    /// The process of a part, or of `up` itself.
    pub(crate) fn pid(&self, name: &str) -> u64 {
        let state = self.state();
        let process = match name {
            "up" => &state,
            name => part(&state, name),
        };
        process["pid"].as_u64().unwrap()
    }

    pub(crate) fn kill(&self, name: &str) {
        let pid = i32::try_from(self.pid(name)).unwrap();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }

    fn pids(&self) -> Vec<u64> {
        let names = ["up", "lens", "otelcol", "agent", "app"];
        names.map(|name| self.pid(name)).into()
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        self.run(&["down"]);
    }
}

pub(crate) fn run(installation: &Installation, arguments: &[&str]) -> Output {
    let mut command = Command::new(installation.path("trivium"));
    command.args(arguments);
    command.env("TRIVIUM_STATE_DIR", installation.path("state"));
    command.output().unwrap()
}

/// That each part was stopped before what it sends to, and that no process and no port is left.
#[track_caller]
fn assert_stopped_in_order(installation: &Installation, state: &Value, pids: &[u64]) {
    let order = [
        "app stopped",
        "agent stopped",
        "otelcol stopped",
        "lens stopped",
    ];
    assert_eq!(installation.journal()[4..], order);
    assert!(!pids.iter().any(|pid| is_alive(*pid)), "{pids:?}");
    for port in ports(state) {
        assert!(TcpStream::connect(&port).is_err(), "{port}");
    }
}

/// Of those that nobody has waited for there is an entry, but nothing runs.
fn is_alive(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned());
    after_name.is_some_and(|rest| !rest.starts_with(['Z', 'X']))
}

/// Where the parts answer.
fn ports(state: &Value) -> Vec<String> {
    let parts = state["parts"].as_array().unwrap();
    let addresses = parts
        .iter()
        .flat_map(|part| part["addresses"].as_object().unwrap().values());
    let addresses = addresses.map(|url| url.as_str().unwrap().trim_matches('/'));
    addresses
        .map(|url| url.trim_start_matches("http://").to_owned())
        .collect()
}

#[test]
fn it_returns_when_all_is_ready_and_down_leaves_no_process_and_no_port() {
    let installation = Installation::new();
    let background = Background::start(&installation);
    let (state, pids) = (background.state(), background.pids());
    assert_eq!(state["is_ready"], true);
    assert!(pids.iter().all(|pid| is_alive(*pid)), "{pids:?}");

    let welcome = success(&background.output);
    assert!(welcome.contains(" in the background. "), "{welcome}");
    for (name, label, line) in [("lens", "page", "page   "), ("app", "http", "app    ")] {
        let url = part(&state, name)["addresses"][label].as_str().unwrap();
        assert!(welcome.contains(&format!("  {line}{url}\n")), "{welcome}");
        assert!(TcpStream::connect(url.trim_start_matches("http://").trim_matches('/')).is_ok());
    }
    let progress = String::from_utf8_lossy(&background.output.stderr);
    assert!(progress.contains("✓ app ready ("), "{progress}");

    let down = success(&background.run(&["down"]));
    assert_eq!(down, "Trivium is down.\n");
    assert_stopped_in_order(&installation, &state, &pids);
    assert!(!installation.path("state/state.json").exists());

    let again = success(&background.run(&["down"]));
    let folder = installation.path("state");
    assert_eq!(
        again,
        format!("Nothing ran with the state folder {}.\n", folder.display())
    );
}

#[test]
fn down_makes_no_folder_where_nothing_was() {
    let installation = Installation::new();
    let down = success(&run(&installation, &["down"]));
    assert!(down.starts_with("Nothing ran with "), "{down}");
    assert!(!installation.path("state").exists());
}

#[test]
fn a_second_one_starts_nothing_and_prints_the_addresses_of_the_first() {
    let installation = Installation::new();
    let background = Background::start_with(&installation, &["--json"]);
    let first: Value = serde_json::from_slice(&background.output.stdout).unwrap();
    assert_eq!(first["was_running"], false);
    assert_eq!(first["pid"], background.pid("up"));
    assert_eq!(first["parts"], background.state()["parts"]);

    let second = success(&up(&installation).arg("-d").output().unwrap());
    let pid = background.pid("up");
    let headline = format!("Trivium is up already, as process {pid} since ");
    assert!(second.contains(&headline), "{second}");
    let app = part(&first, "app")["addresses"]["http"].as_str().unwrap();
    assert!(second.contains(&format!("  app    {app}\n")), "{second}");
    assert!(!second.contains("Not up"), "{second}");
    let third = up(&installation).args(["-d", "--json"]).output().unwrap();
    let third: Value = serde_json::from_str(&success(&third)).unwrap();
    assert_eq!(third["was_running"], true);
    assert_eq!(third["parts"], first["parts"]);

    let foreground = failure(&up(&installation).output().unwrap());
    let error = format!("`trivium up` already runs as process {pid} ");
    assert!(foreground.contains(&error), "{foreground}");
    assert!(foreground.contains("`trivium down`"), "{foreground}");
    assert_eq!(installation.journal().len(), 4);
}

#[test]
fn a_second_one_names_what_has_ended_since() {
    let installation = Installation::new();
    let background = Background::start(&installation);
    let pid = background.pid("app");
    background.kill("app");
    until("the end of the app", || (!is_alive(pid)).then_some(()));
    let second = success(&up(&installation).arg("-d").output().unwrap());
    assert!(
        second.contains(" Not up: app; see `trivium status`. "),
        "{second}"
    );
}

#[test]
fn a_start_that_fails_shows_why_and_leaves_nothing() {
    let installation = Installation::new();
    let mut command = up(&installation);
    command.arg("-d").env("FAKE_BEHAVIOUR", "otelcol=exit");
    let error = failure(&command.output().unwrap());
    assert!(
        error.contains("    otelcol does not like its settings\n"),
        "{error}"
    );
    let last = format!(
        "trivium: the start in the background failed (exit status: 1): the reason is above, and in {}\n",
        installation.path("state/logs/up.log").display()
    );
    assert!(error.ends_with(&last), "{error}");
    assert_eq!(installation.journal(), ["lens started", "lens stopped"]);
    assert!(!installation.path("state/state.json").exists());
}

#[test]
fn ctrl_c_while_it_waits_stops_what_was_started() {
    let installation = Installation::new();
    let mut command = up(&installation);
    command.arg("-d").env("FAKE_BEHAVIOUR", "agent=hang");
    let waiting = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let hangs = || installation.journal().contains(&"agent hangs".to_owned());
    until("the agent hangs", || hangs().then_some(()));
    let status = run(&installation, &["status", "--json"]);
    assert_eq!(status.status.code(), Some(3));
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(part(&status, "agent")["state"], "starting");

    send(Signal::SIGINT, &waiting);
    let output = waiting.wait_with_output().unwrap();
    let error = failure(&output);
    assert_eq!(output.stdout, b"");
    assert!(
        error.ends_with(
            "trivium: interrupted before all was ready; what had been started is stopped\n"
        ),
        "{error}"
    );
    let order = [
        "agent hangs",
        "agent stopped",
        "otelcol stopped",
        "lens stopped",
    ];
    assert_eq!(installation.journal()[2..], order);
    assert!(!installation.path("state/state.json").exists());
}

#[test]
fn json_without_d_is_wrong_usage() {
    let installation = Installation::new();
    let output = up(&installation).arg("--json").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn after_kill_9_of_up_a_new_one_refuses_and_down_stops_the_parts() {
    let installation = Installation::new();
    let background = Background::start(&installation);
    let (state, pids) = (background.state(), background.pids());
    background.kill("up");
    until("the end of up", || (!is_alive(pids[0])).then_some(()));
    assert!(pids[1..].iter().all(|pid| is_alive(*pid)), "{pids:?}");

    for arguments in [&[][..], &["-d"]] {
        let error = failure(&up(&installation).args(arguments).output().unwrap());
        let app = format!("app (process {})", background.pid("app"));
        assert!(error.contains("was killed, and left running: "), "{error}");
        assert!(error.contains(&app), "{error}");
        assert!(error.contains("stop them with `trivium down`"), "{error}");
    }

    let output = background.run(&["down"]);
    assert_eq!(success(&output), "Trivium is down.\n");
    let progress = String::from_utf8_lossy(&output.stderr);
    let stopped: Vec<_> = progress
        .lines()
        .filter_map(|line| line.strip_prefix("✓ ")?.split_once(" stopped ("))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(stopped, ["app", "agent", "otelcol", "lens"]);
    assert_stopped_in_order(&installation, &state, &pids);
    Background::start(&installation);
}
