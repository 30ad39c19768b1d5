//! lens and the Collector in front of it, on free ports, in a folder that vanishes; apps as a test needs them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    doctor::{self, Report},
    here::{collector, free, root},
    part::Part,
    start::{self, ready},
};

const INTERVAL_MS: &str = "500";

/// Every hop where there is no Grafana.
pub(crate) const HOPS: [&str; 8] = [
    "app",
    "app_export",
    "collector",
    "collector_export",
    "metric",
    "exemplar",
    "trace",
    "logs",
];

pub(crate) struct Stack {
    pub(crate) lens: SocketAddr,
    pub(crate) otlp_http: SocketAddr,
    otlp_grpc: SocketAddr,
    pub(crate) lens_part: Option<Part>,
    pub(crate) otelcol_part: Option<Part>,
    folder: TempDir,
}

/// Where lens takes in what.
pub(crate) struct Ingest {
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
}

/// An app and the name that its service has.
pub(crate) struct App {
    pub(crate) service: &'static str,
    pub(crate) url: String,
    part: Part,
}

impl App {
    pub(crate) async fn stop(self) -> (&'static str, String) {
        self.part.stop().await;
        (self.service, self.url)
    }
}

impl Stack {
    /// All ready. `files` are the Collector's, below otelcol/; `configure` may change where it writes. `None` when there is
    /// no Collector here.
    pub(crate) async fn start(
        files: &[&str],
        configure: impl FnOnce(&mut Command, &Path, &Ingest),
    ) -> Option<Self> {
        Self::start_with_token(files, None, configure).await
    }

    /// The same with a lens that wants the token in this file.
    pub(crate) async fn start_with_token(
        files: &[&str],
        lens_token_file: Option<&Path>,
        configure: impl FnOnce(&mut Command, &Path, &Ingest),
    ) -> Option<Self> {
        let otelcol = collector()?;
        let folder = tempfile::tempdir().unwrap();
        let [lens, http, grpc, otlp_grpc, otlp_http, health] = free();
        let ingest = Ingest { http, grpc };
        let lens_part = start::lens_with(folder.path(), lens, http, grpc, |command| {
            command.envs(lens_token_file.map(|file| ("LENS_TOKEN_FILE", file)));
        })
        .await;
        let mut command = Command::new(otelcol);
        for file in ["config.yaml"].iter().chain(files) {
            command
                .arg("--config")
                .arg(root().join("otelcol").join(file));
        }
        command
            .env("OTELCOL_OTLP_GRPC", otlp_grpc.to_string())
            .env("OTELCOL_OTLP_HTTP", otlp_http.to_string())
            .env("OTELCOL_HEALTH", health.to_string())
            .env("OTELCOL_STORAGE", folder.path().join("otelcol"))
            .env("OTELCOL_SPAN_METRICS_INTERVAL", "1s")
            .env("OTELCOL_SELF_METRICS_INTERVAL_MS", "1000")
            .env("LENS_REMOTE_WRITE", format!("http://{http}/api/v1/write"))
            .env("LENS_LOGS", format!("http://{http}/otlp"))
            .env("LENS_TRACES", grpc.to_string())
            .envs(lens_token_file.map(|file| ("LENS_TOKEN_FILE", file)));
        configure(&mut command, folder.path(), &ingest);
        let part = Part::start(&mut command, folder.path(), "otelcol");
        let otelcol_part = ready(part, format!("http://{health}/")).await;
        Some(Self {
            lens,
            otlp_http,
            otlp_grpc,
            lens_part: Some(lens_part),
            otelcol_part: Some(otelcol_part),
            folder,
        })
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// One that sends to the Collector, unless `configure` says otherwise, and has a name of its own, so that it is not taken
    /// for another one.
    pub(crate) async fn app(
        &self,
        service: &'static str,
        configure: impl FnOnce(&mut Command),
    ) -> App {
        let otlp = format!("http://{}", self.otlp_grpc);
        let (url, part) = start::app(self.folder.path(), service, &otlp, INTERVAL_MS, |command| {
            command.env("OTEL_SERVICE_NAME", service);
            configure(command);
        })
        .await;
        App { service, url, part }
    }

    /// What the doctor says of this app.
    pub(crate) async fn examine(&self, app: &App, more: &[&str]) -> Report {
        self.examine_at(app.service, &app.url, more).await
    }

    pub(crate) async fn examine_at(&self, service: &str, url: &str, more: &[&str]) -> Report {
        let (lens, otlp) = (self.lens.to_string(), self.otlp_http.to_string());
        let addresses = ["--lens", &lens, "--otlp-http", &otlp, "--app", url];
        let arguments = [&addresses[..], &["--service", service], more].concat();
        doctor::run(&arguments).await
    }
}
