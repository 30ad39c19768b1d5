//! The program `trivium`: runs the whole stack on one machine, tells how it is, and drives load against it.
//!
//! It starts programs and talks to them over the network; it shares no code with them but the telemetry library.
//! Exit codes: 0 done, 1 failed (the reason is on stderr), 2 wrong usage, 3 of `status`: not every part is up; those of
//! `doctor` say which hop is broken.

mod color;
mod compile;
mod completion;
mod doctor;
mod down;
mod folders;
mod journey;
mod lens;
mod load;
mod logs;
mod otelcol;
mod process;
mod progress;
mod root;
mod secret;
mod signals;
mod state;
mod status;
mod tail;
mod up;

use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, Parser, Subcommand};

/// One OpenTelemetry pipeline for metrics, logs and traces, on one machine.
#[derive(Debug, Parser)]
#[command(name = "trivium", version)]
struct Cli {
    /// Colour the output; `auto`: on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start lens, the Collector, the agent and the app; stop them all on Ctrl-C, or run on in the background with -d
    Up(up::Options),
    /// Stop what `up` started, in order, and wait for its end
    Down(down::Options),
    /// Show each part: up or not, accepted, refused, dropped, queue, lag; the exit code is 3 when not all is up
    Status(status::Options),
    /// Show what a part printed
    Logs(logs::Options),
    /// Send the traffic of simulated users and report latencies and failures
    Load(load::Options),
    /// Send one marked request, follow it hop by hop, and name the first broken link and its likely fix
    Doctor(Box<doctor::Options>),
    /// Write a range of time to a file, or read such a file, with the database of `up`
    Lens(lens::Options),
    /// Find or build the Collector and print the path of its executable
    Otelcol(otelcol::Options),
    /// Print the script that makes a shell complete the commands and options of `trivium`
    Completion(completion::Options),
}

/// As the Linux Standard Base has it for a service that does not run.
const NOT_ALL_IS_UP: u8 = 3;

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum Failure {
    Up(#[from] up::UpError),
    Down(#[from] down::DownError),
    Status(#[from] status::StatusError),
    Logs(#[from] logs::LogsError),
    Load(#[from] load::LoadError),
    Doctor(#[from] doctor::DoctorError),
    Lens(#[from] lens::LensError),
    Otelcol(#[from] otelcol::CommandError),
    Completion(#[from] completion::CompletionError),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Doctor(error) => error.exit_code(),
            _ => ExitCode::FAILURE,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { color, command } = Cli::parse();
    color::choose(color);
    match run(command).await {
        Ok(code) => code,
        Err(failure) => {
            anstream::eprintln!("{} {failure}", color::paint(color::BAD, "trivium:"));
            failure.exit_code()
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Up(options) => up::run(options).await?,
        Command::Down(options) => down::run(&options).await?,
        Command::Status(options) => {
            if !status::run(&options).await? {
                return Ok(ExitCode::from(NOT_ALL_IS_UP));
            }
        }
        Command::Logs(options) => logs::run(&options).await?,
        Command::Load(options) => load::run(options).await?,
        Command::Doctor(options) => doctor::run(*options).await?,
        Command::Lens(options) => lens::run(options).await?,
        Command::Otelcol(options) => otelcol::run(options).await?,
        Command::Completion(options) => completion::run(&options, Cli::command())?,
    }
    Ok(ExitCode::SUCCESS)
}
