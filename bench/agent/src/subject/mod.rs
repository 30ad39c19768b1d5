//! The programs under measurement: how each is configured, started on its core, watched and stopped.

mod agent;
mod collector;
mod fluent_bit;
mod rotel;

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{Failure, Options, meter::Reading};

const PATIENCE: Duration = Duration::from_secs(30);
/// The core of the program under measurement; this program has the other.
const SUBJECT_CORE: usize = 0;
const OWN_CORE: usize = 1;

/// A program, and how it keeps what it has not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Agent,
    /// With its queue in memory.
    Collector,
    /// With its queue in files.
    CollectorOnDisk,
    FluentBit,
    Rotel,
}

impl Subject {
    pub(crate) const ALL: [Self; 5] = [
        Self::Agent,
        Self::Collector,
        Self::CollectorOnDisk,
        Self::FluentBit,
        Self::Rotel,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Agent => "trivium-agent",
            Self::Collector => "Collector 0.149",
            Self::CollectorOnDisk => "Collector 0.149, queue on disk",
            Self::FluentBit => "Fluent Bit",
            Self::Rotel => "rotel",
        }
    }

    /// The executable, when it was given.
    pub(crate) fn executable(self, options: &Options) -> Option<&Path> {
        match self {
            Self::Agent => options.agent.as_deref(),
            Self::Collector | Self::CollectorOnDisk => options.collector.as_deref(),
            Self::FluentBit => options.fluent_bit.as_deref(),
            Self::Rotel => options.rotel.as_deref(),
        }
    }
}

/// What it reads.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// Docker's folder of containers.
    Containers(PathBuf),
    /// Plain files by this glob.
    Files(PathBuf),
    /// OTLP on these ports of the loopback.
    Otlp { grpc: u16, http: u16 },
}

/// How requests to the sink are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Zstd,
}

impl Compression {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zstd => "zstd",
        }
    }
}

/// What it shall do.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    pub(crate) input: Input,
    pub(crate) sink: SocketAddr,
    pub(crate) compression: Compression,
    /// For its configuration, its state and what it says.
    pub(crate) folder: &'a Path,
}

/// A running program; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    said: PathBuf,
}

impl Running {
    pub(crate) fn start(
        subject: Subject,
        options: &Options,
        task: &Task<'_>,
    ) -> Result<Self, Failure> {
        let executable = subject
            .executable(options)
            .ok_or("no executable was given")?;
        fs::create_dir_all(task.folder.join("state"))?;
        let mut command = Command::new(executable);
        match subject {
            Subject::Agent => agent::configure(&mut command, task)?,
            Subject::Collector => collector::configure(&mut command, task, false)?,
            Subject::CollectorOnDisk => collector::configure(&mut command, task, true)?,
            Subject::FluentBit => fluent_bit::configure(&mut command, task)?,
            Subject::Rotel => rotel::configure(&mut command, task)?,
        }
        let said = task.folder.join("said.txt");
        let output = File::create(&said)?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        // A child starts on the core of the thread that starts it.
        pin_this_thread(SUBJECT_CORE)?;
        let started = command.spawn();
        pin_this_thread(OWN_CORE)?;
        let child = started.map_err(|error| format!("cannot start {command:?}: {error}"))?;
        Ok(Self { child, said })
    }

    pub(crate) fn reading(&mut self) -> Result<Reading, Failure> {
        self.must_run()?;
        Reading::of(self.child.id())
    }

    /// Waits until something listens on this port of the loopback.
    pub(crate) fn wait_for_port(&mut self, port: u16) -> Result<(), Failure> {
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            self.must_run()?;
            if started.elapsed() > PATIENCE {
                return Err(
                    format!("nothing listens on port {port}: {}", self.last_words()).into(),
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The end of what it wrote to standard output and error.
    pub(crate) fn last_words(&self) -> String {
        let said = fs::read(&self.said).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// SIGTERM, and the time to end.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        )?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > PATIENCE {
                return Err(format!("it does not end: {}", self.last_words()).into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// An error when it has ended.
    pub(crate) fn must_run(&mut self) -> Result<(), Failure> {
        match self.child.try_wait()? {
            Some(status) => Err(format!("it ended with {status}: {}", self.last_words()).into()),
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Leaves the other core to the program under measurement; threads that are started later do too.
pub(crate) fn pin_this_program() -> Result<(), Failure> {
    pin_this_thread(OWN_CORE)
}

/// Ports that nobody listens on just now.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N], Failure> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

fn pin_this_thread(core: usize) -> Result<(), Failure> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &cores)?;
    Ok(())
}
