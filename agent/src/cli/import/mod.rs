//! `import`: the configuration and the offsets of another agent, and an account of what could not be carried over.
//!
//! What is written always loads. What it cannot say is never left out silently: each such line is in the account, with what to
//! do instead.

mod draft;
mod positions;
mod promtail;

use std::{
    fmt, fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

pub use positions::{ImportedPosition, positions};
use promtail::literal;
pub use promtail::promtail;

use super::CommandError;

/// `import promtail`.
#[derive(Debug, Args)]
pub struct PromtailArgs {
    /// Promtail's configuration file.
    #[arg(value_name = "CONFIG")]
    pub file: PathBuf,
    /// Promtail's positions file; its offsets become the agent's, so that no line is sent twice. Stop Promtail first.
    #[arg(long, value_name = "FILE")]
    pub positions: Option<PathBuf>,
    /// The state folder of the agent that will run: it is written into the configuration, and the offsets into it
    #[arg(long, value_name = "DIR", default_value = "/var/lib/trivium-agent", value_parser = absolute)]
    pub state_dir: PathBuf,
}

/// What another agent's configuration became.
#[derive(Debug)]
pub struct Import {
    /// Our configuration.
    pub yaml: String,
    /// What it does not do as before, in the order of the lines.
    pub notes: Vec<Note>,
}

/// Something that is not as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The line in the other agent's file, from 1.
    pub line: u64,
    /// What is there.
    pub what: String,
    /// Whether it is lost, or only found elsewhere.
    pub outcome: Outcome,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was not carried over; what to do instead.
    Lost(String),
    /// It was carried over in another form, which is this.
    Changed(String),
}

/// Why another agent's file cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no YAML.
    #[error("{name}:{line}: this is no YAML: {problem}")]
    Syntax {
        /// The name of the file.
        name: String,
        /// Counted from 1.
        line: u64,
        /// What the YAML parser says.
        problem: String,
    },
    /// There is nothing that the file should have.
    #[error("{name}: there is no `{key}` in it; name the file of Promtail that has it")]
    Foreign {
        /// The name of the file.
        name: String,
        /// What it should have.
        key: &'static str,
    },
}

/// Writes our configuration to `out` and the account to `report`, and gives the offsets to `keep`, which returns how many
/// it took.
///
/// # Errors
/// When a file cannot be read or understood, the answer cannot be written, or `keep` fails.
pub fn run(
    args: &PromtailArgs,
    out: &mut dyn Write,
    report: &mut dyn Write,
    keep: &mut dyn FnMut(Vec<ImportedPosition>) -> Result<usize, CommandError>,
) -> Result<ExitCode, CommandError> {
    let name = args.file.display().to_string();
    let import = promtail(&read(&args.file)?, &name)?;
    let found = match &args.positions {
        Some(path) => Some(positions(&read(path)?, &path.display().to_string())?),
        None => None,
    };
    let state_dir = literal(&args.state_dir.display().to_string());
    writeln!(out, "state_dir: {}", draft::quoted(&state_dir))?;
    out.write_all(import.yaml.as_bytes())?;
    out.flush()?;
    write_notes(&name, &import.notes, report)?;
    if let (Some((found, notes)), Some(path)) = (found, &args.positions) {
        write_notes(&path.display().to_string(), &notes, report)?;
        let count = keep(found)?;
        writeln!(report, "{count} offsets carried over")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The configuration takes no relative paths.
fn absolute(text: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(text)
}

fn read(path: &Path) -> Result<String, CommandError> {
    fs::read_to_string(path).map_err(|error| CommandError::read(path, error))
}

fn write_notes(name: &str, notes: &[Note], report: &mut dyn Write) -> std::io::Result<()> {
    let is_lost = |note: &&Note| matches!(note.outcome, Outcome::Lost(_));
    let (lost, changed): (Vec<_>, Vec<_>) = notes.iter().partition(is_lost);
    for (title, notes) in [
        (
            "What could not be carried over, and what to do instead:",
            lost,
        ),
        ("What was carried over in another form:", changed),
    ] {
        if !notes.is_empty() {
            writeln!(report, "{title}")?;
        }
        for note in notes {
            writeln!(report, "  {name}:{}: {note}", note.line)?;
        }
    }
    Ok(())
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Outcome::Lost(now) | Outcome::Changed(now)) = &self.outcome;
        write!(formatter, "{}: {now}", self.what)
    }
}

#[cfg(test)]
mod tests;
