//! The running parts: started one after the other, watched together, stopped in reverse order.
//!
//! Each part is the leader of its own process group, so Ctrl-C in the terminal reaches only this program. Stopping is
//! SIGTERM and waiting, so that a part can drain and flush; SIGKILL follows after a deadline or a second Ctrl-C, and
//! is said.

use std::{
    fs::File,
    future::poll_fn,
    io,
    path::{Path, PathBuf},
    pin::pin,
    process::{ExitStatus, Stdio},
    task::Poll,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::process::{Child, Command};

use super::{
    parts::{Part, Ready},
    state::{PartState, StateDir},
};
use crate::{progress::Step, signals::StopSignals, tail};

/// How long a part may take to answer its readiness check.
const READY_DEADLINE: Duration = Duration::from_secs(30);
const READY_POLL: Duration = Duration::from_millis(25);
/// One readiness check may take this long.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a part may drain and flush: longer than the app's own deadlines together.
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// The parts in the order of their start. Dropped without [`Group::stop`] it kills them.
#[derive(Debug)]
pub(crate) struct Group {
    running: Vec<Running>,
    http: reqwest::Client,
    logs: PathBuf,
    working_folder: PathBuf,
}

#[derive(Debug)]
struct Running {
    part: Part,
    child: Child,
    log: PathBuf,
}

/// A part that isn't there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartError {
    #[error("cannot start {name} ({}): {source}", program.display())]
    Start {
        name: &'static str,
        program: PathBuf,
        source: io::Error,
    },
    #[error("{name} ended by itself ({status}); the last lines of {}:\n{}", log.display(), tail::last_lines(log))]
    Ended {
        name: &'static str,
        status: ExitStatus,
        log: PathBuf,
    },
    #[error(
        "{name} was not ready within {} s: {check}; the last lines of {}:\n{}",
        READY_DEADLINE.as_secs(), log.display(), tail::last_lines(log)
    )]
    NotReady {
        name: &'static str,
        check: String,
        log: PathBuf,
    },
    #[error("cannot watch {name}: {source}")]
    Watch {
        name: &'static str,
        source: io::Error,
    },
}

impl Group {
    /// A group without parts, whose logs and working folder are in `state`.
    pub(super) fn new(state: &StateDir) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(CHECK_TIMEOUT)
            .no_proxy()
            .build()?;
        Ok(Self {
            running: Vec::new(),
            http,
            logs: state.logs(),
            working_folder: state.data(),
        })
    }

    /// Starts `part` and waits until it is ready, or until any part ends. Cancelling it forgets no started part.
    pub(super) async fn start(&mut self, part: Part) -> Result<(), PartError> {
        let step = Step::start(part.name);
        let (name, ready) = (part.name, part.ready.clone());
        let log = self.spawn(part)?;
        let http = self.http.clone();
        tokio::select! {
            error = self.first_exit() => Err(error),
            result = until_ready(&http, ready, &log) => match result {
                Ok(()) => { step.done("ready"); Ok(()) }
                Err(check) => Err(PartError::NotReady { name, check, log }),
            },
        }
    }

    fn spawn(&mut self, part: Part) -> Result<PathBuf, PartError> {
        let log = self.logs.join(format!("{}.log", part.name));
        let child = self
            .command(&part, &log)
            .and_then(|mut command| command.spawn());
        match child {
            Ok(child) => {
                self.running.push(Running {
                    part,
                    child,
                    log: log.clone(),
                });
                Ok(log)
            }
            Err(source) => Err(PartError::Start {
                name: part.name,
                program: part.program,
                source,
            }),
        }
    }

    fn command(&self, part: &Part, log: &Path) -> io::Result<Command> {
        let output = File::create(log)?;
        let mut command = Command::new(&part.program);
        command
            .args(&part.arguments)
            // What a shell has there is another program's database, which no part may touch.
            .env_remove("DATABASE_URL")
            .envs(part.environment.iter().cloned())
            .current_dir(&self.working_folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .kill_on_drop(true);
        Ok(command)
    }

    /// Waits until one of the parts ends, which none does by itself. Cancelling it loses nothing.
    pub(super) async fn first_exit(&mut self) -> PartError {
        poll_fn(|context| {
            for Running { part, child, log } in &mut self.running {
                // A dropped wait loses no exit: the child keeps it and the waker.
                if let Poll::Ready(ended) = pin!(child.wait()).poll(context) {
                    let name = part.name;
                    return Poll::Ready(match ended {
                        Ok(status) => PartError::Ended {
                            name,
                            status,
                            log: log.clone(),
                        },
                        Err(source) => PartError::Watch { name, source },
                    });
                }
            }
            Poll::Pending
        })
        .await
    }

    pub(super) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Stops all parts, the last started first; each has ended before the one it sends to is asked to.
    pub(super) async fn stop(&mut self, signals: &mut StopSignals) {
        let mut patience = STOP_DEADLINE;
        while let Some(mut running) = self.running.pop() {
            if let Ok(Some(_)) = running.child.try_wait() {
                continue;
            }
            let name = running.part.name;
            let step = Step::start(name);
            running.terminate();
            tokio::select! {
                _ = running.child.wait() => { step.done("stopped"); continue; }
                () = tokio::time::sleep(patience) => {}
                () = signals.next() => patience = Duration::ZERO,
            }
            // It fails only for a child that has ended by now.
            let _ = running.child.kill().await;
            step.done("killed: it did not stop in time, so its last telemetry may be missing");
        }
    }

    pub(super) fn states(&self) -> Vec<PartState<'_>> {
        self.running.iter().map(Running::state).collect()
    }
}

impl Running {
    fn state(&self) -> PartState<'_> {
        let addresses = self.part.addresses.iter();
        PartState {
            name: self.part.name,
            pid: self.child.id(),
            log: &self.log,
            addresses: addresses
                .map(|(label, url)| (*label, url.to_string()))
                .collect(),
        }
    }

    fn terminate(&self) {
        if let Some(pid) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // It fails only for a child that has ended by now.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }
}

/// Checks until it is; the error is what the last check saw.
async fn until_ready(http: &reqwest::Client, ready: Ready, log: &Path) -> Result<(), String> {
    let deadline = Instant::now() + READY_DEADLINE;
    loop {
        let seen = match &ready {
            Ready::Answers(url) => match http.get(url.clone()).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => format!("{url} answers {}", answer.status()),
                Err(_) => format!("nothing answers at {url}"),
            },
            // Of this start, as the log begins with it.
            Ready::Prints(end) => match std::fs::read_to_string(log) {
                Ok(text) if text.lines().any(|line| line.ends_with(end)) => return Ok(()),
                Ok(_) => format!("it has not printed `{end}`"),
                Err(error) => format!("cannot read what it prints: {error}"),
            },
        };
        if Instant::now() > deadline {
            return Err(seen);
        }
        tokio::time::sleep(READY_POLL).await;
    }
}
