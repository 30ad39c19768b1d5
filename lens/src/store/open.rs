//! Opens the database file: settings of the connections, schema.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, SqlitePool};

/// Concurrent readers: the page and the API; each costs up to [`READER_CACHE_KIB`].
const READERS: u32 = 4;
const READER_CACHE_KIB: u32 = 4 * 1024;
/// The writer updates three indexes at random places; this holds their hot pages.
const WRITER_CACHE_KIB: u32 = 32 * 1024;

/// Why the store did not open.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("cannot open the database {path}: {source}")]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the schema of {path} up to date: {source}")]
    Migrate {
        /// The database file.
        path: PathBuf,
        /// What failed.
        source: sqlx::migrate::MigrateError,
    },
}

pub(super) async fn open(path: &Path) -> Result<(SqliteConnection, SqlitePool), StoreError> {
    let failed = |source| StoreError::Open {
        path: path.to_owned(),
        source,
    };
    // Foreign keys off: they would be checked at each row, and deleting a resource would scan all spans and logs.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(false)
        .disable_statement_logging();
    let mut writer = options
        .clone()
        .create_if_missing(true)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
        .connect()
        .await
        .map_err(failed)?;
    sqlx::migrate!()
        .run(&mut writer)
        .await
        .map_err(|source| StoreError::Migrate {
            path: path.to_owned(),
            source,
        })?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .connect_with(
            options
                .read_only(true)
                .pragma("cache_size", format!("-{READER_CACHE_KIB}")),
        )
        .await
        .map_err(failed)?;
    Ok((writer, readers))
}
