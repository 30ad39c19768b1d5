//! The store in one `SQLite` file, in WAL mode: one connection writes, several read beside it.
//!
//! `SQLite` allows one writer at a time. A pool of one makes writers queue fairly here, instead of failing with `SQLITE_BUSY`
//! there. Each write is one statement and so its own transaction; one of several statements has to start with `BEGIN
//! IMMEDIATE`, or it fails when it turns from reading to writing.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use trivium_telemetry::db;

use super::{Credentials, StoreError, User};
use crate::{email::Email, faults::delayed};

const INSERT: &str = "INSERT INTO users (id, email, password_hash, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (email) DO NOTHING";
const SELECT_CREDENTIALS: &str = "SELECT id, password_hash FROM users WHERE email = ?";
const SELECT_USER: &str = "SELECT id, email, created_at FROM users WHERE id = ?";

/// Reads are short: more connections than a few would only wait for the cores.
const READERS: u32 = 4;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Handle to the file; see the module above for what it promises.
pub(crate) struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    telemetry: db::Client,
}

impl Store {
    /// Opens the file, makes it if it is not there, and brings its tables to this version.
    ///
    /// # Errors
    /// [`StoreError::Open`] and [`StoreError::Migrate`], both with the path and what to check.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // A sign-up is rare and costs a hash: it can afford to be on the disk before it is acknowledged.
            .synchronous(SqliteSynchronous::Full)
            // Each operation has its span already.
            .disable_statement_logging();
        let open_error = |source| StoreError::Open {
            path: path.to_owned(),
            source,
        };
        let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);

        let writer = pool()
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
                path: path.to_owned(),
                source,
            })?;
        let readers = pool()
            .max_connections(READERS)
            .connect_with(options.read_only(true))
            .await
            .map_err(open_error)?;

        Ok(Self {
            writer,
            readers,
            telemetry: db::Client::new("sqlite", "auth"),
        })
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`StoreError::EmailTaken`], or [`StoreError::Operation`].
    pub(crate) async fn insert(&self, user: &User, password_hash: &str) -> Result<(), StoreError> {
        let insert = sqlx::query(INSERT)
            .bind(&user.id)
            .bind(&user.email)
            .bind(password_hash)
            .bind(user.created_at);
        let done = self
            .telemetry
            .operation("INSERT", "users")
            .query_text(INSERT)
            .observe(delayed(insert.execute(&self.writer)))
            .await
            .map_err(|source| StoreError::Operation {
                action: "insert a user",
                source,
            })?;
        if done.rows_affected() == 0 {
            Err(StoreError::EmailTaken)
        } else {
            Ok(())
        }
    }

    /// The credentials of the account with this address.
    ///
    /// # Errors
    /// [`StoreError::Operation`].
    pub(crate) async fn credentials(
        &self,
        email: &Email,
    ) -> Result<Option<Credentials>, StoreError> {
        let select = sqlx::query_as(SELECT_CREDENTIALS).bind(email.as_str());
        self.telemetry
            .operation("SELECT", "users")
            .query_text(SELECT_CREDENTIALS)
            .observe(delayed(select.fetch_optional(&self.readers)))
            .await
            .map_err(|source| StoreError::Operation {
                action: "find a user by address",
                source,
            })
    }

    /// The account with this id.
    ///
    /// # Errors
    /// [`StoreError::Operation`].
    pub(crate) async fn user(&self, id: &str) -> Result<Option<User>, StoreError> {
        let select = sqlx::query_as(SELECT_USER).bind(id);
        self.telemetry
            .operation("SELECT", "users")
            .query_text(SELECT_USER)
            .observe(delayed(select.fetch_optional(&self.readers)))
            .await
            .map_err(|source| StoreError::Operation {
                action: "find a user by id",
                source,
            })
    }

    /// Whether the database answers; no span, since a probe asks every few seconds.
    ///
    /// # Errors
    /// [`StoreError::Operation`].
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let select = sqlx::query("SELECT 1").execute(&self.readers);
        select
            .await
            .map(drop)
            .map_err(|source| StoreError::Operation {
                action: "read",
                source,
            })
    }

    /// Waits for running operations and closes the file.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
