//! The real Collector, when there is one: the program that `trivium otelcol` finds.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Runs until dropped.
pub(crate) struct Otelcol {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    process: Child,
    _folder: TempDir,
}

impl Otelcol {
    /// Receives OTLP over TLS from clients whose certificate `folder`'s authority signed, and passes all on to `next`
    /// (OTLP/gRPC). `None`, with a word on it, when there is no Collector here and this is not CI.
    pub(crate) fn start(folder: TempDir, next: SocketAddr) -> Option<Self> {
        let program = find()?;
        let (grpc, http, health) = (free_address(), free_address(), free_address());
        let config = folder.path().join("config.yaml");
        fs::write(
            &config,
            configuration(folder.path(), grpc, http, health, next),
        )
        .unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new(program)
            .arg("--config")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let collector = Self {
            grpc,
            http,
            process,
            _folder: folder,
        };
        collector.wait_until_healthy(health);
        Some(collector)
    }

    fn wait_until_healthy(&self, health: SocketAddr) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_healthy(health) {
            let log = fs::read_to_string(self._folder.path().join("log"));
            assert!(Instant::now() < deadline, "the Collector: {log:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Otelcol {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn find() -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let trivium = test.ancestors().nth(2).unwrap().join("trivium");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(&trivium)
        .args(["otelcol", "--root"])
        .arg(root)
        .output();
    let problem = match output {
        Ok(output) if output.status.success() => {
            return Some(String::from_utf8(output.stdout).unwrap().trim().into());
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => format!("{}: {error}; build it first", trivium.display()),
    };
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!is_ci, "no Collector: {problem}");
    eprintln!("SKIPPED: no Collector: {problem}");
    None
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn is_healthy(health: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(health) else {
        return false;
    };
    let mut answer = String::new();
    let _ = stream.write_all(b"GET / HTTP/1.0\r\n\r\n");
    let _ = stream.read_to_string(&mut answer);
    answer.contains(" 200 ")
}

fn configuration(
    folder: &Path,
    grpc: SocketAddr,
    http: SocketAddr,
    health: SocketAddr,
    next: SocketAddr,
) -> String {
    let folder = folder.display();
    let tls = format!(
        "{{cert_file: {folder}/server.pem, key_file: {folder}/server.key, client_ca_file: {folder}/ca.pem}}"
    );
    format!(
        "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '{grpc}', tls: {tls}}}, http: {{endpoint: '{http}', tls: {tls}}}}}}}}}
exporters: {{otlp_grpc: {{endpoint: '{next}', tls: {{insecure: true}}}}}}
extensions: {{health_check: {{endpoint: '{health}'}}}}
service:
  extensions: [health_check]
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp_grpc]}}
    metrics: {{receivers: [otlp], exporters: [otlp_grpc]}}
    logs: {{receivers: [otlp], exporters: [otlp_grpc]}}
"
    )
}
