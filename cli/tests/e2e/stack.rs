//! lens, the Collector, any number of apps and the agent, on free ports, in a folder that vanishes; each can be stopped and started.

use std::{fs, net::TcpListener, path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::{client::App, lens::Lens, part::Part, program, root, until};

/// Short, so that tests need not wait for what is only a matter of time.
const METRIC_INTERVAL_MS: &str = "500";

/// So that tests need not wait for what is slow on purpose.
const LEAST_BCRYPT_COST: u32 = 4;

pub(crate) struct Stack {
    pub(crate) lens: Lens,
    otelcol: PathBuf,
    ports: Ports,
    lens_part: Option<Part>,
    otelcol_part: Option<Part>,
    apps: Vec<(App, Part)>,
    agent_part: Option<Part>,
    folder: TempDir,
}

/// The apps may take any port, for they say which; the others must be known beforehand.
struct Ports {
    lens: u16,
    ingest_http: u16,
    ingest_grpc: u16,
    otlp_grpc: u16,
    otlp_http: u16,
    health: u16,
}

impl Ports {
    /// Free when asked; held together for a moment, so that no port is given twice.
    fn free() -> Self {
        let listeners: [_; 6] =
            std::array::from_fn(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap());
        let [lens, ingest_http, ingest_grpc, otlp_grpc, otlp_http, health] =
            listeners.map(|listener| listener.local_addr().unwrap().port());
        Self {
            lens,
            ingest_http,
            ingest_grpc,
            otlp_grpc,
            otlp_http,
            health,
        }
    }
}

impl Stack {
    /// Lens, the Collector and `apps` apps, all ready. `None` when there is no Collector here.
    pub(crate) async fn start(apps: usize) -> Option<Self> {
        Self::start_with(apps, LEAST_BCRYPT_COST).await
    }

    pub(crate) async fn start_with(apps: usize, bcrypt_cost: u32) -> Option<Self> {
        let otelcol = crate::collector()?;
        let ports = Ports::free();
        let mut stack = Self {
            lens: Lens::at(ports.lens),
            otelcol,
            ports,
            lens_part: None,
            otelcol_part: None,
            apps: Vec::new(),
            agent_part: None,
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(stack.folder.path().join("logs")).unwrap();
        stack.start_lens().await;
        stack.start_otelcol().await;
        for index in 0..apps {
            stack.start_app(index, bcrypt_cost).await;
        }
        Some(stack)
    }

    pub(crate) fn app(&self, index: usize) -> &App {
        &self.apps[index].0
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("lens.db")
    }

    pub(crate) async fn start_lens(&mut self) {
        let address = |port: u16| format!("127.0.0.1:{port}");
        let mut command = Command::new(program("trivium-lens"));
        command
            .env("LENS_LISTEN", address(self.ports.lens))
            .env("LENS_INGEST_HTTP", address(self.ports.ingest_http))
            .env("LENS_INGEST_GRPC", address(self.ports.ingest_grpc))
            .env("LENS_DATA", self.database())
            .env("OTEL_SDK_DISABLED", "true");
        let part = Part::start(&mut command, self.folder.path(), "lens");
        self.lens_part = Some(ready(part, self.lens.url("/readyz")).await);
    }

    pub(crate) async fn start_otelcol(&mut self) {
        let address = |port: u16| format!("127.0.0.1:{port}");
        let configs = root().join("otelcol");
        let mut command = Command::new(&self.otelcol);
        command
            .arg("--config")
            .arg(configs.join("config.yaml"))
            .arg("--config")
            .arg(configs.join("backends/lens.yaml"))
            .env("OTELCOL_OTLP_GRPC", address(self.ports.otlp_grpc))
            .env("OTELCOL_OTLP_HTTP", address(self.ports.otlp_http))
            .env("OTELCOL_HEALTH", address(self.ports.health))
            .env("OTELCOL_STORAGE", self.folder.path().join("otelcol"))
            .env("OTELCOL_SPAN_METRICS_INTERVAL", "1s")
            .env(
                "LENS_REMOTE_WRITE",
                format!("http://127.0.0.1:{}/api/v1/write", self.ports.ingest_http),
            )
            .env(
                "LENS_LOGS",
                format!("http://127.0.0.1:{}/otlp", self.ports.ingest_http),
            )
            .env("LENS_TRACES", address(self.ports.ingest_grpc));
        let part = Part::start(&mut command, self.folder.path(), "otelcol");
        let health = format!("http://{}/", address(self.ports.health));
        self.otelcol_part = Some(ready(part, health).await);
    }

    async fn start_app(&mut self, index: usize, bcrypt_cost: u32) {
        let mut command = Command::new(program("trivium-app"));
        command
            .env("APP_LISTEN", "127.0.0.1:0")
            .env(
                "APP_DATABASE",
                self.folder.path().join(format!("app{index}.db")),
            )
            .env("APP_BCRYPT_COST", bcrypt_cost.to_string())
            .env(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                format!("http://127.0.0.1:{}", self.ports.otlp_grpc),
            )
            .env("OTEL_METRIC_EXPORT_INTERVAL", METRIC_INTERVAL_MS)
            .env("OTEL_BSP_SCHEDULE_DELAY", METRIC_INTERVAL_MS)
            .env("OTEL_BLRP_SCHEDULE_DELAY", METRIC_INTERVAL_MS);
        let name = format!("app{index}");
        let mut part = Part::start(&mut command, self.folder.path(), &name);
        let url = until("the app's address", || {
            part.assert_runs();
            let url = listening_url(&part.output());
            async { url }
        })
        .await;
        let part = ready(part, format!("{url}/readyz")).await;
        self.apps.push((App::at(url), part));
    }

    /// A file that the agent reads.
    pub(crate) fn log_file(&self, name: &str) -> PathBuf {
        self.folder.path().join("logs").join(name)
    }

    /// Docker's folder of containers, as the agent knows it.
    pub(crate) fn docker_folder(&self) -> PathBuf {
        self.folder.path().join("docker")
    }

    /// The agent measures this machine, and reads [`Self::log_file`]s and the logs in [`Self::docker_folder`].
    pub(crate) async fn start_agent(&mut self) {
        let folder = self.folder.path();
        let config = folder.join("agent.yaml");
        let text = format!(
            "endpoint: http://127.0.0.1:{}\n\
             state_dir: {folder}/agent\n\
             logs:\n\
             \x20 containers: {{docker: {folder}/docker, kubernetes: false, parse: auto}}\n\
             \x20 files: [{{include: [{folder}/logs/*.log], parse: auto}}]\n\
             metrics: {{host: {{interval: 1s}}, containers: {{interval: 1s}}}}\n",
            self.ports.otlp_grpc,
            folder = folder.display(),
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new(program("trivium-agent"));
        command.arg("run").arg("--config").arg(config);
        let mut part = Part::start(&mut command, self.folder.path(), "agent");
        until("the agent runs", || {
            part.assert_runs();
            let is_running = part.output().contains("running; sending to");
            async move { is_running.then_some(()) }
        })
        .await;
        self.agent_part = Some(part);
    }

    pub(crate) async fn stop_agent(&mut self) {
        let status = self.agent_part.take().unwrap().stop().await;
        assert!(status.success(), "the agent ended with {status}");
    }

    /// Sends a request to the Collector as OTLP/HTTP with JSON. `signal`: `metrics`, `logs` or `traces`.
    pub(crate) async fn send_otlp(&self, signal: &str, request: &Value) {
        let url = format!("http://127.0.0.1:{}/v1/{signal}", self.ports.otlp_http);
        let request = reqwest::Client::new().post(url).json(request);
        let status = request.send().await.unwrap().status();
        assert!(status.is_success(), "{status}");
    }

    pub(crate) async fn stop_lens(&mut self) {
        let status = self.lens_part.take().unwrap().stop().await;
        assert!(status.success(), "lens ended with {status}");
    }

    /// Its exit code is not looked at: see the end of otelcol/config.yaml.
    pub(crate) async fn stop_otelcol(&mut self) {
        self.otelcol_part.take().unwrap().stop().await;
    }

    /// Stops all apps, so that they flush.
    pub(crate) async fn stop_apps(&mut self) {
        for (_, part) in std::mem::take(&mut self.apps) {
            let status = part.stop().await;
            assert!(status.success(), "the app ended with {status}");
        }
    }
}

/// Of the line `trivium-app listening on http://…`.
fn listening_url(output: &str) -> Option<String> {
    let line = output.lines().find(|line| line.contains("listening on"))?;
    Some(line[line.find("http://")?..].trim().to_owned())
}

async fn ready(mut part: Part, url: String) -> Part {
    let client = reqwest::Client::new();
    until(&url, || {
        part.assert_runs();
        let request = client.get(&url).send();
        async { request.await.ok()?.status().is_success().then_some(()) }
    })
    .await;
    part
}
