//! `trivium up -d`: starts `trivium up` again as a process of its own session, whose output goes to `logs/up.log`, shows that
//! output until all is ready, prints the addresses, and returns.
//!
//! Interrupted while it waits, it stops what it started. Where a stack is up already, that one's addresses are printed:
//! nothing is started, and no option is looked at.

use std::{
    env,
    fs::File,
    io::{self, Write},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{errno::Errno, sys::signal::Signal};
use serde::Serialize;
use tokio::process::{Child, Command};

use super::{Options, output, welcome};
use crate::{
    process::ProcessId,
    signals::{SignalError, StopSignals},
    state::{Record, StateDir, StateError, rfc3339},
};

/// Set for the process that `-d` starts, and for nothing else; no option, as shells would complete it.
pub(super) const IN_BACKGROUND: &str = "TRIVIUM_UP_IN_BACKGROUND";

const POLL: Duration = Duration::from_millis(25);

/// Why nothing was put into the background.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DetachError {
    #[error(transparent)]
    Signal(#[from] SignalError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("cannot start {} in the background: {source}", program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error(
        "cannot watch the start in the background: {0}; `trivium status` tells what came of it"
    )]
    Watch(io::Error),
    #[error("the start in the background failed ({status}): the reason is above, and in {}", log.display())]
    Failed { status: ExitStatus, log: PathBuf },
    #[error("cannot stop process {pid}: {source}; end it with `trivium down`")]
    Stop { pid: u32, source: Errno },
    #[error("interrupted before all was ready; what had been started is stopped")]
    Interrupted,
    #[error("cannot print the addresses: {0}")]
    Print(io::Error),
}

/// What `--json` prints: this and all of state.json.
#[derive(Serialize)]
struct Outcome<'a> {
    was_running: bool,
    #[serde(flatten)]
    record: &'a Record,
}

/// Whether this is the process that `-d` started.
pub(super) fn is_in_background() -> bool {
    env::var_os(IN_BACKGROUND).is_some()
}

pub(super) async fn run(options: &Options) -> Result<(), DetachError> {
    let started = Instant::now();
    let state = options.state.locate()?;
    if let Some(record) = ready(&state)?.filter(|record| record.process.is_alive()) {
        let headline = format!(
            "Trivium is up already, as process {} since {}. Nothing was started or changed. {}`trivium down` stops it.",
            record.process.pid,
            rfc3339::text(record.since),
            missing(&record)
        );
        return print(options, &state, &record, true, &headline);
    }
    let mut signals = StopSignals::listen()?;
    let record = start(&state, &mut signals).await?;
    let headline = format!(
        "Trivium is up after {:.1} s, in the background. `trivium status` tells how it is, `trivium down` stops it.",
        started.elapsed().as_secs_f64()
    );
    print(options, &state, &record, false, &headline)
}

/// A sentence on the parts that have ended since.
fn missing(record: &Record) -> String {
    let parts = record.parts.iter();
    let gone: Vec<_> = parts
        .filter(|part| !part.process.is_alive())
        .map(|part| part.name.as_str())
        .collect();
    if gone.is_empty() {
        return String::new();
    }
    format!("Not up: {}; see `trivium status`. ", gone.join(", "))
}

fn ready(state: &StateDir) -> Result<Option<Record>, StateError> {
    Ok(state.record()?.filter(|record| record.is_ready))
}

fn print(
    options: &Options,
    state: &StateDir,
    record: &Record,
    was_running: bool,
    headline: &str,
) -> Result<(), DetachError> {
    let mut out = io::stdout();
    if options.json {
        let outcome = Outcome {
            was_running,
            record,
        };
        serde_json::to_writer_pretty(&mut out, &outcome)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        welcome::write(&mut out, headline, record, &state.logs())
    }
    .map_err(DetachError::Print)
}

async fn start(state: &StateDir, signals: &mut StopSignals) -> Result<Record, DetachError> {
    // Refuses, without a trace in the log of the one that runs, and makes the folder of that log.
    drop(state.clone().lock()?);
    let log = state.log("up");
    let (mut child, mut printed) = spawn(&log)?;
    let pid = child.id();
    loop {
        show(&mut printed)?;
        let record = ready(state)?.filter(|record| Some(record.process.pid) == pid);
        if let Some(record) = record {
            return Ok(record);
        }
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(DetachError::Watch)?;
                show(&mut printed)?;
                // By `trivium down`, say.
                if status.success() {
                    return Err(DetachError::Interrupted);
                }
                return Err(DetachError::Failed { status, log });
            }
            () = signals.next() => {
                stop(&mut child).await?;
                show(&mut printed)?;
                return Err(DetachError::Interrupted);
            }
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// The process in the background, and its output from the first line on.
fn spawn(log: &PathBuf) -> Result<(Child, File), DetachError> {
    let program = env::current_exe().unwrap_or_else(|_| "trivium".into());
    let spawn = || {
        let output = output::begin(log)?;
        let printed = File::open(log)?;
        let child = Command::new(&program)
            .args(env::args_os().skip(1))
            .env(IN_BACKGROUND, "true")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok((child, printed))
    };
    spawn().map_err(|source| DetachError::Start {
        program: program.clone(),
        source,
    })
}

fn show(printed: &mut File) -> Result<(), DetachError> {
    io::copy(printed, &mut io::stderr())
        .map(drop)
        .map_err(DetachError::Watch)
}

async fn stop(child: &mut Child) -> Result<(), DetachError> {
    if let Some(pid) = child.id() {
        // Not waited for yet, so its id is its own.
        if let Ok(process) = ProcessId::now(pid) {
            process
                .signal(Signal::SIGTERM)
                .map_err(|source| DetachError::Stop { pid, source })?;
        }
    }
    child.wait().await.map(drop).map_err(DetachError::Watch)
}
