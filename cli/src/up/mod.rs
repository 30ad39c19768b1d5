//! `trivium up`: find or build the programs → claim the ports → start the parts in order → wait until each is ready →
//! watch them → stop them in reverse order.
//!
//! Promises: whatever ends it (Ctrl-C, a crash, an error in the middle of the start), no part is left running, and each
//! got the chance to flush. Nothing is restarted: a crash ends the stack and is shown. Only `kill -9` of this process
//! leaves the parts behind; the next start then names them as holders of its ports.

mod agent;
mod backends;
mod group;
mod holder;
mod listen;
mod parts;
mod programs;
mod state;
mod welcome;

use std::{convert::Infallible, future::pending, io, path::PathBuf, time::Instant};

use clap::Args;

use crate::{
    journey::{self, traffic},
    otelcol::{self, OtelcolError},
    root::{self, RootError},
    signals::{SignalError, StopSignals},
};
use agent::{Logs, LogsError};
use backends::{BackendError, Backends};
use group::{Group, PartError};
use listen::{Listen, ListenError};
use parts::Stack;
use programs::{HAS_AGENT, ProgramError, Programs};
use state::{StateDir, StateError};

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
    /// Folder of data and logs, one per running stack [default: ~/.local/state/trivium]
    #[arg(long, value_name = "DIR", env = "TRIVIUM_STATE_DIR")]
    state_dir: Option<PathBuf>,
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
    Signal(#[from] SignalError),
    State(#[from] StateError),
    Root(#[from] RootError),
    Backend(#[from] BackendError),
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

/// Runs the stack until a stop signal, which is a success, or until something fails.
pub(crate) async fn run(options: Options) -> Result<(), UpError> {
    let mut signals = StopSignals::listen()?;
    let state = StateDir::open(options.state_dir.clone())?;
    let mut group = Group::new(&state)?;
    let outcome = tokio::select! {
        outcome = serve(options, &state, &mut group) => outcome.map(|never| match never {}),
        () = signals.next() => Ok(()),
    };
    if outcome.is_err() && group.is_running() {
        eprintln!("✗ failed; stopping what runs");
    }
    group.stop(&mut signals).await;
    let forgotten = state.forget_parts();
    outcome?;
    Ok(forgotten?)
}

async fn serve(
    options: Options,
    state: &StateDir,
    group: &mut Group,
) -> Result<Infallible, UpError> {
    let started = Instant::now();
    let root = root::find(options.root.as_deref())?;
    let backends = Backends::choose(&root, &options.backends)?;
    let log_globs = options.logs.globs(HAS_AGENT)?;
    let listen = options.listen.claim(backends.include_lens())?;
    let programs = Programs::find_or_build(&root, &backends, state).await?;
    let collector = otelcol::locate(&options.collector, &root).await?;

    let agent_config = state.agent_config();
    if HAS_AGENT {
        let endpoint = parts::origin(listen.otlp_grpc);
        let agent_state = state.data().join("agent");
        agent::write_config(&agent_config, &endpoint, &agent_state, &log_globs)?;
    }

    let stack = Stack {
        root: &root,
        backends: &backends,
        listen: &listen,
        programs: &programs,
        collector: &collector,
        agent_config: &agent_config,
        data: state.data(),
    };
    for part in stack.parts() {
        group.start(part).await?;
        state.remember(&backends, group)?;
    }
    welcome::write(
        &mut io::stdout(),
        &listen,
        backends.include_lens(),
        programs.agent.is_some().then_some(agent_config.as_path()),
        &state.logs(),
        started.elapsed(),
    )?;

    let client = journey::Client::new(listen::url(listen.app))?;
    let traffic = async {
        if options.traffic {
            traffic::run(client).await
        } else {
            pending().await
        }
    };
    tokio::select! {
        crash = group.first_exit() => Err(crash.into()),
        never = traffic => match never {},
    }
}
