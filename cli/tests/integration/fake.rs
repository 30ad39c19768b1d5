//! Stand-ins for lens, the Collector, the agent and the app: this test program, started again by a small script.
//!
//! Each answers 200 on its readiness address (the agent prints its line instead), notes its start and its stop in a common journal, and writes its settings
//! to a file. `GET /api/pipeline` has some hops, for those who know
//! the token in `LENS_TOKEN_FILE`, if there is one. `GET /crash` makes it print thirty lines and end with status 7. The variable `FAKE_BEHAVIOUR`, as
//! `NAME=WORD`, makes one of them `exit` at once, `ignore` SIGTERM, or `hang` and never be ready.

use std::{
    env,
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::{copy_executable, server, write_script};

/// A folder with a copy of `trivium`, the stand-ins beside it, and a clone with two backend files.
#[derive(Debug)]
pub(crate) struct Installation {
    folder: tempfile::TempDir,
}

impl Installation {
    pub(crate) fn new() -> Self {
        let installation = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let trivium = Path::new(env!("CARGO_BIN_EXE_trivium"));
        copy_executable(trivium, &installation.path("trivium"));
        for (program, name) in [
            ("trivium-lens", "lens"),
            ("otelcol", "otelcol"),
            ("trivium-agent", "agent"),
            ("trivium-app", "app"),
        ] {
            let script = format!(
                "#!/bin/sh\n\
                 if [ \"$1\" = --version ]; then echo otelcol version 0.161.0; exit; fi\n\
                 FAKE_PART={name} FAKE_FOLDER='{}' FAKE_ARGUMENTS=\"$*\" exec '{}' --exact fake::part --nocapture\n",
                installation.folder.path().display(),
                env::current_exe().unwrap().display(),
            );
            write_script(&installation.path(program), &script);
        }
        let backends = installation.path("clone/otelcol/backends");
        fs::create_dir_all(&backends).unwrap();
        for file in ["config.yaml", "backends/lens.yaml", "backends/lgtm.yaml"] {
            fs::write(installation.path("clone/otelcol").join(file), "").unwrap();
        }
        fs::write(
            installation.path("clone/otelcol/builder.yaml"),
            "dist:\n  name: otelcol\n  version: 0.161.0\n  output_path: ./build\n",
        )
        .unwrap();
        installation
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// The lines of the journal.
    pub(crate) fn journal(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("journal")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The environment variables and the `arguments` that a part was started with.
    pub(crate) fn settings(&self, part: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(&format!("{part}.settings"))).unwrap()).unwrap()
    }
}

/// Not a test: what the scripts run. Does nothing in a normal test run.
#[test]
fn part() {
    let Ok(name) = env::var("FAKE_PART") else {
        return;
    };
    let folder = PathBuf::from(env::var_os("FAKE_FOLDER").unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(live(&name, &folder));
    // The test harness prints its own end, which a part would not.
    std::process::exit(0);
}

async fn live(name: &str, folder: &Path) {
    let environment: serde_json::Map<String, Value> = env::vars()
        .map(|(variable, value)| (variable, json!(value)))
        .collect();
    let mut settings = json!(environment);
    settings["arguments"] = json!(env::var("FAKE_ARGUMENTS").unwrap());
    fs::write(
        folder.join(format!("{name}.settings")),
        settings.to_string(),
    )
    .unwrap();

    let behaviour = env::var("FAKE_BEHAVIOUR").unwrap_or_default();
    if behaviour == format!("{name}=exit") {
        eprintln!("{name} does not like its settings");
        std::process::exit(3);
    }
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let variable = match name {
        "lens" => Some("LENS_LISTEN"),
        "otelcol" => Some("OTELCOL_HEALTH"),
        "app" => Some("APP_LISTEN"),
        _ => None,
    };
    if behaviour == format!("{name}=hang") {
        note(folder, &format!("{name} hangs"));
    } else if let Some(variable) = variable {
        listen(name, folder, &env::var(variable).unwrap()).await;
    } else {
        note(folder, &format!("{name} started"));
        eprintln!("now  INFO running; sending to {}", endpoint());
    }
    terminate.recv().await;
    if behaviour == format!("{name}=ignore") {
        note(folder, &format!("{name} ignores SIGTERM"));
        std::future::pending::<()>().await;
    }
    note(folder, &format!("{name} stopped"));
}

async fn listen(name: &str, folder: &Path, address: &str) {
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    note(folder, &format!("{name} started"));
    let requests = folder.join(format!("{name}.requests"));
    let token_file = env::var("LENS_TOKEN_FILE").ok();
    let token_file = token_file.filter(|_| name == "lens");
    let wanted = token_file.map(|file| format!("Bearer {}", fs::read_to_string(file).unwrap()));
    tokio::spawn(server::serve(
        listener,
        Arc::new(move |seen| {
            if seen.route == "GET /crash" {
                (1..=30).for_each(|line| eprintln!("crash line {line}"));
                std::process::exit(7);
            }
            append(&requests, &seen.route);
            if seen.route == "GET /api/pipeline" {
                return match seen.authorization == wanted {
                    true => (200, json!({"hops": hops()})),
                    false => (401, Value::Null),
                };
            }
            server::app(seen)
        }),
    ));
}

/// What lens knows of the way of the data.
fn hops() -> Value {
    json!([
        {"hop": "auth", "kind": "sdk", "signal": "traces", "accepted": 1200, "dropped": 0, "sent": 1190, "failed": 0,
            "queue_size": 10, "queue_capacity": 2048},
        {"hop": "here", "kind": "agent", "signal": "logs", "accepted": 77, "dropped": 0, "sent": 77, "lag_bytes": 2048,
            "lag_seconds": 1.5},
        {"hop": "otlp", "kind": "collector_receiver", "signal": "traces", "accepted": 1190, "refused": 5, "failed": 0},
        {"hop": "otlp_grpc/lens", "kind": "collector_exporter", "signal": "traces", "sent": 1180, "failed": 2, "dropped": 1,
            "queue_size": 3, "queue_capacity": 1000},
        {"hop": "trivium-lens", "kind": "lens", "signal": "traces", "accepted": 1180, "refused": 0, "lag_bytes": 0},
    ])
}

/// Of the agent's configuration, `run --config FILE`.
fn endpoint() -> String {
    let arguments = env::var("FAKE_ARGUMENTS").unwrap();
    let config = fs::read_to_string(arguments.strip_prefix("run --config ").unwrap()).unwrap();
    let endpoint = config
        .lines()
        .find_map(|line| line.strip_prefix("endpoint: "));
    endpoint.unwrap().to_owned()
}

fn note(folder: &Path, line: &str) {
    append(&folder.join("journal"), line);
}

fn append(path: &Path, line: &str) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    writeln!(file, "{line}").unwrap();
}
