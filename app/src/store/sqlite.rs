//! One `SQLite` file, in WAL mode: one connection writes, several read beside it.
//!
//! `SQLite` allows one writer at a time. A pool of one makes writers queue fairly here, instead of failing with `SQLITE_BUSY`
//! there. Each write is one statement and so its own transaction.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions, Sqlite, SqlitePool,
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
        SqliteSynchronous,
    },
};

use super::{
    StoreError,
    pool::{self, Pool},
    statement::{Row, Statement, Value, arguments},
};

/// Reads are short: more connections than a few would only wait for the cores.
const READERS: u32 = 4;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct File {
    writer: Pool<Sqlite>,
    readers: Pool<Sqlite>,
}

impl File {
    /// Opens the file, makes it if it is not there, and brings its tables to this version.
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // A sign-up is rare and costs a hash: it can afford to be on the disk before it is acknowledged.
            .synchronous(SqliteSynchronous::Full)
            // Each operation has its span already.
            .disable_statement_logging();
        let open_error = |source| StoreError::OpenFile {
            database: path.display().to_string(),
            source,
        };
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(ACQUIRE_TIMEOUT)
                // A connection to a file does not break while it is idle.
                .test_before_acquire(false)
        };

        let writer: SqlitePool = pool()
            .max_connections(1)
            .connect_with(
                options
                    .clone()
                    .create_if_missing(true)
                    .optimize_on_close(true, None),
            )
            .await
            .map_err(open_error)?;
        sqlx::migrate!("./migrations/sqlite")
            .run(&writer)
            .await
            .map_err(|source| StoreError::Migrate {
                database: path.display().to_string(),
                source,
            })?;
        let readers = pool()
            .max_connections(READERS)
            .connect_with(options.read_only(true))
            .await
            .map_err(open_error)?;

        let (writer, readers) = (Pool::new("writer", writer), Pool::new("readers", readers));
        pool::observe(&[&writer, &readers]);
        Ok(Self { writer, readers })
    }

    pub(super) async fn row<R: Row>(
        &self,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> Result<Option<R>, sqlx::Error> {
        let arguments: SqliteArguments = arguments(values)?;
        let query = sqlx::query_as_with(statement.text, arguments);
        let mut connection = self.pool_for(statement).acquire().await?;
        // To its end, where it is committed; with the first row it would be only on its way there.
        Ok(query.fetch_all(&mut *connection).await?.pop())
    }

    pub(super) async fn execute(
        &self,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> Result<u64, sqlx::Error> {
        let arguments: SqliteArguments = arguments(values)?;
        let query = sqlx::query_with(statement.text, arguments);
        let mut connection = self.pool_for(statement).acquire().await?;
        Ok(query.execute(&mut *connection).await?.rows_affected())
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    fn pool_for(&self, statement: &Statement) -> &Pool<Sqlite> {
        match statement.operation {
            "SELECT" => &self.readers,
            _ => &self.writer,
        }
    }
}
