//! `trivium lens export|import`: what the program lens does with the database of `trivium up`, found or built as that does.

use std::{ffi::OsString, io, os::unix::process::CommandExt as _, path::PathBuf, process::Command};

use clap::{Args, ValueEnum};

use crate::{
    folders::{self, NoFolder},
    root::{self, RootError},
    up::{ProgramError, lens_program},
};

/// `trivium lens`
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder of data and logs, as for `trivium up` [default: ~/.local/state/trivium]
    #[arg(long, value_name = "DIR", env = "TRIVIUM_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// Root of the clone, when run from outside of it
    #[arg(long, value_name = "DIR", env = "TRIVIUM_ROOT")]
    root: Option<PathBuf>,
    /// What to do
    command: Task,
    /// Its arguments, such as --from -1h FILE; --help lists them
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGUMENTS"
    )]
    arguments: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Task {
    /// Write what is stored of a range of time to a file of OTLP in JSON; the stack may run
    Export,
    /// Store what such files hold; the stack must not run
    Import,
}

/// Why the program did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LensError {
    #[error(transparent)]
    NoFolder(#[from] NoFolder),
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
    let state = match options.state_dir {
        Some(state) => state,
        None => folders::state()?,
    };
    for folder in [state.join("logs"), state.join("data")] {
        std::fs::create_dir_all(&folder).map_err(|source| LensError::StateDir {
            path: folder.clone(),
            source,
        })?;
    }
    let path = lens_program(
        &root::find(options.root.as_deref())?,
        &state.join("logs/build.log"),
    )
    .await?;
    let task = match options.command {
        Task::Export => "export",
        Task::Import => "import",
    };
    let source = Command::new(&path)
        .env("LENS_DATA", state.join("data/lens.db"))
        .arg(task)
        .args(options.arguments)
        .exec();
    Err(LensError::Start { path, source })
}
