//! otelcol/policies/{token,tls}.yaml do what they say on this machine, without Docker.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use reqwest::StatusCode;
use tempfile::TempDir;

use crate::{
    client::App,
    here::{collector, free, root, until},
    lens::Lens,
    make_secrets,
    part::Part,
    start,
};

const POLICIES: [&[&str]; 2] = [&["token"], &["token", "tls"]];

/// The Collector with the files named, which name the secrets by the environment.
fn otelcol(program: &Path, backend: &str, policies: &[&str], secrets: &Path) -> Command {
    let folder = root().join("otelcol");
    let mut command = Command::new(program);
    let policies = policies.iter().map(|policy| format!("policies/{policy}"));
    for name in ["config".to_owned(), format!("backends/{backend}")]
        .into_iter()
        .chain(policies)
    {
        command
            .arg("--config")
            .arg(folder.join(name).with_extension("yaml"));
    }
    command
        .env("OTELCOL_STORAGE", secrets.join("storage"))
        .env("OTELCOL_TOKEN_FILE", secrets.join("otlp/token"))
        .env("OTELCOL_TLS_CERT", secrets.join("otelcol/server.pem"))
        .env("OTELCOL_TLS_KEY", secrets.join("otelcol/server.key"))
        .env("OTELCOL_TLS_CA", secrets.join("otlp/ca.pem"));
    command
}

/// lens, and the Collector with policies before it.
struct Native {
    folder: TempDir,
    lens: Lens,
    otlp_grpc: SocketAddr,
    otlp_http: SocketAddr,
    parts: Vec<Part>,
}

impl Native {
    async fn start(otelcol_program: PathBuf, policies: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        make_secrets(folder.path());
        let [page, ingest_http, ingest_grpc, otlp_grpc, otlp_http, health] = free();
        let lens = start::lens(folder.path(), page, ingest_http, ingest_grpc).await;
        let mut command = otelcol(&otelcol_program, "lens", policies, folder.path());
        command
            .env("OTELCOL_OTLP_GRPC", otlp_grpc.to_string())
            .env("OTELCOL_OTLP_HTTP", otlp_http.to_string())
            .env("OTELCOL_HEALTH", health.to_string())
            .env(
                "OTELCOL_TLS_NAME",
                format!("localhost:{}", otlp_http.port()),
            )
            .env("OTELCOL_SELF_METRICS_INTERVAL_MS", "1000")
            .env("LENS_LOGS", format!("http://{ingest_http}/otlp"))
            .env(
                "LENS_REMOTE_WRITE",
                format!("http://{ingest_http}/api/v1/write"),
            )
            .env("LENS_TRACES", ingest_grpc.to_string());
        let otelcol = Part::start(&mut command, folder.path(), "otelcol");
        Self {
            folder,
            lens: Lens::at(page.port()),
            otlp_grpc,
            otlp_http,
            parts: vec![lens, otelcol],
        }
    }

    fn secret(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An app that sends to an endpoint, with the variables given besides.
    async fn start_app(&mut self, scheme: &str, variables: &[(&str, PathBuf)]) -> App {
        let otlp = format!("{scheme}://{}", self.otlp_grpc);
        let (url, part) = start::app(self.folder.path(), "app", &otlp, "500", |command| {
            command.envs(variables.iter().map(|(key, value)| (key, value)));
        })
        .await;
        self.parts.push(part);
        App::at(url)
    }

    async fn stop(self) {
        // The Collector's exit code is not looked at: see the end of otelcol/config.yaml.
        for part in self.parts.into_iter().rev() {
            part.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_each_policy_a_program_with_the_token_is_observed_and_so_is_the_collector_itself() {
    for policies in POLICIES {
        let Some(program) = collector() else {
            return;
        };
        let mut native = Native::start(program, policies).await;
        let mut variables = vec![(
            "OTEL_EXPORTER_OTLP_BEARER_TOKEN_FILE",
            native.secret("otlp/token"),
        )];
        let mut scheme = "http";
        if policies.contains(&"tls") {
            scheme = "https";
            variables.push((
                "OTEL_EXPORTER_OTLP_CERTIFICATE",
                native.secret("otlp/ca.pem"),
            ));
        }
        let app = native.start_app(scheme, &variables).await;
        let sent = app.get("/").await;
        native.lens.assert_observed(&sent).await;
        // Its metrics come in through its own receiver.
        let uptime = "/api/metrics/otelcol_process_uptime?since=15m&where=service_name=otelcol";
        until("the Collector's own metrics", || async {
            let points = native.lens.list(uptime, "points").await;
            (!points.is_empty()).then_some(())
        })
        .await;
        native.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_or_with_another_one_nobody_is_let_in() {
    let Some(program) = collector() else {
        return;
    };
    let native = Native::start(program, &["token"]).await;
    let token = std::fs::read_to_string(native.secret("otlp/token")).unwrap();
    let client = reqwest::Client::new();
    let url = format!("http://{}/v1/logs", native.otlp_http);
    let send = async |authorization: &str| {
        let request = client
            .post(&url)
            .header("content-type", "application/json")
            .body("{}");
        let answer = request
            .header("authorization", authorization)
            .send()
            .await
            .ok()?;
        Some(answer.status())
    };
    let refused = until("an answer", || send("")).await;
    assert_eq!(refused, StatusCode::UNAUTHORIZED);
    assert_eq!(send("Bearer wrong").await, Some(StatusCode::UNAUTHORIZED));
    assert_eq!(send(&format!("Bearer {token}")).await, Some(StatusCode::OK));
    native.stop().await;
}
