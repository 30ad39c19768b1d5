//! Prometheus, Alertmanager, the Collector, app and agent on free ports, in a folder that vanishes, with backends that are
//! well or not.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    agent,
    here::{collector, free, is_installed, root},
    host::Host,
    part::Part,
    prometheus::Prometheus,
    server,
    start::{self, ready},
};

pub(crate) const GRAFANA_URL: &str = "https://grafana.example.com";
pub(crate) const REPOSITORY_URL: &str = "https://git.example.com/trivium";

/// Of every export; the rules' clock is faster too.
const INTERVAL_MS: &str = "500";

/// What a test may need and stop.
pub(crate) struct Stack {
    pub(crate) prometheus: Prometheus,
    pub(crate) app_url: String,
    pub(crate) host: Host,
    /// The status with which the backend of logs answers.
    pub(crate) logs_answer: Arc<AtomicU16>,
    /// What Alertmanager told, one body per notification.
    pub(crate) notified: Arc<Mutex<Vec<Value>>>,
    app: Option<Part>,
    otelcol: Option<Part>,
    _others: Vec<Part>,
    folder: TempDir,
}

/// How the app and the backends of logs and traces do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// No faults; lens takes logs and traces.
    Well,
    /// Faults; the backend of logs answers as told, that of traces is away, and queues are short.
    Troubled,
}

impl Stack {
    /// All of them, ready. `None` when something is not installed, and this is not CI.
    pub(crate) async fn start(state: State) -> Option<Self> {
        let otelcol = collector()?;
        if !is_installed("prometheus", "prometheus")
            || !is_installed("prometheus-alertmanager", "prometheus-alertmanager")
            || !agent::can_have_a_disk()
        {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let [prometheus, alertmanager, otlp, otlp_http, health] = free();
        let [lens, ingest_http, ingest_grpc, nobody] = free();
        let logs_answer = Arc::new(AtomicU16::new(400));
        let status = logs_answer.clone();
        let logs = server::start(move |_| (status.load(Ordering::Relaxed), json!({}))).await;

        let notified = Arc::new(Mutex::new(Vec::new()));
        let mut others = vec![start_alertmanager(path, alertmanager, &notified).await];
        let mut command = Command::new(otelcol);
        command
            .env("OTELCOL_OTLP_GRPC", otlp.to_string())
            .env("OTELCOL_OTLP_HTTP", otlp_http.to_string())
            .env("OTELCOL_HEALTH", health.to_string())
            .env(
                "PROMETHEUS_REMOTE_WRITE",
                format!("http://{prometheus}/api/v1/write"),
            );
        configure(&mut command, path, state);
        match state {
            State::Well => {
                others.push(start::lens(path, lens, ingest_http, ingest_grpc).await);
                command
                    .env("LOKI_OTLP", format!("http://{ingest_http}/otlp"))
                    .env("TEMPO_OTLP", ingest_grpc.to_string());
            }
            State::Troubled => {
                command
                    .env("LOKI_OTLP", format!("http://{logs}/otlp"))
                    .env("TEMPO_OTLP", nobody.to_string());
            }
        }
        let prometheus = Prometheus::start(path, prometheus, alertmanager).await;
        let otelcol = Part::start(&mut command, path, "otelcol");
        let otelcol = ready(otelcol, format!("http://{health}/")).await;
        let endpoint = format!("http://{otlp}");
        let (app_url, app) = start::app(path, "app", &endpoint, INTERVAL_MS, |command| {
            match state {
                State::Well => command.env("APP_LOGIN_RATE_CLIENT", "1000000/1s"),
                State::Troubled => command
                    .env("APP_FAULTS", "error:/users/me/:0.5:500,latency:/:0.5:700ms")
                    .env("OTEL_BSP_MAX_QUEUE_SIZE", "32")
                    .env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16"),
            };
        })
        .await;
        let host = Host::make(path.join("host"));
        others.push(agent::start(path, &host, otlp).await);
        Some(Self {
            prometheus,
            app_url,
            host,
            logs_answer,
            notified,
            app: Some(app),
            otelcol: Some(otelcol),
            _others: others,
            folder,
        })
    }

    /// A file that the agent reads.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.path().join("logs/a.log")
    }

    pub(crate) async fn stop_app(&mut self) {
        self.app.take().unwrap().stop().await;
    }

    pub(crate) async fn stop_otelcol(&mut self) {
        self.otelcol.take().unwrap().stop().await;
    }
}

/// Names the Collector's files; one of this test makes its queues short, and its memory of spans as fast as the rules' clock.
fn configure(otelcol: &mut Command, folder: &Path, state: State) {
    let configs = root().join("otelcol");
    let mut files = vec![
        configs.join("config.yaml"),
        configs.join("backends/lgtm.yaml"),
    ];
    if state == State::Troubled {
        let short = folder.join("short-queues.yaml");
        let queue = |requests| {
            format!(
                "{{sending_queue: {{queue_size: {requests}, batch: {{min_size: 1, max_size: 2}}}}}}"
            )
        };
        let (traces, logs) = (queue(2), queue(20));
        let text = format!(
            "exporters: {{otlp_grpc/tempo: {traces}, otlp_http/loki: {logs}}}\n\
             connectors: {{span_metrics: {{metrics_expiration: 10s}}}}\n"
        );
        fs::write(&short, text).unwrap();
        files.push(short);
    }
    for file in files {
        otelcol.arg("--config").arg(file);
    }
    otelcol
        .env("OTELCOL_STORAGE", folder.join("otelcol"))
        .env("OTELCOL_SPAN_METRICS_INTERVAL", "1s")
        .env("OTELCOL_SELF_METRICS_INTERVAL_MS", INTERVAL_MS);
}

/// Tells this test of each alert at once.
async fn start_alertmanager(
    folder: &Path,
    listen: SocketAddr,
    notified: &Arc<Mutex<Vec<Value>>>,
) -> Part {
    let notified = notified.clone();
    let webhook = server::start(move |seen| {
        notified.lock().unwrap().push(seen.body.clone());
        (200, json!({}))
    })
    .await;
    let config = folder.join("alertmanager.yaml");
    let text = format!(
        "route: {{receiver: test, group_by: [alertname], group_wait: 1s, group_interval: 1s}}\n\
         receivers: [{{name: test, webhook_configs: [{{url: 'http://{webhook}/'}}]}}]\n"
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new("prometheus-alertmanager");
    command
        .arg("--config.file")
        .arg(config)
        .arg("--storage.path")
        .arg(folder.join("alertmanager"))
        .arg(format!("--web.listen-address={listen}"))
        .arg("--cluster.listen-address=");
    let part = Part::start(&mut command, folder, "alertmanager");
    ready(part, format!("http://{listen}/-/ready")).await
}
