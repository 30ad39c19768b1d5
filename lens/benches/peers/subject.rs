//! The programs that are measured: each in a process of its own, on free ports of loopback, with its data in a folder that goes
//! with it, otherwise as it comes.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::Process;

use crate::{Failure, process};

/// How long a program has, after the last acknowledgement, to do what it put off.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running program.
pub(crate) struct Subject {
    child: Child,
    /// Where rows are sent, `http://127.0.0.1:PORT`.
    pub(crate) ingest: String,
    /// Where pages and queries are asked.
    pub(crate) page: String,
    _folder: tempfile::TempDir,
}

impl Subject {
    pub(crate) fn lens(program: &Path) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let (child, [page, ingest, _grpc]) = process::start(program, folder.path(), "16GiB")?;
        Ok(Self {
            page,
            ingest,
            child,
            _folder: folder,
        })
    }

    pub(crate) async fn otelite(program: &Path) -> Result<Self, Failure> {
        let [page, http, grpc] = free_ports()?;
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(program);
        command
            .args(["--log-level", "error", "serve", "--addr"])
            .arg(format!("127.0.0.1:{page}"))
            .arg("--storage-path")
            .arg(folder.path())
            .env("HOME", folder.path())
            .env("XDG_CONFIG_HOME", folder.path())
            .env("OTELITE_OTLP_HTTP_PORT", http.to_string())
            .env("OTELITE_OTLP_GRPC_PORT", grpc.to_string());
        Self::start(command, folder, [http, page], "/api/health").await
    }

    pub(crate) async fn zipkin(jar: &Path) -> Result<Self, Failure> {
        let [port, _, _] = free_ports()?;
        let folder = tempfile::tempdir()?;
        let mut command = Command::new("java");
        command
            .arg("-jar")
            .arg(jar)
            .arg("--armeria.ports[0].ip=127.0.0.1")
            .arg(format!("--armeria.ports[0].port={port}"))
            .arg("--armeria.ports[0].protocols[0]=http")
            .env("STORAGE_TYPE", "mem")
            // More than is sent: its default drops the oldest beyond 500,000.
            .env("MEM_MAX_SPANS", "10000000");
        Self::start(command, folder, [port, port], "/health").await
    }

    pub(crate) async fn prometheus(program: &Path) -> Result<Self, Failure> {
        let [port, _, _] = free_ports()?;
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("prometheus.yaml");
        std::fs::write(&config, "global: {}\n")?;
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg("--web.enable-remote-write-receiver");
        Self::start(command, folder, [port, port], "/-/ready").await
    }

    /// Starts `command` and waits until it answers `ready` at its page.
    async fn start(
        mut command: Command,
        folder: tempfile::TempDir,
        [ingest, page]: [u16; 2],
        ready: &str,
    ) -> Result<Self, Failure> {
        let log = File::create(folder.path().join("output.log"))?;
        let child = command
            .stdout(log.try_clone()?)
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let subject = Self {
            child,
            ingest: format!("http://127.0.0.1:{ingest}"),
            page: format!("http://127.0.0.1:{page}"),
            _folder: folder,
        };
        let address = format!("{}{ready}", subject.page);
        let started = Instant::now();
        while !reqwest::get(&address)
            .await
            .is_ok_and(|a| a.status().is_success())
        {
            if started.elapsed() > START_TIMEOUT {
                let log = subject._folder.path().join("output.log");
                let output = std::fs::read_to_string(log)?;
                return Err(
                    format!("{address} did not answer; {command:?} said:\n{output}").into(),
                );
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(subject)
    }

    /// User and system time of the whole process since its start.
    pub(crate) fn cpu_seconds(&self) -> Result<f64, Failure> {
        let stat = Process::new(self.child.id().cast_signed())?.stat()?;
        Ok((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
    }

    pub(crate) fn resident_mib(&self) -> Result<u64, Failure> {
        let status = Process::new(self.child.id().cast_signed())?.status()?;
        let kib = status
            .vmrss
            .ok_or("the kernel does not tell resident memory")?;
        Ok(kib / 1024)
    }

    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        )?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It has ended when all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that were free a moment ago: these programs do not say which they took.
fn free_ports() -> Result<[u16; 3], Failure> {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0"));
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(listeners) {
        *port = listener?.local_addr()?.port();
    }
    Ok(ports)
}
