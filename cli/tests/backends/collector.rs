//! A Collector with the files of otelcol/ that a test names, which can be stopped and started again.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    client::App,
    here::{free, root},
    part::Part,
    start::{self, ready},
};

/// Short, so that tests need not wait for what is only a matter of time.
pub(crate) const INTERVAL_MS: &str = "500";

pub(crate) struct Collector {
    pub(crate) otlp: SocketAddr,
    health: SocketAddr,
    command: Command,
    name: &'static str,
    folder: PathBuf,
    part: Option<Part>,
}

impl Collector {
    /// `files`: below otelcol/, or absolute. Its data and its log are in `folder`, by `name`.
    pub(crate) async fn start(
        program: &Path,
        folder: &Path,
        name: &'static str,
        files: &[&str],
        environment: &[(&str, String)],
    ) -> Self {
        let [otlp, otlp_http, health] = free();
        let mut command = Command::new(program);
        for file in files {
            command
                .arg("--config")
                .arg(root().join("otelcol").join(file));
        }
        command
            .env("OTELCOL_OTLP_GRPC", otlp.to_string())
            .env("OTELCOL_OTLP_HTTP", otlp_http.to_string())
            .env("OTELCOL_HEALTH", health.to_string())
            .env("OTELCOL_STORAGE", folder.join(name))
            .env("OTELCOL_SPAN_METRICS_INTERVAL", "1s")
            .envs(environment.iter().map(|(name, value)| (name, value)));
        let mut collector = Self {
            otlp,
            health,
            command,
            name,
            folder: folder.to_owned(),
            part: None,
        };
        collector.start_again().await;
        collector
    }

    pub(crate) async fn start_again(&mut self) {
        let part = Part::start(&mut self.command, &self.folder, self.name);
        self.part = Some(ready(part, format!("http://{}/", self.health)).await);
    }

    /// With SIGKILL: it flushes nothing.
    pub(crate) fn kill(&mut self) {
        drop(self.part.take());
    }

    /// An app that sends here; `more` sets what else it needs.
    pub(crate) async fn app(&self, more: impl FnOnce(&mut Command)) -> (App, Part) {
        let otlp = format!("http://{}", self.otlp);
        let (url, part) = start::app(&self.folder, "app", &otlp, INTERVAL_MS, more).await;
        (App::at(url), part)
    }
}
