//! The real program: how it starts, refuses to start, stops, and dies.

use std::{
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
};

use crate::support::{Answer, PASSWORD, Raw, client, eventually, signup_in_parts};

/// The program, running.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    /// What it said before it was ready.
    pub(crate) said_before: String,
    child: Child,
    stderr: BufReader<ChildStderr>,
}

fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trivium-app"));
    command
        .env_clear()
        .env("APP_LISTEN", "127.0.0.1:0")
        .env("APP_BCRYPT_COST", "4")
        .env("OTEL_SDK_DISABLED", "true")
        .envs(variables.iter().copied())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Program {
    /// Starts it on a SQLite file and waits for its line.
    pub(crate) async fn start(database: &Path, variables: &[(&str, &str)]) -> Self {
        let database = ("APP_DATABASE", database.to_str().unwrap());
        Self::start_with(&[&[database], variables].concat()).await
    }

    /// Starts it with these variables and waits for its line.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        let mut child = command(variables).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (mut said_before, mut line) = (String::new(), String::new());
        while !line.starts_with("trivium-app listening") {
            said_before.push_str(&line);
            line.clear();
            assert_ne!(
                stderr.read_line(&mut line).await.unwrap(),
                0,
                "it ended before it was ready"
            );
        }
        let address = line
            .trim()
            .strip_prefix("trivium-app listening on http://")
            .unwrap()
            .parse()
            .unwrap();
        Self {
            address,
            said_before,
            child,
            stderr,
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Waits for its end; also gives what it still said.
    pub(crate) async fn wait(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        let ending = async {
            self.stderr.read_to_string(&mut said).await.unwrap();
            self.child.wait().await.unwrap()
        };
        let status = tokio::time::timeout(Duration::from_secs(20), ending)
            .await
            .expect("it still runs");
        (status, said)
    }

    pub(crate) async fn post(&self, path: &str, password: &str) -> Answer {
        let body = json!({"email": "ada@example.com", "password": password});
        let url = format!("http://{}{path}", self.address);
        Answer::of(client().post(url).json(&body).send().await.unwrap()).await
    }

    async fn has_stopped_listening(&self) {
        eventually("it stops listening", async || {
            TcpStream::connect(self.address).await.is_err()
        })
        .await;
    }
}

/// Starts it with one wrong variable; gives its exit code and what it said.
async fn refusal(database: &Path, variable: &str, value: &str) -> (Option<i32>, String) {
    let database = ("APP_DATABASE", database.to_str().unwrap());
    refusal_of(&[database, (variable, value)]).await
}

/// Starts it with these variables, one of them wrong, likewise.
pub(crate) async fn refusal_of(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = command(variables).output().await.unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_with_its_name_value_and_fix() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("app.db");
    let missing = folder.path().join("none/app.db");
    let missing = missing.to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases: [(&str, &str, &str); 17] = [
        ("APP_LISTEN", "everywhere", "invalid socket address"),
        ("APP_LISTEN", &taken, "choose one with APP_LISTEN"),
        (
            "APP_DATABASE",
            missing,
            "check APP_DATABASE, that its folder exists",
        ),
        ("APP_BCRYPT_COST", "3", "4..=31"),
        ("APP_TOKEN_TTL", "15", "write it like 500ms, 10s or 15m"),
        ("APP_REFRESH_TTL", "1500ms", "must be whole seconds"),
        ("APP_JWT_KEYS_FILE", missing, "check APP_JWT_KEYS_FILE"),
        ("APP_MAX_BODY", "64KiB", "invalid digit"),
        ("APP_REQUEST_TIMEOUT", "0s", "must be longer than nothing"),
        ("APP_MAX_CONCURRENT", "0", "not in 1.."),
        ("APP_DRAIN_TIMEOUT", "-1s", "write it like"),
        ("APP_LOGIN_RATE_CLIENT", "often", "a time like 30/1m"),
        ("APP_LOGIN_RATE_ACCOUNT", "0/1m", "a time like 30/1m"),
        ("APP_TRUSTED_PROXIES", "10.0.0.0/40", "like 10.0.0.0/8"),
        ("APP_TRUSTED_CALLERS", "everyone", "like 10.0.0.0/8"),
        ("APP_FAULTS", "latency:/:2:1s", "at most 1, like 0.1"),
        ("APP_FAULTS_SEED", "-1", "invalid digit"),
    ];
    for (variable, value, fix) in cases {
        let (code, said) = refusal(&database, variable, value).await;
        assert_eq!(code, Some(2), "{variable}={value}: {said}");
        for part in [variable, value, fix] {
            assert!(
                said.contains(part),
                "{variable}={value}: {part:?} is missing in {said}"
            );
        }
    }
}

#[tokio::test]
async fn a_short_secret_is_refused_without_being_printed() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = refusal(&folder.path().join("app.db"), "APP_JWT_SECRET", "hunter2").await;
    assert_eq!(code, Some(2));
    assert!(said.contains("APP_JWT_SECRET (--jwt-secret) has 7 bytes, but HS256 needs at least 32; make one with: openssl rand -hex 32"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_wrong_database_url_is_refused_without_being_printed() {
    for (url, problem) in [
        ("mysql://hunter2", "does not start with postgres://"),
        (
            "postgres://ada:hunter2@localhost:x/auth",
            "invalid port number",
        ),
    ] {
        let (code, said) = refusal_of(&[("DATABASE_URL", url)]).await;
        assert_eq!(code, Some(2));
        for part in [
            "DATABASE_URL (--database-url) ",
            problem,
            "; write it like postgres://",
        ] {
            assert!(said.contains(part), "{part:?} is missing in {said}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn of_two_settings_for_one_thing_none_is_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("app.db");
    let (code, said) = refusal(
        &database,
        "DATABASE_URL",
        "postgres://ada:hunter2@localhost/auth",
    )
    .await;
    assert_eq!(code, Some(2));
    assert!(said.contains("--database-url <DATABASE_URL>"), "{said}");
    assert!(said.contains("--database <APP_DATABASE>"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");

    let secret = "k".repeat(32);
    let both = [("APP_JWT_SECRET", &*secret), ("APP_JWT_KEYS_FILE", "keys")];
    let (code, said) = refusal_of(&both).await;
    assert_eq!(code, Some(2));
    assert!(
        said.contains("<APP_JWT_SECRET>") && said.contains("<APP_JWT_KEYS_FILE>"),
        "{said}"
    );
    assert!(!database.exists());
}

#[tokio::test]
async fn a_file_that_is_no_database_of_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "not a database, but long enough to be read as one").unwrap();
    let (code, said) = refusal(&file, "APP_DATABASE", file.to_str().unwrap()).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("notes.txt") && said.contains("file is not a database"),
        "{said}"
    );
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "not a database, but long enough to be read as one"
    );
}

#[tokio::test]
async fn sigterm_turns_readiness_off_lets_open_requests_end_and_exits_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(&folder.path().join("app.db"), &[]).await;
    let (start, rest) = signup_in_parts("ada@example.com");
    let mut signup = Raw::connect(program.address).await;
    signup.send(&start).await;
    let mut probe = Raw::connect(program.address).await;
    probe.send("GET /readyz HTTP/1.1\r\nhost: te").await;
    // The program accepts in order: once a later connection is answered, it has those two.
    assert_eq!(
        Answer::of(
            client()
                .get(format!("http://{}/livez", program.address))
                .send()
                .await
                .unwrap()
        )
        .await
        .status,
        200
    );

    program.signal(Signal::SIGTERM);
    program.has_stopped_listening().await;
    probe.send("st\r\n\r\n").await;
    let answer = probe.read_to_end().await;
    assert!(
        answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("the service is not ready: it is shutting down"),
        "{answer}"
    );
    signup.send(&rest).await;
    let answer = signup.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");

    let (status, _) = program.wait().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(
        &folder.path().join("app.db"),
        &[("APP_DRAIN_TIMEOUT", "1h"), ("APP_REQUEST_TIMEOUT", "1h")],
    )
    .await;
    let mut open = Raw::connect(program.address).await;
    open.send(&signup_in_parts("ada@example.com").0).await;
    assert_eq!(
        Answer::of(
            client()
                .get(format!("http://{}/livez", program.address))
                .send()
                .await
                .unwrap()
        )
        .await
        .status,
        200
    );

    program.signal(Signal::SIGINT);
    program.has_stopped_listening().await;
    program.signal(Signal::SIGINT);
    let (status, _) = program.wait().await;
    assert_eq!(status.code(), Some(1));
}

#[tokio::test]
async fn an_acknowledged_account_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("app.db");
    let program = Program::start(&database, &[]).await;
    assert_eq!(program.post("/signup/", PASSWORD).await.status, 201);
    program.signal(Signal::SIGKILL);
    let (status, _) = program.wait().await;
    assert_eq!(status.code(), None, "killed");

    let program = Program::start(&database, &[]).await;
    assert_eq!(program.post("/login/", PASSWORD).await.status, 200);
    program
        .post("/signup/", PASSWORD)
        .await
        .error(409, "email_taken");
}
