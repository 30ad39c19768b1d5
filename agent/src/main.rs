//! The program `trivium-agent`: the command line to the command, what went wrong to standard error.

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use trivium_agent::{
    cli::{
        CheckpointCommand, Cli, Command, CommandError, ConfigFile, ImportCommand, SpoolCommand,
        check, checkpoint, explain, import, spool, tail,
    },
    config::Config,
    run,
    state_dir::RealDir,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let is_agent = matches!(cli.command, Command::Run(_));
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_max_level(if is_agent {
            tracing::Level::INFO
        } else {
            tracing::Level::WARN
        })
        .init();
    match run_command(cli.command) {
        Ok(exit_code) => exit_code,
        // Whoever read the answer has seen enough, as `head` has.
        Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "trivium-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_command(command: Command) -> Result<ExitCode, CommandError> {
    let mut out = io::stdout().lock();
    match command {
        Command::Run(file) => run::run(&file, variable),
        Command::Check(file) => check::run(&file, variable, &mut out),
        Command::Explain { file, config } => {
            let config = load(&config)?;
            let verdict = explain::verdict(&config, &file);
            writeln!(out, "{verdict}")?;
            checkpoint::explain(&config, &file, &mut out)?;
            Ok(if verdict.is_read() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Command::Tail(args) => tail::run(&load(&args.config)?, &args, &mut out),
        Command::Checkpoint(CheckpointCommand::Ls(file)) => checkpoint::ls(&load(&file)?, &mut out),
        Command::Checkpoint(CheckpointCommand::Reset { files, all, config }) => {
            checkpoint::reset(&load(&config)?, &files, all, &mut out)
        }
        Command::Spool(command) => run_spool(command, &mut out),
        Command::Import(ImportCommand::Promtail(args)) => {
            let mut report = io::stderr().lock();
            let mut unread = Vec::new();
            let done = import::run(&args, &mut out, &mut report, &mut |positions| {
                checkpoint::import(&args.state_dir, &positions, &mut unread)
            })?;
            report.write_all(&unread)?;
            Ok(done)
        }
    }
}

fn run_spool(command: SpoolCommand, out: &mut impl io::Write) -> Result<ExitCode, CommandError> {
    let look = |file: &ConfigFile| {
        Ok::<_, CommandError>(RealDir::look(&load(file)?.state_dir.join("spool"))?)
    };
    let (SpoolCommand::Ls(file)
    | SpoolCommand::Cat { config: file, .. }
    | SpoolCommand::Drop { config: file, .. }
    | SpoolCommand::Verify(file)) = &command;
    if !load(file)?.state_dir.join("spool").exists() {
        writeln!(out, "no spool: the agent has not run with this state_dir")?;
        return Ok(ExitCode::SUCCESS);
    }
    match command {
        SpoolCommand::Ls(file) => spool::ls(&look(&file)?, out)?,
        SpoolCommand::Cat { sequence, config } => spool::cat(&look(&config)?, sequence, out)?,
        SpoolCommand::Drop { up_to, config, .. } => {
            let dir = RealDir::lock(&load(&config)?.state_dir.join("spool"))?;
            spool::drop_frames(dir, up_to, out)?;
        }
        SpoolCommand::Verify(file) => {
            let is_whole = spool::verify(&look(&file)?, out)?;
            return Ok(if is_whole {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn load(file: &ConfigFile) -> Result<Config, CommandError> {
    Ok(file.load(variable)?.0)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}
