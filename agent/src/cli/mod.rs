//! The commands of `trivium-agent`: their arguments, and those of them that need nothing but the configuration.
//!
//! A command writes its answer to the writer it is given, and what went wrong is one line with the fix. Exit codes: 0 done,
//! 1 failed, 2 wrong usage.

pub mod check;
pub mod checkpoint;
pub mod explain;
mod found;
pub mod import;
pub mod spool;
pub mod tail;

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Config, ConfigError, Origin, for_help},
    run::{SourceError, StartError},
    state_dir::LockError,
};

/// Container logs, files, host and container metrics and OTLP of this host, into OTLP, nothing lost.
#[derive(Debug, Parser)]
#[command(name = "trivium-agent", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read, measure and send, until SIGTERM; SIGHUP reads the configuration again
    #[command(after_long_help = for_help())]
    Run(ConfigFile),
    /// Say whether the configuration can be used, and what it would read
    #[command(after_long_help = for_help())]
    Check(ConfigFile),
    /// Say whether a file is read and why, and how far
    Explain {
        /// The file.
        file: PathBuf,
        /// The configuration.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Show what each stage makes of lines
    Tail(TailArgs),
    /// The saved offsets of files, while the agent does not run
    #[command(subcommand)]
    Checkpoint(CheckpointCommand),
    /// What is kept on disk until the Collector takes it
    #[command(subcommand)]
    Spool(SpoolCommand),
    /// Take over from another agent
    #[command(subcommand)]
    Import(ImportCommand),
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub struct ConfigFile {
    /// The configuration; without it /etc/trivium-agent.yaml, and without that file the defaults.
    #[arg(long = "config", value_name = "FILE")]
    pub path: Option<PathBuf>,
}

impl ConfigFile {
    /// Reads it.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn load(
        &self,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<(Config, Origin), ConfigError> {
        Config::load(self.path.as_deref(), env)
    }
}

/// `tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// Show each line before and after each stage; nothing is sent and no offset moves.
    #[arg(long, required = true)]
    pub inspect: bool,
    /// The file; without it, standard input.
    pub file: Option<PathBuf>,
    /// Whose stages to use: the index of a source in `logs.files`; without it, the source that reads FILE.
    #[arg(long, value_name = "INDEX")]
    pub source: Option<usize>,
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigFile,
}

/// `checkpoint`.
#[derive(Debug, Subcommand)]
pub enum CheckpointCommand {
    /// List files with their saved offsets
    Ls(ConfigFile),
    /// Forget offsets, so that files are read from their beginning again
    Reset {
        /// The files; without any, `--all` has to be given.
        #[arg(required_unless_present = "all")]
        files: Vec<PathBuf>,
        /// Forget all of them.
        #[arg(long, conflicts_with = "files")]
        all: bool,
        /// The configuration.
        #[command(flatten)]
        config: ConfigFile,
    },
}

/// `spool`.
#[derive(Debug, Subcommand)]
pub enum SpoolCommand {
    /// List what is kept: sequence number, age, signal, records, bytes
    Ls(ConfigFile),
    /// Write the OTLP request of a sequence number to standard output
    Cat {
        /// As `spool ls` lists it.
        sequence: u64,
        /// The configuration.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Remove the oldest requests, up to a sequence number; they are lost
    Drop {
        /// The last one to remove.
        #[arg(required_unless_present = "all")]
        up_to: Option<u64>,
        /// Remove all of them.
        #[arg(long, conflicts_with = "up_to")]
        all: bool,
        /// The configuration.
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Check every frame, and say what is damaged
    Verify(ConfigFile),
}

/// `import`.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Write the configuration that does what a Promtail configuration does; what could not be carried over goes to stderr
    Promtail(import::PromtailArgs),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The agent cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A source cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] LockError),
    /// The spool cannot be shown or changed.
    #[error(transparent)]
    Spool(#[from] spool::SpoolCommandError),
    /// Nothing says how the lines are written.
    #[error(
        "no source of the configuration reads this file; choose one by --source INDEX, of logs.files"
    )]
    NoSource,
    /// A file cannot be read.
    #[error("cannot read {}: {source}; name a file that is there, or make it readable", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of another agent cannot be understood.
    #[error(transparent)]
    Import(#[from] import::ImportError),
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}; write it to a file that has room")]
    Output(#[from] io::Error),
}

impl CommandError {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        let words = ["trivium-agent"].into_iter().chain(line.split_whitespace());
        Cli::try_parse_from(words).map(|cli| cli.command)
    }

    #[test]
    fn the_commands_of_the_guide_are_understood() {
        Cli::command().debug_assert();
        for line in [
            "run",
            "run --config /a.yaml",
            "check --config /a.yaml",
            "explain /var/log/a.log",
            "tail --inspect",
            "tail --inspect /var/log/a.log --source 1",
            "checkpoint ls",
            "checkpoint reset /var/log/a.log /var/log/b.log",
            "checkpoint reset --all",
            "spool ls",
            "spool cat 7",
            "spool drop 7",
            "spool drop --all",
            "spool verify --config /a.yaml",
            "import promtail /etc/promtail.yaml --positions /tmp/positions.yaml",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_would_be_a_mistake_is_wrong_usage() {
        for line in [
            "",
            "tail",
            "checkpoint reset",
            "checkpoint reset --all /a",
            "spool drop",
            "spool drop 1 --all",
            "import promtail",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn the_help_of_run_lists_the_settings() {
        let help = parse("run --help").unwrap_err().to_string();
        assert!(
            help.contains("  spool.max_bytes [default: 1GiB]\n"),
            "{help}"
        );
    }
}
