//! `trivium down`: stops the stack of a state folder, whoever started it, and returns once nothing of it runs.
//!
//! A `trivium up` that runs is asked to stop, and stops its parts in order. Where it was killed, its parts are asked here, the
//! last started first, and killed when they do not end in time. Where nothing runs, that is said, and is a success.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use clap::Args;
use nix::{errno::Errno, sys::signal::Signal};
use procfs::ProcError;

use crate::{
    process::ProcessId,
    progress::Step,
    state::{self, LockedState, PartRecord, StateDir, StateError},
    up::{KILLED, STOP_DEADLINE},
};

/// Longer than `trivium up` takes when each part is killed at its deadline.
const DEADLINE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(25);
/// How long the folder may be locked by a process that is gone: by one that ends just now, or that has not yet written its id
/// over that of the last.
const CHANGE: Duration = Duration::from_secs(1);

/// `trivium down`
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    state: state::FolderChoice,
}

/// Why something may run on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("cannot stop {name} (process {pid}): {source}; run this as the user that started it")]
    Signal {
        name: String,
        pid: u32,
        source: Errno,
    },
    #[error("cannot look at process {pid}, which is `trivium up`: {source}")]
    Look { pid: u32, source: ProcError },
    #[error(
        "`trivium up` (process {pid}) did not stop within {} s; `kill -9 {pid}`, then `trivium down` again for its parts",
        DEADLINE.as_secs()
    )]
    Deaf { pid: u32 },
    #[error("cannot print the result: {0}")]
    Print(#[from] io::Error),
}

/// Stops what runs.
pub(crate) async fn run(options: &Options) -> Result<(), DownError> {
    let state = options.state.locate()?;
    // Nothing is made for a stack that never was.
    let has_stopped = state.path().exists() && stop(&state).await?;
    let mut out = io::stdout();
    if has_stopped {
        writeln!(out, "Trivium is down.")?;
    } else {
        let folder = state.path().display();
        writeln!(out, "Nothing ran with the state folder {folder}.")?;
    }
    Ok(())
}

/// Says whether there was anything to stop.
async fn stop(state: &StateDir) -> Result<bool, DownError> {
    let started = Instant::now();
    let mut asked: Option<Asked> = None;
    loop {
        let pid = match state.clone().lock() {
            Ok(locked) => {
                let was_watched = asked.is_some();
                if let Some(asked) = asked {
                    asked.step.done("stopped");
                }
                return Ok(stop_left_behind(&locked).await? || was_watched);
            }
            Err(StateError::Locked { pid, .. }) => pid,
            Err(error) => return Err(error.into()),
        };
        match (&asked, pid.parse()) {
            (None, Ok(pid)) => match Asked::now(pid) {
                Err(DownError::Look {
                    source: ProcError::NotFound(_),
                    ..
                }) if started.elapsed() < CHANGE => {}
                now => asked = Some(now?),
            },
            (Some(asked), _) if started.elapsed() > DEADLINE => {
                return Err(DownError::Deaf { pid: asked.pid });
            }
            // It has locked the folder and not yet written who it is.
            _ => {}
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A `trivium up` that was asked to stop.
struct Asked {
    pid: u32,
    step: Step,
}

impl Asked {
    fn now(pid: u32) -> Result<Self, DownError> {
        let name = "trivium up";
        let process = ProcessId::now(pid).map_err(|source| DownError::Look { pid, source })?;
        terminate(name, process, Signal::SIGTERM)?;
        let step = Step::start(name);
        Ok(Self { pid, step })
    }
}

/// Stops the parts of a `trivium up` that was killed; says whether there were any.
async fn stop_left_behind(state: &LockedState) -> Result<bool, DownError> {
    let parts = state.folder().record()?.map(|record| record.parts);
    let mut was_any = false;
    for PartRecord { name, process, .. } in parts.into_iter().flatten().rev() {
        if !process.is_alive() {
            continue;
        }
        was_any = true;
        let step = Step::start(&name);
        terminate(&name, process, Signal::SIGTERM)?;
        if process.has_ended_within(STOP_DEADLINE).await {
            step.done("stopped");
        } else {
            terminate(&name, process, Signal::SIGKILL)?;
            process.has_ended_within(STOP_DEADLINE).await;
            step.done(KILLED);
        }
    }
    state.forget()?;
    Ok(was_any)
}

fn terminate(name: &str, process: ProcessId, signal: Signal) -> Result<(), DownError> {
    process.signal(signal).map_err(|source| DownError::Signal {
        name: name.to_owned(),
        pid: process.pid,
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[tokio::test]
    async fn a_stack_that_ends_by_itself_meanwhile_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["down", "--state-dir", folder.path().to_str().unwrap()];
        let state = Line::parse_from(arguments).options.state.locate().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let gone = child.id();
        child.wait().unwrap();

        let locked = state.clone().lock().unwrap();
        fs::write(folder.path().join("lock"), gone.to_string()).unwrap();
        let unlock = async {
            tokio::time::sleep(4 * POLL).await;
            drop(locked);
        };
        let (stopped, ()) = tokio::join!(stop(&state), unlock);
        assert!(!stopped.unwrap());
    }
}
