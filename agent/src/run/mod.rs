//! `trivium-agent run`: everything built, started, reloaded and stopped.
//!
//! | thread | what it does |
//! |---|---|
//! | main | a runtime: sends, drains the spool, receives OTLP, hears signals |
//! | `files` | discovers, tails, frames, redacts, encodes, checkpoints |
//! | `metrics` | samples the host, the containers and the agent itself, and waits in between |
//! | of the runtime, when needed | the spool's writes and syncs |

mod host;
mod losses;
mod own_metrics;
mod pipeline;
mod rules;
mod sampler;
mod service_name;
mod sources;

use std::process::ExitCode;

use nix::errno::Errno;
use tokio::signal::unix::{SignalKind, signal};

pub use self::{
    host::Attributes,
    pipeline::Pipeline,
    rules::{SourceError, settings_of},
    sources::Sources,
};
use crate::{
    cli::{CommandError, ConfigFile},
    config::ConfigError,
    files, relay, send, spool, state_dir,
};

/// Why the agent can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A source of logs.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The state folder.
    #[error(transparent)]
    State(#[from] state_dir::LockError),
    /// The spool in it.
    #[error(transparent)]
    Spool(#[from] spool::SpoolError),
    /// The way to the Collector.
    #[error(transparent)]
    Link(#[from] send::LinkError),
    /// The files' thread.
    #[error(transparent)]
    Files(#[from] files::StartError),
    /// The OTLP receivers.
    #[error(transparent)]
    Relay(#[from] relay::BindError),
    /// The kernel gave no descriptor.
    #[error("can't make an eventfd: {0}; raise the limit of open files (ulimit -n)")]
    Wake(#[source] Errno),
    /// The kernel gave no thread.
    #[error("can't start a thread: {0}")]
    Thread(#[source] std::io::Error),
}

/// Runs until SIGTERM or SIGINT; 0 when all that could be was sent or saved.
///
/// # Errors
/// When it can't start. A configuration that can't be used after SIGHUP leaves the agent as it was.
pub fn run(
    file: &ConfigFile,
    env: impl Fn(&str) -> Option<String>,
) -> Result<ExitCode, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .thread_keep_alive(std::time::Duration::from_secs(2))
        .build()
        .map_err(StartError::Thread)?;
    let done = runtime.block_on(supervise(file, env));
    runtime.shutdown_background();
    done?;
    Ok(ExitCode::SUCCESS)
}

async fn supervise(
    file: &ConfigFile,
    env: impl Fn(&str) -> Option<String>,
) -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Thread)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Thread)?;
    let mut reload = signal(SignalKind::hangup()).map_err(StartError::Thread)?;

    let (mut config, origin) = file.load(&env)?;
    tracing::info!("configuration: {origin}");
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let mut pipeline = Pipeline::start(&config).await?;
    // `trivium up` waits for this line: no port says that the agent is ready.
    tracing::info!("running; sending to {}", config.endpoint_text());
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = reload.recv() => {}
        }
        let next = match file.load(&env) {
            Ok((next, _)) if next == config => {
                tracing::info!("the configuration has not changed");
                continue;
            }
            Ok((next, _)) => next,
            Err(error) => {
                tracing::error!("the configuration stays as it was: {error}");
                continue;
            }
        };
        pipeline.stop().await;
        pipeline = match Pipeline::start(&next).await {
            Ok(pipeline) => {
                config = next;
                tracing::info!("running with the new configuration");
                pipeline
            }
            Err(error) => {
                tracing::error!("going on with the configuration as it was: {error}");
                Pipeline::start(&config).await?
            }
        };
    }
    pipeline.stop().await;
    Ok(())
}
