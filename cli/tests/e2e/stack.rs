//! lens, the Collector, any number of apps and the agent, on free ports, in a folder that vanishes; each can be stopped and started.

use std::{fs, net::SocketAddr, path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    client::App, collector, here::free, lens::Lens, part::Part, program, root, start, start::ready,
};

/// Short, so that tests need not wait for what is only a matter of time.
const METRIC_INTERVAL_MS: &str = "500";

/// So that tests need not wait for what is slow on purpose.
const LEAST_BCRYPT_COST: u32 = 4;

pub(crate) struct Stack {
    pub(crate) lens: Lens,
    otelcol: PathBuf,
    addresses: Addresses,
    lens_part: Option<Part>,
    otelcol_part: Option<Part>,
    apps: Vec<(App, Part)>,
    agent_part: Option<Part>,
    folder: TempDir,
}

/// The apps may take any port, for they say which; the others must be known beforehand.
struct Addresses {
    lens: SocketAddr,
    ingest_http: SocketAddr,
    ingest_grpc: SocketAddr,
    otlp_grpc: SocketAddr,
    otlp_http: SocketAddr,
    health: SocketAddr,
}

impl Addresses {
    fn free() -> Self {
        let [lens, ingest_http, ingest_grpc, otlp_grpc, otlp_http, health] = free();
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
        let otelcol = collector()?;
        let addresses = Addresses::free();
        let mut stack = Self {
            lens: Lens::at(addresses.lens.port()),
            otelcol,
            addresses,
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

    /// Where the Collector takes OTLP over gRPC.
    pub(crate) fn otlp(&self) -> String {
        format!("http://{}", self.addresses.otlp_grpc)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("lens.db")
    }

    pub(crate) async fn start_lens(&mut self) {
        let Addresses {
            lens,
            ingest_http,
            ingest_grpc,
            ..
        } = self.addresses;
        let folder = self.folder.path();
        self.lens_part = Some(start::lens(folder, lens, ingest_http, ingest_grpc).await);
    }

    pub(crate) async fn start_otelcol(&mut self) {
        let addresses = &self.addresses;
        let configs = root().join("otelcol");
        let mut command = Command::new(&self.otelcol);
        command
            .arg("--config")
            .arg(configs.join("config.yaml"))
            .arg("--config")
            .arg(configs.join("backends/lens.yaml"))
            .env("OTELCOL_OTLP_GRPC", addresses.otlp_grpc.to_string())
            .env("OTELCOL_OTLP_HTTP", addresses.otlp_http.to_string())
            .env("OTELCOL_HEALTH", addresses.health.to_string())
            .env("OTELCOL_STORAGE", self.folder.path().join("otelcol"))
            .env("OTELCOL_SPAN_METRICS_INTERVAL", "1s")
            .env(
                "LENS_REMOTE_WRITE",
                format!("http://{}/api/v1/write", addresses.ingest_http),
            )
            .env(
                "LENS_LOGS",
                format!("http://{}/otlp", addresses.ingest_http),
            )
            .env("LENS_TRACES", addresses.ingest_grpc.to_string());
        let part = Part::start(&mut command, self.folder.path(), "otelcol");
        let health = format!("http://{}/", addresses.health);
        self.otelcol_part = Some(ready(part, health).await);
    }

    async fn start_app(&mut self, index: usize, bcrypt_cost: u32) {
        let (folder, name) = (self.folder.path(), format!("app{index}"));
        let otlp = self.otlp();
        let (url, part) = start::app(folder, &name, &otlp, METRIC_INTERVAL_MS, |command| {
            command.env("APP_BCRYPT_COST", bcrypt_cost.to_string());
        })
        .await;
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
            "endpoint: http://{}\n\
             state_dir: {folder}/agent\n\
             logs:\n\
             \x20 containers: {{docker: {folder}/docker, kubernetes: false, parse: auto}}\n\
             \x20 files: [{{include: [{folder}/logs/*.log], parse: auto}}]\n\
             metrics: {{host: {{interval: 1s}}, containers: {{interval: 1s}}}}\n",
            self.addresses.otlp_grpc,
            folder = folder.display(),
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new(program("trivium-agent"));
        command.arg("run").arg("--config").arg(config);
        self.agent_part = Some(start::agent(&mut command, folder).await);
    }

    pub(crate) async fn stop_agent(&mut self) {
        let status = self.agent_part.take().unwrap().stop().await;
        assert!(status.success(), "the agent ended with {status}");
    }

    /// Sends a request to the Collector as OTLP/HTTP with JSON. `signal`: `metrics`, `logs` or `traces`.
    pub(crate) async fn send_otlp(&self, signal: &str, request: &Value) {
        let url = format!("http://{}/v1/{signal}", self.addresses.otlp_http);
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
