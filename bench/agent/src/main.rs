//! The agent beside the Collector, Fluent Bit and rotel: same machine, same run, same lines, one sink for all.
//!
//! One core has the program under measurement, the other this one: the sink, which finds out by sequence numbers what is
//! missing, and what writes and sends the lines. The tables are printed, and written to `bench/agent/README.md` between its
//! markers with `--write`. Exits with an error when the agent has lost lines, or a program could not be measured.
//!
//! `make bench-agent`, or `cargo run --release -p trivium-bench-agent -- --help`

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

mod meter;
mod relay_load;
mod report;
mod scenario;
mod subject;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Parser, Subcommand, ValueEnum as _};
use trivium_bench_agent::sink::{Sink, control};

use crate::{
    scenario::{Figures, Scenario},
    subject::Subject,
};

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures the programs that are given
    Run(Options),
    /// Runs the sink by itself, until it is ended
    Sink {
        /// Where it receives OTLP
        #[arg(long, default_value = "127.0.0.1:4317")]
        listen: SocketAddr,
        /// Where it is told what to do: `PUT /answer`, `PUT /away`, `GET /tally`
        #[arg(long, default_value = "127.0.0.1:4319")]
        control: SocketAddr,
    },
}

#[derive(Debug, clap::Args)]
struct Options {
    /// trivium-agent, built with `cargo build --release`
    #[arg(long)]
    agent: Option<PathBuf>,
    /// Collector built from bench/peers/otelcol-0149/builder.yaml
    #[arg(long)]
    collector: Option<PathBuf>,
    /// rotel-agent of the package in bench/peers/rotel/requirements.txt
    #[arg(long)]
    rotel: Option<PathBuf>,
    /// Fluent Bit 5
    #[arg(long)]
    fluent_bit: Option<PathBuf>,
    /// Only these scenarios
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Measurements of each program in each scenario; medians are shown
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Lines at full speed
    #[arg(long, default_value_t = 1_000_000)]
    lines: u64,
    /// Length of the steady and relay scenarios
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Files of the idle scenario
    #[arg(long, default_value_t = 1000)]
    idle_files: u32,
    /// Length of the idle scenario
    #[arg(long, default_value_t = 30)]
    idle_seconds: u64,
    /// Length of the outage
    #[arg(long, default_value_t = 60)]
    outage_seconds: u64,
    /// What is written meanwhile
    #[arg(long, default_value_t = 512)]
    backlog_mib: u64,
    /// An outage of 30 minutes and 5 GiB instead
    #[arg(long)]
    full: bool,
    /// Write the tables into bench/agent/README.md
    #[arg(long)]
    write: bool,
}

impl Options {
    /// In seconds.
    fn outage_length(&self) -> u64 {
        if self.full {
            30 * 60
        } else {
            self.outage_seconds
        }
    }

    fn backlog_bytes(&self) -> u64 {
        let mib = if self.full {
            5 * 1024
        } else {
            self.backlog_mib
        };
        mib << 20
    }
}

fn main() -> Result<ExitCode, Failure> {
    match Arguments::parse().command {
        Command::Run(options) => run(&options),
        Command::Sink { listen, control } => sink(listen, control),
    }
}

fn run(options: &Options) -> Result<ExitCode, Failure> {
    subject::pin_this_program()?;
    let machine = report::Machine::look()?;
    let mut measured = Vec::new();
    let mut has_failed = false;
    let scenarios = match &options.only[..] {
        [] => Scenario::value_variants(),
        only => only,
    };
    for round in 1..=options.rounds {
        for scenario in scenarios {
            for subject in scenario.subjects() {
                if subject.executable(options).is_none() {
                    continue;
                }
                eprintln!("round {round}: {scenario:?}, {}", subject.name());
                let folder = tempfile::tempdir()?;
                match scenario.run(*subject, options, folder.path()) {
                    Ok(figures) => measured.push(Measured {
                        scenario: *scenario,
                        subject: *subject,
                        figures,
                    }),
                    // The others are measured all the same.
                    Err(error) => {
                        eprintln!("{scenario:?}, {}: {error}", subject.name());
                        has_failed = true;
                    }
                }
            }
        }
    }
    let tables = report::tables(&machine, &measured, options)?;
    println!("{tables}");
    if options.write {
        report::write(&tables)?;
    }
    let has_lost =
        |measured: &Measured| measured.subject == Subject::Agent && measured.figures.missing > 0;
    if measured.iter().any(has_lost) {
        eprintln!("trivium-agent has lost lines");
        has_failed = true;
    }
    Ok(if has_failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// One program in one scenario in one round.
#[derive(Debug)]
pub(crate) struct Measured {
    scenario: Scenario,
    subject: Subject,
    figures: Figures,
}

fn sink(listen: SocketAddr, control: SocketAddr) -> Result<ExitCode, Failure> {
    let sink = Arc::new(Sink::start_at(listen)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let receives_at = sink.address();
    runtime.block_on(control::serve(sink, control, |address| {
        println!("OTLP on {receives_at}, control on {address}");
    }))?;
    Ok(ExitCode::SUCCESS)
}
