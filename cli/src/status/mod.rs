//! `trivium status`: which parts of a stack are up, since when, and what each took in, turned down, lost and holds back.
//!
//! Whether a part is up is told by its process, so that holds without any of them; the counts are those of lens's
//! `/api/pipeline` since the start of the stack, and are absent, with the reason, where lens does not run.
//! Exit codes: 0 every part is up, 3 something is not or nothing runs, 1 it could not be told.

mod counts;
mod report;
mod table;

use std::{
    io::{self, Write},
    time::SystemTime,
};

use clap::Args;

use crate::state::{self, StateError};
use report::Report;

/// `trivium status`
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    state: state::FolderChoice,
    /// Print it as JSON, with the hops of each part
    #[arg(long)]
    json: bool,
}

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StatusError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("cannot make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    #[error("cannot print the status: {0}")]
    Print(#[from] io::Error),
}

/// Prints the status on stdout; says whether every part is up.
pub(crate) async fn run(options: &Options) -> Result<bool, StatusError> {
    let state = options.state.locate()?;
    let report = match state.record()? {
        Some(record) => {
            let hops = counts::fetch(&record).await?;
            Some(Report::new(record, hops))
        }
        None => None,
    };
    if options.json {
        let mut out = io::stdout();
        let json = report::json(report.as_ref());
        serde_json::to_writer_pretty(&mut out, &json).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        let mut out = anstream::stdout();
        match &report {
            Some(report) => table::write(&mut out, report, SystemTime::now())?,
            None => writeln!(
                out,
                "Nothing runs with the state folder {}; `trivium up -d` starts it.",
                state.path().display()
            )?,
        }
    }
    Ok(report.is_some_and(|report| report.is_all_up()))
}
