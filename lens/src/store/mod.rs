//! The SQLite file: one writer that commits many requests in one transaction, four read-only connections, one process.
//! A write that returned survives `kill -9` (WAL, `synchronous = NORMAL`), not a power failure.

mod ids;
mod open;
mod rows;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

pub use open::StoreError;
pub use writer::WriteError;

use crate::model::Batch;

/// Where the store is and how much it keeps.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The database file; made when it does not exist.
    pub path: PathBuf,
}

/// A handle to the open store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    readers: sqlx::SqlitePool,
    writer: Arc<writer::Writer>,
}

impl Store {
    /// Opens or makes the database and brings its schema up to date.
    pub async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let (connection, readers) = open::open(&config.path).await?;
        Ok(Self {
            readers,
            writer: Arc::new(writer::Writer::new(connection)),
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
}
