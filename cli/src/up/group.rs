//! The running parts: started one after the other, watched together, stopped in reverse order.
//!
//! Each part is the leader of its own process group, so Ctrl-C in the terminal reaches only this program. Stopping is
//! SIGTERM and waiting, so that a part can drain and flush; SIGKILL follows after a deadline or a second Ctrl-C, and
//! is said.

use std::{
    future::poll_fn,
    io,
    path::{Path, PathBuf},
    pin::pin,
    process::{ExitStatus, Stdio},
    task::Poll,
    time::{Duration, Instant, SystemTime},
};

use nix::sys::signal::Signal;
use tokio::process::{Child, Command};

use super::{
    detach, output,
    parts::{Part, Ready},
};
use crate::{
    process::ProcessId,
    progress::Step,
    signals::StopSignals,
    state::{Ended, PartRecord, StateDir},
    tail,
};

/// How long a part may take to answer its readiness check.
const READY_DEADLINE: Duration = Duration::from_secs(30);
const READY_POLL: Duration = Duration::from_millis(25);
/// One readiness check may take this long.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a part may drain and flush: longer than the app's own deadlines together.
pub(crate) const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// What is said of a part that was not given its time.
pub(crate) const KILLED: &str =
    "killed: it did not stop in time, so its last telemetry may be missing";

/// The parts in the order of their start. Dropped without [`Group::stop`] it kills them.
#[derive(Debug)]
pub(crate) struct Group {
    running: Vec<Running>,
    http: reqwest::Client,
    state: StateDir,
}

#[derive(Debug)]
struct Running {
    part: Part,
    child: Child,
    record: PartRecord,
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
            state: state.clone(),
        })
    }

    /// Starts `part`, which is not ready yet.
    pub(super) fn spawn(&mut self, part: Part) -> Result<(), PartError> {
        let (name, log) = (part.name, self.state.log(part.name));
        let child = self
            .command(&part, &log)
            .and_then(|mut command| command.spawn());
        let child = child.map_err(|source| PartError::Start {
            name,
            program: part.program.clone(),
            source,
        })?;
        // It has an id, and an entry in /proc, for as long as it is not waited for.
        let process = ProcessId::now(child.id().unwrap_or_default())
            .map_err(|error| io::Error::other(error.to_string()))
            .map_err(|source| PartError::Watch { name, source })?;
        let addresses = part.addresses.iter();
        let record = PartRecord {
            name: name.to_owned(),
            process,
            since: SystemTime::now(),
            log,
            addresses: addresses
                .map(|(label, url)| ((*label).to_owned(), url.to_string()))
                .collect(),
            ended: None,
        };
        self.running.push(Running {
            part,
            child,
            record,
        });
        Ok(())
    }

    /// Waits until the part that was started last is ready, or until any part ends.
    pub(super) async fn last_is_ready(&mut self) -> Result<(), PartError> {
        let Some(last) = self.running.last() else {
            return Ok(());
        };
        let (name, ready) = (last.part.name, last.part.ready.clone());
        let log = last.record.log.clone();
        let step = Step::start(name);
        let http = self.http.clone();
        tokio::select! {
            error = self.next_exit() => Err(error),
            result = until_ready(&http, ready, &log) => match result {
                Ok(()) => { step.done("ready"); Ok(()) }
                Err(check) => Err(PartError::NotReady { name, check, log }),
            },
        }
    }

    fn command(&self, part: &Part, log: &Path) -> io::Result<Command> {
        let output = output::begin(log)?;
        let mut command = Command::new(&part.program);
        command
            .args(&part.arguments)
            // What a shell has there is another program's database, which no part may touch.
            .env_remove("DATABASE_URL")
            .env_remove(detach::IN_BACKGROUND)
            .envs(part.environment.iter().cloned())
            .current_dir(self.state.data())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .kill_on_drop(true);
        Ok(command)
    }

    /// Waits until one more of the parts ends, which none does by itself. Cancelling it loses nothing.
    pub(super) async fn next_exit(&mut self) -> PartError {
        poll_fn(|context| {
            for running in &mut self.running {
                if running.record.ended.is_some() {
                    continue;
                }
                // A dropped wait loses no exit: the child keeps it and the waker.
                let wait = pin!(running.child.wait()).poll(context);
                if let Poll::Ready(ended) = wait {
                    return Poll::Ready(running.note_end(ended));
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
            step.done(KILLED);
        }
    }

    pub(super) fn records(&self) -> Vec<PartRecord> {
        self.running
            .iter()
            .map(|running| running.record.clone())
            .collect()
    }
}

impl Running {
    fn note_end(&mut self, ended: io::Result<ExitStatus>) -> PartError {
        let name = self.part.name;
        let (status, error) = match ended {
            Ok(status) => {
                let log = self.record.log.clone();
                (status.to_string(), PartError::Ended { name, status, log })
            }
            Err(source) => (source.to_string(), PartError::Watch { name, source }),
        };
        let at = SystemTime::now();
        self.record.ended = Some(Ended { status, at });
        error
    }

    fn terminate(&self) {
        // It fails only for a program that has become another user's, which is then killed in vain as well.
        let _ = self.record.process.signal(Signal::SIGTERM);
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
