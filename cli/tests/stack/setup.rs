//! Prometheus, lens in the place of Loki and Tempo, the Collector with the backend file `lgtm`, app and agent, on free ports, in
//! a folder that vanishes.
//!
//! A second backend file, of this test alone, writes logs and traces to files as well, and has a pipeline of its own whose
//! backend never answers.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    client::App,
    here::{collector, free, is_installed, program, root},
    host,
    part::Part,
    prometheus::Prometheus,
    start::{self, ready},
};

const INTERVAL_MS: &str = "1000";

pub(crate) struct Stack {
    pub(crate) prometheus: Prometheus,
    pub(crate) app: App,
    /// OTLP/HTTP of the pipeline whose backend never answers.
    pub(crate) lossy_otlp: String,
    _parts: Vec<Part>,
    _silent: TcpListener,
    folder: TempDir,
}

impl Stack {
    /// All of them, ready. `None` when the Collector or Prometheus is not there, and this is not CI.
    pub(crate) async fn start() -> Option<Self> {
        let otelcol = collector()?;
        if !is_installed("prometheus", "prometheus") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let [
            prometheus,
            lens,
            ingest_http,
            ingest_grpc,
            grpc,
            http,
            health,
            lossy,
        ] = free();
        let backends = Backends {
            prometheus,
            ingest_http,
            ingest_grpc,
        };
        let mut parts = vec![
            start_prometheus(folder.path(), prometheus).await,
            start::lens(folder.path(), lens, ingest_http, ingest_grpc).await,
        ];
        write_test_backend(folder.path(), lossy, silent.local_addr().unwrap());
        let mut command = Command::new(otelcol);
        command
            .env("OTELCOL_OTLP_GRPC", grpc.to_string())
            .env("OTELCOL_OTLP_HTTP", http.to_string())
            .env("OTELCOL_HEALTH", health.to_string());
        parts.push(start_otelcol(folder.path(), command, &backends, health).await);
        let otlp = format!("http://{grpc}");
        // With faults: every other request of the front page fails.
        let (url, part) = start::app(folder.path(), "app", &otlp, INTERVAL_MS, |command| {
            command
                .env("APP_LOGIN_RATE_CLIENT", "1000000/1s")
                .env("APP_FAULTS", "error:/:0.5:500");
        })
        .await;
        parts.push(part);
        parts.push(start_agent(folder.path(), grpc).await);
        Some(Self {
            prometheus: Prometheus::at(prometheus.port()),
            app: App::at(url),
            lossy_otlp: format!("http://{lossy}"),
            _parts: parts,
            _silent: silent,
            folder,
        })
    }

    /// A file that the agent reads.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.path().join("logs/a.log")
    }

    /// What the Collector sent of a signal: `logs` or `traces`.
    pub(crate) fn sent(&self, signal: &str) -> PathBuf {
        self.folder.path().join(format!("{signal}.json"))
    }
}

struct Backends {
    prometheus: SocketAddr,
    ingest_http: SocketAddr,
    ingest_grpc: SocketAddr,
}

/// With the recording rules, evaluated each second.
async fn start_prometheus(folder: &Path, listen: SocketAddr) -> Part {
    let rules = root().join("grafana/alerting/recording.yaml");
    let rules =
        fs::read_to_string(&rules).unwrap_or_else(|error| panic!("{}: {error}", rules.display()));
    let without_interval = rules
        .lines()
        .filter(|line| !line.trim_start().starts_with("interval:"));
    fs::write(
        folder.join("recording.yaml"),
        without_interval.collect::<Vec<_>>().join("\n"),
    )
    .unwrap();
    let config = folder.join("prometheus.yaml");
    fs::write(
        &config,
        "global: {evaluation_interval: 1s}\n\
         storage: {tsdb: {out_of_order_time_window: 10m}}\n\
         rule_files: [recording.yaml]\n",
    )
    .unwrap();
    let mut command = Command::new("prometheus");
    command
        .arg("--config.file")
        .arg(config)
        .arg(format!("--web.listen-address={listen}"))
        .args([
            "--web.enable-remote-write-receiver",
            "--enable-feature=exemplar-storage",
            "--storage.tsdb.path",
        ])
        .arg(folder.join("prometheus"));
    let part = Part::start(&mut command, folder, "prometheus");
    ready(part, format!("http://{listen}/-/ready")).await
}

/// `silent` takes connections and never answers.
fn write_test_backend(folder: &Path, lossy_otlp: SocketAddr, silent: SocketAddr) {
    let text = format!(
        "receivers:\n\
         \x20 otlp/lossy: {{protocols: {{http: {{endpoint: '{lossy_otlp}'}}}}}}\n\
         exporters:\n\
         \x20 file/logs: {{path: {folder}/logs.json, flush_interval: 200ms}}\n\
         \x20 file/traces: {{path: {folder}/traces.json, flush_interval: 200ms}}\n\
         \x20 otlp_http/lossy:\n\
         \x20   endpoint: http://{silent}\n\
         \x20   timeout: 500ms\n\
         \x20   sending_queue: {{queue_size: 1, num_consumers: 1}}\n\
         \x20   retry_on_failure: {{enabled: false}}\n\
         service:\n\
         \x20 pipelines:\n\
         \x20   logs/file: {{receivers: [forward], exporters: [file/logs]}}\n\
         \x20   traces/file: {{receivers: [forward], exporters: [file/traces]}}\n\
         \x20   metrics/lossy: {{receivers: [otlp/lossy], exporters: [otlp_http/lossy]}}\n\
         \x20   logs/lossy: {{receivers: [otlp/lossy], exporters: [otlp_http/lossy]}}\n\
         \x20   traces/lossy: {{receivers: [otlp/lossy], exporters: [otlp_http/lossy]}}\n",
        folder = folder.display(),
    );
    fs::write(folder.join("backend.yaml"), text).unwrap();
}

async fn start_otelcol(
    folder: &Path,
    mut command: Command,
    backends: &Backends,
    health: SocketAddr,
) -> Part {
    let configs = root().join("otelcol");
    for config in [
        configs.join("config.yaml"),
        configs.join("backends/lgtm.yaml"),
        folder.join("backend.yaml"),
    ] {
        command.arg("--config").arg(config);
    }
    command
        .env("OTELCOL_STORAGE", folder.join("otelcol"))
        .env("OTELCOL_SPAN_METRICS_INTERVAL", "1s")
        .env("OTELCOL_SELF_METRICS_INTERVAL_MS", INTERVAL_MS)
        .env(
            "PROMETHEUS_REMOTE_WRITE",
            format!("http://{}/api/v1/write", backends.prometheus),
        )
        .env("LOKI_OTLP", format!("http://{}/otlp", backends.ingest_http))
        .env("TEMPO_OTLP", backends.ingest_grpc.to_string());
    let part = Part::start(&mut command, folder, "otelcol");
    ready(part, format!("http://{health}/")).await
}

async fn start_agent(folder: &Path, otlp: SocketAddr) -> Part {
    let host = folder.join("host");
    host::make(&host);
    fs::create_dir(folder.join("logs")).unwrap();
    let config = folder.join("agent.yaml");
    let text = format!(
        "endpoint: http://{otlp}\n\
         state_dir: {folder}/agent\n\
         root: {host}\n\
         logs:\n\
         \x20 containers: {{kubernetes: false, max_line: 1KiB}}\n\
         \x20 files: [{{include: [{folder}/logs/*.log], max_line: 1KiB}}]\n\
         metrics: {{host: {{interval: 1s}}, containers: {{interval: 1s}}}}\n",
        folder = folder.display(),
        host = host.display(),
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(program("trivium-agent"));
    command.arg("run").arg("--config").arg(config);
    start::agent(&mut command, folder).await
}
