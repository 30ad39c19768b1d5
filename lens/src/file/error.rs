//! Why a file was not written or not read to its end.

use std::io;
use std::path::PathBuf;

use crate::query::QueryError;
use crate::store::{StoreError, WriteError};

/// Why a file was not written or not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The database did not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The database could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A range that ends before it begins.
    #[error("--from, {from}, is after --to, {to}; give --from the earlier one")]
    Backwards {
        /// In RFC 3339.
        from: String,
        /// Likewise.
        to: String,
    },
    /// The file to write is there.
    #[error("{path} exists; name another file, or remove it first")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be written.
    #[error(
        "cannot write {path}: {source}; name a file in a folder that exists and has space left"
    )]
    Output {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A row could not be written as JSON.
    #[error("cannot write a line of {path}: {source}")]
    Encode {
        /// The file.
        path: PathBuf,
        /// What the encoder said.
        source: serde_json::Error,
    },
    /// The file could not be read.
    #[error("cannot read {path}: {source}; name a file that `export` or the Collector wrote")]
    Input {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not OTLP in JSON. The lines before it are stored.
    #[error(
        "{path}, line {line}: {source}; each line is one OTLP request in JSON, as `export` and the Collector's file exporter \
         write it. The lines before it are stored"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A line is too long to be held in memory.
    #[error(
        "{path}, line {line}: longer than {limit_bytes} bytes; let the Collector write smaller batches. The lines before it \
         are stored"
    )]
    LongLine {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// How long a line may be.
        limit_bytes: u64,
    },
}

impl From<sqlx::Error> for FileError {
    fn from(error: sqlx::Error) -> Self {
        Self::Query(error.into())
    }
}
