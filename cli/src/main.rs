//! The program `trivium`: starts the whole stack on one machine and drives load against it.
//!
//! It starts programs and talks to them over the network; it shares no code with them.
//! Exit codes: 0 done, 1 failed (the reason is on stderr), 2 wrong usage.

mod compile;
mod folders;
mod journey;
mod load;
mod otelcol;
mod progress;
mod root;
mod signals;
mod tail;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// One OpenTelemetry pipeline for metrics, logs and traces, on one machine.
#[derive(Debug, Parser)]
#[command(name = "trivium", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start lens, the Collector, the agent and the app; stop them all on Ctrl-C
    Up(up::Options),
    /// Send the traffic of simulated users and report latencies and failures
    Load(load::Options),
    /// Find or build the Collector and print the path of its executable
    Otelcol(otelcol::Options),
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum Failure {
    Up(#[from] up::UpError),
    Load(#[from] load::LoadError),
    Otelcol(#[from] otelcol::CommandError),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("trivium: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Up(options) => up::run(options).await?,
        Command::Load(options) => load::run(options).await?,
        Command::Otelcol(options) => otelcol::run(options).await?,
    }
    Ok(())
}
