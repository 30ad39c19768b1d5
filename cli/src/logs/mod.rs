//! `trivium logs NAME`: what a part printed since its last start; with `-f` its last lines and what follows.
//!
//! A file that has grown beyond its bound was emptied, see `up/output.rs`; what stood there before is in `NAME.log.1`.

mod follow;

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, builder::PossibleValuesParser};

use crate::{
    state::{self, StateError},
    tail,
};

/// The parts, and what starts and builds them.
const NAMES: [&str; 6] = ["lens", "otelcol", "agent", "app", "up", "build"];

/// `trivium logs`
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Whose output; up: of `trivium up -d` itself, build: of Cargo
    #[arg(value_parser = PossibleValuesParser::new(NAMES))]
    name: String,
    /// Show the last lines and go on with what is printed, also after a restart, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    state: state::FolderChoice,
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogsError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{name} has printed nothing yet: there is no {}; there is output of: {existing}", path.display())]
    Missing {
        name: String,
        path: PathBuf,
        existing: String,
    },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot print: {0}")]
    Print(io::Error),
}

/// Prints on stdout. That its reader goes away, as `head` does, is no error.
pub(crate) async fn run(options: &Options) -> Result<(), LogsError> {
    match print(options).await {
        Err(LogsError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

async fn print(options: &Options) -> Result<(), LogsError> {
    let state = options.state.locate()?;
    let log = state.log(&options.name);
    let mut file = File::open(&log).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LogsError::Missing {
            name: options.name.clone(),
            path: log.clone(),
            existing: existing(&state.logs()),
        },
        _ => LogsError::Read {
            path: log.clone(),
            source,
        },
    })?;
    let mut out = io::stdout();
    if options.follow {
        tail::seek_last_lines(&mut file).map_err(|source| LogsError::Read {
            path: log.clone(),
            source,
        })?;
        follow::Followed::new(log, file).print(&mut out).await
    } else {
        copy(&mut file, &log, &mut out)
    }
}

/// The rest of `file`, which errors name by `path`.
fn copy(file: &mut File, path: &Path, out: &mut impl Write) -> Result<(), LogsError> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = io::Read::read(file, &mut buffer).map_err(|source| LogsError::Read {
            path: path.to_owned(),
            source,
        })?;
        if read == 0 {
            return out.flush().map_err(LogsError::Print);
        }
        out.write_all(&buffer[..read]).map_err(LogsError::Print)?;
    }
}

/// The names of what has printed something here.
fn existing(logs: &Path) -> String {
    let names: Vec<_> = NAMES
        .into_iter()
        .filter(|name| logs.join(format!("{name}.log")).exists())
        .collect();
    if names.is_empty() {
        return "nothing, as no stack was started here (`trivium up -d` starts one)".to_owned();
    }
    names.join(", ")
}
