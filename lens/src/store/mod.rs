//! The SQLite file: one writer that commits many requests in one transaction, four read-only connections, one process.
//! A write that returned survives `kill -9` (WAL, `synchronous = NORMAL`), not a power failure.

mod ids;
mod open;
mod retention;
mod rows;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use open::{StoreError, read};
pub use writer::WriteError;

use crate::model::Batch;

/// How long queries that are under way may take when the store closes.
const READERS_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the store is and how much it keeps.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The database file; made when it does not exist.
    pub path: PathBuf,
    /// Rows that arrived (samples: were taken) longer ago are deleted.
    pub retention: Duration,
    /// Bytes in use of the database file above which the oldest rows are deleted.
    pub max_bytes: u64,
}

/// A handle to the open store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    readers: sqlx::SqlitePool,
    writer: writer::Writer,
    _lock: Arc<open::Lock>,
}

impl Store {
    /// Opens or makes the database, brings its schema up to date and starts the writer.
    pub async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let opened = open::open(&config.path).await?;
        let writer = writer::Writer::start(opened.writer, config)
            .await
            .map_err(|source| StoreError::Open {
                path: config.path.clone(),
                source,
            })?;
        Ok(Self {
            readers: opened.readers,
            writer,
            _lock: Arc::new(opened.lock),
        })
    }

    /// The read-only connections. Each reads a snapshot; a reader never waits for the writer.
    pub fn readers(&self) -> &sqlx::SqlitePool {
        &self.readers
    }

    /// Stores a batch; returns after it is committed.
    pub async fn write(&self, batch: Batch) -> Result<(), WriteError> {
        self.writer.write(batch).await
    }

    /// Whether the latest transaction was committed, so that a write is likely to be.
    pub fn is_writable(&self) -> bool {
        self.writer.is_writable()
    }

    /// Stores what waits, refuses what comes after, and leaves one file without a write-ahead log.
    pub async fn close(&self) {
        // A reader that does not end in time keeps the log from being cleared, no more.
        let _ = tokio::time::timeout(READERS_TIMEOUT, self.readers.close()).await;
        self.writer.close().await;
    }
}
