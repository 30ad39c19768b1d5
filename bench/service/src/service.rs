//! The services under measurement: how each is started, made ready, watched and stopped.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, SysconfVar, sysconf},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use trivium_bench_agent::sink::Sink;

use crate::{
    Failure, Options,
    cores::{OWN, SERVICE},
};

const PATIENCE: Duration = Duration::from_secs(60);
const ACCOUNT: (&str, &str) = ("bench@example.com", "correct horse battery");

/// Which service, and whether its telemetry is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Trivium,
    TriviumSilent,
    Fastapi,
    FastapiSilent,
}

impl Kind {
    pub(crate) fn sends_spans(self) -> bool {
        matches!(self, Self::Trivium | Self::Fastapi)
    }

    fn is_trivium(self) -> bool {
        matches!(self, Self::Trivium | Self::TriviumSilent)
    }
}

/// What a service may run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cores {
    One,
    All,
}

pub(crate) struct Service {
    child: Child,
    address: SocketAddr,
    ready_after: Duration,
    _folder: TempDir,
}

impl Service {
    /// Starts it with the lowest bcrypt cost (what is measured is not bcrypt) and waits until it answers.
    pub(crate) async fn start(
        kind: Kind,
        options: &Options,
        sink: &Sink,
        cores: Cores,
    ) -> Result<Self, Failure> {
        Self::start_at_cost(kind, options, sink, cores, 4).await
    }

    pub(crate) async fn start_at_cost(
        kind: Kind,
        options: &Options,
        sink: &Sink,
        cores: Cores,
        bcrypt_cost: u32,
    ) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let mut command = Command::new("taskset");
        command.arg("--cpu-list").arg(match cores {
            Cores::One => SERVICE.to_string(),
            Cores::All => format!("{SERVICE},{OWN}"),
        });
        if kind.is_trivium() {
            trivium(
                &mut command,
                kind,
                options,
                address,
                folder.path(),
                bcrypt_cost,
            );
        } else {
            fastapi(
                &mut command,
                kind,
                options,
                address,
                folder.path(),
                bcrypt_cost,
            )?;
        }
        command
            .env(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                format!("http://{}", sink.address()),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Instant::now();
        let mut child = command.spawn()?;
        while reqwest::get(format!("http://{address}/")).await.is_err() {
            if let Some(status) = child.try_wait()? {
                return Err(format!("{command:?} ended with {status}").into());
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("{command:?} does not answer").into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(Self {
            child,
            address,
            ready_after: started.elapsed(),
            _folder: folder,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From its start to its first answer.
    pub(crate) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// An access token.
    pub(crate) async fn sign_up_and_log_in(&self) -> Result<String, Failure> {
        let (email, password) = ACCOUNT;
        let account = json!({"email": email, "password": password});
        let client = reqwest::Client::new();
        for path in ["signup", "login"] {
            let url = format!("http://{}/{path}/", self.address);
            let answer = client.post(url).json(&account).send().await?;
            let answer: Value = answer.error_for_status()?.json().await?;
            if let Some(token) = answer["access_token"].as_str() {
                return Ok(token.to_owned());
            }
        }
        Err("no token in the answer to the login".into())
    }

    /// The body of a login of that account.
    pub(crate) fn login_body() -> String {
        let (email, password) = ACCOUNT;
        json!({"email": email, "password": password}).to_string()
    }

    /// User and system time so far.
    pub(crate) fn cpu_seconds(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Fields 14 and 15, counted from 1; the second may contain spaces, but ends with the last parenthesis.
        let after_name = stat.rsplit_once(')').ok_or("unexpected /proc/PID/stat")?.1;
        let mut times = after_name.split_whitespace().skip(11);
        let mut next = || times.next().and_then(|ticks| ticks.parse::<f64>().ok());
        let ticks = next().zip(next()).ok_or("unexpected /proc/PID/stat")?;
        let per_second = sysconf(SysconfVar::CLK_TCK)?.ok_or("no clock tick")?;
        Ok((ticks.0 + ticks.1) / per_second as f64)
    }

    pub(crate) fn peak_memory_mib(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        Ok(kib.ok_or("no VmHWM in /proc/PID/status")? / 1024.0)
    }

    /// SIGTERM, and the time to flush.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        )?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > PATIENCE {
                return Err("the service does not end".into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn trivium(
    command: &mut Command,
    kind: Kind,
    options: &Options,
    address: SocketAddr,
    folder: &Path,
    bcrypt_cost: u32,
) {
    command
        .arg(options.programs.join("trivium-app"))
        .env("APP_LISTEN", address.to_string())
        .env("APP_DATABASE", folder.join("app.db"))
        .env("APP_BCRYPT_COST", bcrypt_cost.to_string())
        // All logins come from one address and one account; what is measured is not the limit on them.
        .env("APP_LOGIN_RATE_CLIENT", "1000000/1s")
        .env("APP_LOGIN_RATE_ACCOUNT", "1000000/1s")
        .env(
            "OTEL_SDK_DISABLED",
            (kind == Kind::TriviumSilent).to_string(),
        );
}

fn fastapi(
    command: &mut Command,
    kind: Kind,
    options: &Options,
    address: SocketAddr,
    folder: &Path,
    bcrypt_cost: u32,
) -> Result<(), Failure> {
    let python = options.python.as_ref().ok_or("--python is not given")?;
    let peer = PathBuf::from("bench/peers/fastapi");
    command
        .arg(python)
        .args(["-m", "uvicorn", "main:app", "--host", "127.0.0.1", "--port"])
        .arg(address.port().to_string())
        .arg("--app-dir")
        .arg(peer)
        .env("DATABASE", folder.join("fastapi.db"))
        .env("BCRYPT_COST", bcrypt_cost.to_string())
        .env(
            "TELEMETRY",
            if kind == Kind::Fastapi { "on" } else { "off" },
        );
    if kind == Kind::FastapiSilent {
        command.arg("--no-access-log");
    }
    Ok(())
}
