//! `trivium lens export|import`: what the program lens does with the database of `trivium up`, found or built as that does.

use std::{
    ffi::OsString, fs, io, os::unix::process::CommandExt as _, path::PathBuf, process::Command,
};

use clap::{Args, Subcommand};

use crate::{
    root::{self, RootError},
    state::{self, StateError},
    up::{ProgramError, lens_program},
};

/// `trivium lens`
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    state: state::FolderChoice,
    /// Root of the clone, when run from outside of it
    #[arg(long, value_name = "DIR", env = "TRIVIUM_ROOT")]
    root: Option<PathBuf>,
    #[command(subcommand)]
    task: Task,
}

/// `--help` after one of them is the program lens's, which knows the arguments.
#[derive(Debug, Subcommand)]
enum Task {
    /// Write what is stored of a range of time to a file of OTLP in JSON; the stack may run
    #[command(disable_help_flag = true)]
    Export(Arguments),
    /// Store what such files hold; the stack must not run
    #[command(disable_help_flag = true)]
    Import(Arguments),
}

#[derive(Debug, Args)]
struct Arguments {
    /// Such as --from -1h FILE; --help lists them
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    arguments: Vec<OsString>,
}

/// Why the program did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LensError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Root(#[from] RootError),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("cannot make {}: {source}; choose another folder with --state-dir", path.display())]
    StateDir { path: PathBuf, source: io::Error },
    #[error("cannot start {}: {source}; build it anew, or put it beside this program", path.display())]
    Start { path: PathBuf, source: io::Error },
}

/// Becomes that program, so that its exit code is this one's. Returns only why it can't.
pub(crate) async fn run(options: Options) -> Result<(), LensError> {
    let state = options.state.locate()?;
    for path in [state.logs(), state.data()] {
        fs::create_dir_all(&path).map_err(|source| LensError::StateDir { path, source })?;
    }
    let root = root::find(options.root.as_deref())?;
    let path = lens_program(&root, &state.log("build")).await?;
    let (task, Arguments { arguments }) = match options.task {
        Task::Export(arguments) => ("export", arguments),
        Task::Import(arguments) => ("import", arguments),
    };
    let source = Command::new(&path)
        .env("LENS_DATA", state.data().join("lens.db"))
        .arg(task)
        .args(arguments)
        .exec();
    Err(LensError::Start { path, source })
}
