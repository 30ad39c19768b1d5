//! The profile `lens` in a real Docker Engine, with images of the Dockerfile and programs that were built on this machine.

use std::{fs, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    client::{App, PASSWORD},
    compose,
    engine::Engine,
    here::{collector, free, program, root, until},
    lens::Lens,
    make_secrets, succeed,
};

/// What app, agent, Collector and lens may take together.
const MEMORY_BYTES: f64 = (300 << 20) as f64;
/// What an image of ours may take, here even without optimisation.
const IMAGE_BYTES: u64 = 40 << 20;
const SERVICES: [&str; 4] = ["agent", "app", "lens", "otelcol"];

/// The programs that were built beside this test, where the Dockerfile takes them from.
struct Programs;

impl Programs {
    fn take() -> Self {
        let mut take = Command::new(root().join("compose/take-programs"));
        succeed(take.arg(program("trivium-app").parent().unwrap()));
        Self
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let folder = root().join("compose/programs");
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name() != ".gitignore" {
                let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
            }
        }
    }
}

struct Stack {
    engine: Engine,
    _programs: Programs,
    secrets: TempDir,
    app: u16,
    otlp_grpc: u16,
    otlp_http: u16,
    lens: u16,
}

impl Stack {
    /// With the images' programs and the upstream image of the Collector in place; nothing is started.
    async fn prepare() -> Option<Self> {
        compose()?;
        let collector = collector()?;
        let engine = Engine::start().await?;
        let programs = Programs::take();
        // The name that the Dockerfile begins its Collector from.
        let upstream = "otel/opentelemetry-collector-contrib:0.161.0";
        engine.import(upstream, &collector, "otelcol-contrib");
        let secrets = tempfile::tempdir().unwrap();
        make_secrets(secrets.path());
        let [app, otlp_grpc, otlp_http, lens] = free().map(|address| address.port());
        Some(Self {
            engine,
            _programs: programs,
            secrets,
            app,
            otlp_grpc,
            otlp_http,
            lens,
        })
    }

    fn compose(&self) -> Command {
        let mut command = compose().unwrap();
        command
            .env("DOCKER_HOST", self.engine.host())
            .env("DOCKER_ROOT", self.engine.data())
            .env("COMPOSE_PROJECT_NAME", "smoke")
            .env("SECRETS", self.secrets.path())
            .env("PROGRAMS", "host")
            .env("BACKENDS", "lens")
            .env("APP_PORT", self.app.to_string())
            .env("OTLP_GRPC_PORT", self.otlp_grpc.to_string())
            .env("OTLP_HTTP_PORT", self.otlp_http.to_string())
            .env("LENS_PORT", self.lens.to_string())
            // So that the trace of a request is the one that the test has begun.
            .env("APP_TRUSTED_CALLERS", "0.0.0.0/0");
        command
    }

    /// Starts everything, and comes back when all are healthy.
    fn up(&self, overrides: &[&str]) {
        let mut files = "compose/compose.yaml".to_owned();
        for name in overrides {
            files = format!("{files}:compose/{name}.yaml");
        }
        let mut command = self.compose();
        command.env("COMPOSE_FILE", &files).args([
            "up",
            "--detach",
            "--wait",
            "--wait-timeout",
            "120",
        ]);
        let output = command.output().unwrap();
        if !output.status.success() {
            let logs = self
                .compose()
                .args(["logs", "--tail", "20"])
                .output()
                .unwrap();
            panic!(
                "{}\n{}",
                String::from_utf8_lossy(&output.stderr),
                String::from_utf8_lossy(&logs.stdout)
            );
        }
        let text = succeed(self.compose().args(["ps", "--all", "--format", "json"]));
        let mut services: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|service| {
                (
                    service["Service"].as_str().unwrap().to_owned(),
                    service["Health"].clone(),
                )
            })
            .collect();
        services.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = SERVICES.map(|name| (name.to_owned(), Value::from("healthy")));
        assert_eq!(services, expected);
    }

    /// What a container of a service prints, as the agent has read it: one record per line.
    async fn printed(&self, lens: &Lens, service: &str) -> Vec<Value> {
        let path = format!("/api/logs?container=smoke-{service}-1&since=1h");
        lens.list(&path, "logs").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_profile_lens_observes_a_request_and_keeps_it_over_a_restart_and_under_tls() {
    let Some(stack) = Stack::prepare().await else {
        return;
    };
    succeed(stack.compose().arg("build"));
    for name in ["app", "agent", "lens"] {
        let image = format!("trivium-{name}:0.1.0");
        let size = stack
            .engine
            .docker(&["image", "inspect", "--format", "{{.Size}}", &image]);
        assert!(
            size.trim().parse::<u64>().unwrap() < IMAGE_BYTES,
            "{image}: {size}"
        );
    }
    stack.up(&[]);
    let token = fs::read_to_string(stack.secrets.path().join("lens/token")).unwrap();
    let lens = Lens::with_token(stack.lens, token);
    // It is reached from other containers, and shows nothing to who does not know its token.
    let stranger = reqwest::get(lens.url("/api/services")).await.unwrap();
    assert_eq!(stranger.status(), reqwest::StatusCode::UNAUTHORIZED);
    let app = App::at(format!("http://127.0.0.1:{}", stack.app));

    // A request has its trace and its logs, and is counted once.
    let account = json!({"email": "smoke@example.com", "password": PASSWORD});
    let (signup, _) = app
        .send(
            reqwest::Method::POST,
            "/signup/",
            None,
            Some(account.clone()),
        )
        .await;
    assert_eq!(signup.status, 201);
    lens.assert_observed(&signup).await;
    let count = async || lens.count("service_name=auth,http_route=/signup/").await;
    until("the request is counted", || async {
        (count().await == 1).then_some(())
    })
    .await;

    // The span names the container that the agent knows by its name, on the host's name.
    let root_span = lens.root(&signup.trace_id).await.unwrap();
    let id = stack
        .engine
        .docker(&["inspect", "--format", "{{.Id}}", "smoke-app-1"]);
    assert_eq!(root_span["resource"]["container.id"], id.trim());
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let container = until("the app's container with its traffic", || async {
        let container = lens.get(&format!("/api/containers/{}", id.trim())).await?;
        let is_measured = container["network_receive_bytes_per_second"].is_number();
        (is_measured && container["memory_bytes"].is_number()).then_some(container)
    })
    .await;
    assert_eq!(container["name"], "smoke-app-1");
    assert_eq!(container["host"], host.trim());
    assert_eq!(container["compose_service"], "app");

    // What it printed is there, once, with the container's name.
    let printed = until("what the app's container printed", || async {
        let records = stack.printed(&lens, "app").await;
        (!records.is_empty()).then_some(records)
    })
    .await;
    assert_eq!(printed.len(), 1, "{printed:?}");
    assert_eq!(
        printed[0]["body"],
        "trivium-app listening on http://0.0.0.0:8000"
    );
    assert_eq!(printed[0]["resource"]["container.name"], "smoke-app-1");
    assert_eq!(printed[0]["resource"]["host.name"], host.trim());
    assert_memory(&stack).await;

    // Stopped and started again, with TLS now, all of it is still there, and what is new comes too.
    succeed(stack.compose().arg("stop"));
    stack.up(&["tls"]);
    lens.assert_observed(&signup).await;
    let (login, _) = app
        .send(reqwest::Method::POST, "/login/", None, Some(account))
        .await;
    assert_eq!(login.status, 200, "the account is still there");
    lens.assert_observed(&login).await;
    until(
        "what the app's container printed at its second start",
        || async {
            let records = stack.printed(&lens, "app").await;
            assert!(records.len() <= 2, "a line came twice: {records:?}");
            (records.len() == 2).then_some(())
        },
    )
    .await;
}

/// All four together, as Docker measures them.
async fn assert_memory(stack: &Stack) {
    let usage = stack
        .engine
        .docker(&["stats", "--no-stream", "--format", "{{.MemUsage}}"]);
    let bytes = usage.lines().map(|line| {
        let (used, _) = line.split_once('/').unwrap();
        let used = used.trim();
        let number = used.trim_end_matches(|c: char| c.is_alphabetic());
        let unit = match &used[number.len()..] {
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            other => panic!("{other} in {usage}"),
        };
        number.parse::<f64>().unwrap() * unit
    });
    let total: f64 = bytes.sum();
    eprintln!("{usage}");
    assert!(
        usage.lines().count() == SERVICES.len() && total < MEMORY_BYTES,
        "{usage}"
    );
}
