//! What `trivium-lens` is asked to do: to run, or to write and read a file of a time range. A command says on standard error
//! what it did.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::file::{self, Exported, FileError, Imported};
use crate::query::time::{self, Range};
use crate::store::{Store, StoreConfig};

/// The embedded backend: takes in metrics, logs and traces from an OpenTelemetry Collector and shows them on a page.
#[derive(Debug, Parser)]
#[command(name = "trivium-lens", version)]
pub struct Cli {
    /// The settings.
    #[command(flatten)]
    pub config: Config,
    /// What to do instead of running.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of running.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write what is stored of a range of time to a file: OTLP in JSON, a request per line. A lens that runs goes on
    Export(Export),
    /// Store what such files hold, of `export` or of the Collector's file exporter; nothing is stored twice. No lens may run on
    /// the database
    Import(Import),
}

/// `export`
#[derive(Debug, Args)]
pub struct Export {
    /// Start: RFC 3339, such as 2026-11-24T08:00:00Z, or a duration back from now, such as -1h
    #[arg(long, value_parser = moment, allow_hyphen_values = true)]
    from: i64,
    /// End, likewise [default: now]
    #[arg(long, value_parser = moment, allow_hyphen_values = true)]
    to: Option<i64>,
    /// The file, which must not exist
    file: PathBuf,
}

/// `import`
#[derive(Debug, Args)]
pub struct Import {
    /// The files
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Why a value was refused; clap adds the name and the value.
#[derive(Debug, thiserror::Error)]
#[error("write it as 2026-11-24T08:00:00Z, or as a duration back from now such as -1h")]
struct MomentError;

fn moment(text: &str) -> Result<i64, MomentError> {
    let text = text.strip_prefix('-').unwrap_or(text);
    time::parse_moment(text, time::now_ns()).ok_or(MomentError)
}

impl Command {
    /// Does it on the database of `store`.
    pub async fn run(&self, store: &StoreConfig) -> Result<(), FileError> {
        match self {
            Self::Export(export) => export.run(&store.path).await,
            Self::Import(import) => import.run(store).await,
        }
    }
}

impl Export {
    async fn run(&self, database: &Path) -> Result<(), FileError> {
        let range = Range {
            since_ns: self.from,
            until_ns: self.to.unwrap_or_else(time::now_ns),
        };
        if range.since_ns > range.until_ns {
            return Err(FileError::Backwards {
                from: time::rfc3339(range.since_ns),
                to: time::rfc3339(range.until_ns),
            });
        }
        let Exported {
            spans,
            logs,
            points,
            exemplars,
        } = file::export(database, range, &self.file).await?;
        eprintln!(
            "{}: {spans} spans, {logs} log records, {points} data points, {exemplars} exemplars, from {} to {}",
            self.file.display(),
            time::rfc3339(range.since_ns),
            time::rfc3339(range.until_ns),
        );
        Ok(())
    }
}

impl Import {
    async fn run(&self, config: &StoreConfig) -> Result<(), FileError> {
        let store = Store::open(config).await?;
        for path in &self.files {
            match file::import(&store, path).await {
                Ok(imported) => eprintln!("{}: {}", path.display(), told(&imported, config)),
                Err(error) => {
                    store.close().await;
                    return Err(error);
                }
            }
        }
        store.close().await;
        Ok(())
    }
}

fn told(imported: &Imported, config: &StoreConfig) -> String {
    let Imported {
        spans,
        logs,
        known_logs,
        samples,
        exemplars,
        left_out,
        without_request,
        oldest_sample_ms,
    } = imported;
    let mut told = format!(
        "{spans} spans, {logs} log records, {samples} samples, {exemplars} exemplars; what was stored already ({known_logs} log \
         records) is not stored again"
    );
    if *without_request > 0 {
        told += &format!("; lines without spans, log records or metrics: {without_request}");
    }
    if *left_out > 0 {
        told += &format!(
            "; {left_out} were left out: summaries, exponential histograms, deltas, or without a valid id or time"
        );
    }
    let kept_ns = time::now_ns().saturating_sub(time::nanoseconds(config.retention));
    if let Some(oldest_ms) = oldest_sample_ms.filter(|oldest_ms| oldest_ms * 1_000_000 < kept_ns) {
        told += &format!(
            ". Metrics begin at {}, and those older than LENS_RETENTION ({}) are deleted: set it longer, import again and run \
             lens with it",
            time::rfc3339_ms(oldest_ms),
            humantime::format_duration(config.retention)
        );
    }
    told
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{Cli, Command};

    fn export(arguments: &[&str]) -> Result<super::Export, String> {
        let all = [&["trivium-lens", "export"], arguments].concat();
        match Cli::try_parse_from(all)
            .map_err(|error| error.to_string())?
            .command
        {
            Some(Command::Export(export)) => Ok(export),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn times_are_rfc3339_or_back_from_now_with_or_without_a_sign() {
        let all = export(&["--from", "2026-11-24T08:00:00Z", "--to=-1h", "f.jsonl"]).unwrap();
        assert_eq!(all.from, 1_795_507_200_000_000_000);
        let hour_ago = crate::query::time::now_ns() - 3_600_000_000_000;
        assert!((all.to.unwrap() - hour_ago).abs() < 60_000_000_000);
        let short = export(&["--from", "1h", "f.jsonl"]).unwrap();
        assert!((short.from - hour_ago).abs() < 60_000_000_000);
        assert_eq!(short.to, None);
        let error = export(&["--from", "yesterday", "f.jsonl"]).unwrap_err();
        assert!(error.contains("'yesterday' for '--from <FROM>'"), "{error}");
        assert!(error.contains("such as -1h"), "{error}");
    }
}
