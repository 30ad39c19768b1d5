//! `trivium up`: find or build the programs → claim the ports → start the parts in order → wait until each is ready →
//! watch them → stop them in reverse order.
//!
//! Promises: whatever ends it (Ctrl-C, a crash, an error in the middle of the start), no part is left running, and each
//! got the chance to flush. Nothing is restarted. In the foreground a crash ends the stack and is shown; in the background
//! (`-d`), where nobody looks, the other parts run on, so that the page still tells what happened, and `trivium status` tells
//! what is gone. Only `kill -9` of this process leaves the parts behind: the next start refuses, and `trivium down` stops them.

mod agent;
mod backends;
mod detach;
mod group;
mod holder;
mod lens_token;
mod listen;
mod output;
mod parts;
mod programs;
mod welcome;

use std::{
    convert::Infallible,
    env,
    future::pending,
    io,
    path::PathBuf,
    process,
    time::{Instant, SystemTime},
};

use clap::Args;

use crate::{
    color,
    journey::{self, traffic},
    otelcol::{self, OtelcolError},
    process::ProcessId,
    root::{self, RootError},
    signals::{SignalError, StopSignals},
    state::{self, LockedState, Record, StateError},
};
use agent::{Logs, LogsError};
use backends::{BackendError, Backends};
use detach::DetachError;
use group::{Group, PartError};
pub(crate) use group::{KILLED, STOP_DEADLINE};
use lens_token::TokenError;
use listen::{Listen, ListenError};
pub(crate) use output::before;
use parts::Stack;
use programs::{HAS_AGENT, Programs};
pub(crate) use programs::{ProgramError, lens_program};

/// `trivium up`
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the telemetry goes: names of files in otelcol/backends; several are all written to
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',', default_value = "lens")]
    backends: Vec<String>,
    #[command(flatten)]
    collector: otelcol::Choice,
    /// Root of the clone, when run from outside of it
    #[arg(long, value_name = "DIR", env = "TRIVIUM_ROOT")]
    root: Option<PathBuf>,
    #[command(flatten)]
    state: state::FolderChoice,
    /// Return once all is ready; the stack runs on in the background until `trivium down`
    #[arg(short, long)]
    detach: bool,
    /// With -d: print what was started as JSON
    #[arg(long, requires = "detach")]
    json: bool,
    /// Send the app some traffic, about seven requests per second, so that there is something to see
    #[arg(long)]
    traffic: bool,
    #[command(flatten)]
    logs: Logs,
    #[command(flatten)]
    listen: Listen,
}

/// Why the stack did not start, or did not stay up.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum UpError {
    Detach(#[from] DetachError),
    Signal(#[from] SignalError),
    State(#[from] StateError),
    #[error(
        "a `trivium up` with the state folder {} was killed, and left running: {parts}; stop them with `trivium down`, or \
         choose another folder with --state-dir",
        folder.display()
    )]
    LeftBehind {
        folder: PathBuf,
        parts: String,
    },
    #[error("cannot read this process's entry in /proc: {0}")]
    OwnProcess(procfs::ProcError),
    Root(#[from] RootError),
    Backend(#[from] BackendError),
    Token(#[from] TokenError),
    Logs(#[from] LogsError),
    Listen(#[from] ListenError),
    Program(#[from] ProgramError),
    Otelcol(#[from] OtelcolError),
    Part(#[from] PartError),
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    #[error("cannot print the addresses: {0}")]
    Print(#[from] io::Error),
}

/// Runs the stack until a stop signal, which is a success, or until something fails; with `-d`, until all is ready.
pub(crate) async fn run(options: Options) -> Result<(), UpError> {
    let is_in_background = detach::is_in_background();
    if options.detach && !is_in_background {
        return Ok(detach::run(&options).await?);
    }
    if is_in_background {
        // Away from the terminal. It fails only for a leader of a group, which no Ctrl-C reaches anyway.
        let _ = nix::unistd::setsid();
    }
    let mut signals = StopSignals::listen()?;
    let state = options.state.locate()?.lock()?;
    refuse_what_was_left_behind(&state)?;
    let mut group = Group::new(state.folder())?;
    let outcome = tokio::select! {
        outcome = serve(options, &state, &mut group) => outcome.map(|never| match never {}),
        () = signals.next() => Ok(()),
    };
    if outcome.is_err() && group.is_running() {
        say_failed("failed; stopping what runs");
    }
    group.stop(&mut signals).await;
    let forgotten = state.forget();
    outcome?;
    Ok(forgotten?)
}

/// A second set of parts would write to the same databases.
fn refuse_what_was_left_behind(state: &LockedState) -> Result<(), UpError> {
    let left = state.folder().record()?.map(|record| record.parts);
    let alive: Vec<_> = left
        .iter()
        .flatten()
        .filter(|part| part.process.is_alive())
        .map(|part| format!("{} (process {})", part.name, part.process.pid))
        .collect();
    if alive.is_empty() {
        return Ok(());
    }
    Err(UpError::LeftBehind {
        folder: state.folder().path().to_owned(),
        parts: alive.join(", "),
    })
}

fn say_failed(what: &str) {
    anstream::eprintln!("{} {what}", color::paint(color::BAD, "✗"));
}

async fn serve(
    options: Options,
    state: &LockedState,
    group: &mut Group,
) -> Result<Infallible, UpError> {
    let started = Instant::now();
    let is_in_background = detach::is_in_background();
    let folder = state.folder();
    let has_lens = options.backends.iter().any(|name| name == backends::LENS);
    let lens_token_file = lens_token::file(env::var_os("LENS_TOKEN_FILE").filter(|_| has_lens))?;
    let mut record = Record {
        process: ProcessId::now(process::id()).map_err(UpError::OwnProcess)?,
        since: SystemTime::now(),
        is_ready: false,
        backends: options.backends.clone(),
        agent_config: HAS_AGENT.then(|| folder.agent_config()),
        lens_token_file,
        parts: Vec::new(),
    };
    state.remember(&record)?;
    let listen = start(&options, state, group, &mut record).await?;
    record.is_ready = true;
    state.remember(&record)?;
    if !is_in_background {
        let headline = format!(
            "Trivium is up after {:.1} s. Ctrl-C stops it.",
            started.elapsed().as_secs_f64()
        );
        welcome::write(&mut io::stdout(), &headline, &record, &folder.logs())?;
    }

    let client = journey::Client::new(listen::url(listen.app))?;
    let traffic = async {
        if options.traffic {
            traffic::run(client).await
        } else {
            pending().await
        }
    };
    let own = is_in_background.then(|| folder.log("up"));
    let logs = record.parts.iter().map(|part| part.log.clone());
    let logs = logs.chain(own).collect();
    let mut beside = std::pin::pin!(async {
        tokio::select! { never = traffic => never, never = output::keep_bounded(logs) => never }
    });
    loop {
        tokio::select! {
            gone = group.next_exit() => {
                if !is_in_background {
                    return Err(gone.into());
                }
                record.parts = group.records();
                // A disk that is full is no reason to stop what runs.
                if let Err(error) = state.remember(&record) {
                    say_failed(&error.to_string());
                }
                say_failed(&format!("{gone}\n  the other parts run on; `trivium down` stops them"));
            }
            never = &mut beside => match never {},
        }
    }
}

/// Starts part after part, each noted in `record` before it is waited for.
async fn start(
    options: &Options,
    state: &LockedState,
    group: &mut Group,
    record: &mut Record,
) -> Result<Listen, UpError> {
    let folder = state.folder();
    let root = root::find(options.root.as_deref())?;
    let backends = Backends::choose(&root, &options.backends)?;
    let log_globs = options.logs.globs(HAS_AGENT)?;
    let listen = options.listen.clone().claim(backends.include_lens())?;
    let programs = Programs::find_or_build(&root, &backends, folder).await?;
    let collector = otelcol::locate(&options.collector, &root).await?;

    let agent_config = folder.agent_config();
    if HAS_AGENT {
        let endpoint = parts::origin(listen.otlp_grpc);
        let agent_state = folder.data().join("agent");
        agent::write_config(&agent_config, &endpoint, &agent_state, &log_globs)?;
    }

    let stack = Stack {
        root: &root,
        backends: &backends,
        listen: &listen,
        programs: &programs,
        collector: &collector,
        agent_config: &agent_config,
        lens_token_file: record.lens_token_file.as_deref(),
        data: folder.data(),
    };
    for part in stack.parts() {
        group.spawn(part)?;
        record.parts = group.records();
        state.remember(record)?;
        group.last_is_ready().await?;
    }
    Ok(listen)
}
